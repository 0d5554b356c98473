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
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(before=before, after=after)],
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return done.stdout.split("\n")


def test_timm_imports_and_runs():
    out = run(
        after="import timm\nprint(tuple(timm.create_model('resnet18', num_classes=3).eval()(torch.zeros(1, 3, 32, 32)).shape))"
    )
    assert out[1] == "[]" and out[2] == "(1, 3)"


def test_existing_operators_are_left_alone():
    define = "library = torch.library.Library('torchvision', 'DEF')\n" + "\n".join(
        f"library.define({schema!r})"
        for schema in (
            "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        )
    )
    assert run(before=define)[:2] == ["[]", "[]"]
