"""Training steps in 16 bits against FP32: time by network and batch size, and on a GPU also FP16 and peak memory.

    python benchmarks/half.py [--device cuda]

Networks of this book and ResNet-50, random inputs; the types take turns, and the ratio of medians to FP32 is kept. The result goes to half.json beside
this file. About 4 minutes on a processor, with one thread.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import torch
from torch import nn

from cvbook.book.claims import machine
from cvbook.models.embedder import Embedder
from cvbook.models.mivolo import mivolo_d1
from cvbook.models.torchvision_ops import declare_missing
from cvbook.models.weights import recogniser
from cvbook.paths import ROOT

declare_missing()
import timm  # noqa: E402

NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], tuple]]] = {
    "ResNet-50": (lambda: timm.create_model("resnet50"), lambda b: (torch.rand(b, 3, 224, 224),)),
    "MiVOLO-D1": (mivolo_d1, lambda b: (torch.rand(b, 6, 224, 224),)),
    "embedding": (lambda: Embedder(64, 64), lambda b: (torch.rand(b, 3, 96, 96),)),
    "recogniser": (recogniser, lambda b: (torch.rand(b, 1, 32, 400), torch.full((b,), 400))),
}


def race(name: str, batch: int, device: str, rounds: int) -> dict:
    """Seconds a step and, on a GPU, peak memory in MB of each type, in turns."""
    make, inputs = NETWORKS[name]
    model, x = make().to(device, memory_format=torch.channels_last).train(), tuple(t.to(device) for t in inputs(batch))
    optimiser, cuda = torch.optim.SGD(model.parameters(), 1e-4), device == "cuda"
    kinds = {"FP32": None, "BF16": torch.bfloat16} | ({"FP16": torch.float16} if cuda else {})
    taken, memory = {kind: [] for kind in kinds}, {}
    for turn in range(rounds + 1):
        for kind, dtype in kinds.items():
            if cuda:
                torch.cuda.reset_peak_memory_stats()
                torch.cuda.synchronize()
            begun = time.perf_counter()
            with torch.autocast(device, dtype or torch.bfloat16, enabled=dtype is not None):
                output = model(*x)
            optimiser.zero_grad()
            (1024 * output.float().square().mean()).backward()
            optimiser.step()
            if cuda:
                torch.cuda.synchronize()
                memory[kind] = round(torch.cuda.max_memory_allocated() / 2**20)
            if turn:  # the first one warms up
                taken[kind].append(round(time.perf_counter() - begun, 4))
    ratio = {kind: round(float(np.median(taken["FP32"]) / np.median(times)), 2) for kind, times in taken.items() if kind != "FP32"}
    print(name, batch, ratio, memory, flush=True)
    return {"network": name, "batch": batch, "seconds": taken, "ratio": ratio} | ({"megabytes": memory} if cuda else {})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    chosen = parser.parse_args().device
    torch.manual_seed(0)
    if chosen == "cpu":
        torch.set_num_threads(1)
    sizes, turns = ((16, 64, 256), 20) if chosen == "cuda" else ((8,), 7)
    cases = [race(name, batch, chosen, turns) for name in NETWORKS for batch in sizes]
    about = {"date": date.today().isoformat(), "machine": machine(), "device": torch.cuda.get_device_name() if chosen == "cuda" else "one thread"}
    (ROOT / "benchmarks" / "half.json").write_text(json.dumps(about | {"cases": cases}, indent=1) + "\n")
