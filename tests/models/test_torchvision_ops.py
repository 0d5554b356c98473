"""timm imports beside a CPU torch, and nothing is touched where the operators exist."""

import subprocess
import sys

CODE = """
import torch
{before}
from cvbook.models.torchvision_ops import declare_missing
print(declare_missing())
print(declare_missing())
{after}
"""


def run(before: str = "", after: str = "") -> list[str]:
    command = [sys.executable, "-c", CODE.format(before=before, after=after)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.split("\n")


USE_TIMM = """
import timm
network = timm.create_model("resnet18", num_classes=3).eval()
print(tuple(network(torch.zeros(1, 3, 32, 32)).shape))
"""


def test_timm_imports_and_runs():
    out = run(after=USE_TIMM)
    assert out[1] == "[]" and out[2] == "(1, 3)"


DEFINE = """
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def test_existing_operators_are_left_alone():
    assert run(before=DEFINE)[:2] == ["[]", "[]"]
