"""Training steps in 16 bits against FP32: time by network and batch size.

    python benchmarks/timing/precision.py [--device cuda]

On a GPU also FP16, and peak memory. Networks of this book and ResNet-50, random inputs; the types
take turns, and the ratio of medians to FP32 is kept. The result goes to precision.json beside this
file. About 4 minutes on a processor, with one thread.
"""

import argparse
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.models.embedder import Embedder
from cvbook.models.mivolo import mivolo_d1
from cvbook.models.torchvision_ops import declare_missing
from cvbook.models.weights import recogniser
from cvbook.train.precision import step_times

declare_missing()
import timm  # noqa: E402

NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], tuple]]] = {
    "ResNet-50": (lambda: timm.create_model("resnet50"), lambda b: (torch.rand(b, 3, 224, 224),)),
    "MiVOLO-D1": (mivolo_d1, lambda b: (torch.rand(b, 6, 224, 224),)),
    "embedding": (lambda: Embedder(64, 64), lambda b: (torch.rand(b, 3, 96, 96),)),
    "recogniser": (recogniser, lambda b: (torch.rand(b, 1, 32, 400), torch.full((b,), 400))),
}


def race(name: str, batch: int, device: str, rounds: int) -> dict:
    """Seconds a step of each type, their ratio to FP32 and, on a GPU, peak memory in MB."""
    make, inputs = NETWORKS[name]
    taken, memory = step_times(make(), inputs(batch), rounds, device)
    whole = np.median(taken["FP32"])
    ratio = {kind: round(float(whole / np.median(times)), 2) for kind, times in taken.items()}
    ratio.pop("FP32")
    print(name, batch, ratio, memory, flush=True)
    seconds = {kind: np.round(times, 4).tolist() for kind, times in taken.items()}
    found = {"network": name, "batch": batch, "seconds": seconds, "ratio": ratio}
    return found | ({"megabytes": memory} if memory else {})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    chosen = parser.parse_args().device
    torch.manual_seed(0)
    if chosen == "cpu":
        torch.set_num_threads(1)
    sizes, turns = ((16, 64, 256), 20) if chosen == "cuda" else ((8,), 7)
    cases = [race(name, batch, chosen, turns) for name in NETWORKS for batch in sizes]
    device = torch.cuda.get_device_name() if chosen == "cuda" else "one thread"
    about = {"date": date.today().isoformat(), "machine": machine(), "device": device}
    text = json.dumps(about | {"cases": cases}, indent=1) + "\n"
    write_text(Path(__file__).with_suffix(".json"), text)
