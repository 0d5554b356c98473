"""How fast MiVOLO-D1 answers by every road out of PyTorch, on this processor.

    python benchmarks/timing/mivolo.py

Face and body at 224 pixels, batches of 1 and 16, random weights (time does not depend on them). All
roads run in one process on one thread, in turns, so that whatever else the machine does befalls
them alike; the median of each is kept, and its ratio to the fastest road that stays inside of
PyTorch. The result goes to mivolo.json beside this file. About 12 minutes, most of it export and
compilation.
"""

import argparse
import json
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from cvbook.deploy.roads import ROADS
from cvbook.deploy.runtimes import race
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.models.mivolo import mivolo_d1

INSIDE = ("eager", "TorchScript", "torch.compile")
OUTSIDE = ("ONNX Runtime", "OpenVINO")


@torch.inference_mode()
def measured(model: torch.nn.Module, folder: Path, batch: int, rounds: int) -> dict:
    """Milliseconds of each road, and how far its answers are from PyTorch's; all must agree."""
    x = torch.randn(batch, 6, 224, 224)
    ways = {name: ROADS[name](model, (x,), folder) for name in (*INSIDE, *OUTSIDE)}
    expected = model(x)
    apart = {name: float((answer(x) - expected).abs().max()) for name, answer in ways.items()}
    if max(apart.values()) > 1e-4:
        raise RuntimeError(f"The roads differ: {apart}.")
    print(f"{rounds} rounds with a batch of {batch} …", flush=True)
    raced = race(ways, x, rounds=rounds, warm=1)
    taken = {name: [round(ms, 1) for ms in times] for name, times in raced.items()}
    median = {name: float(np.median(times)) for name, times in taken.items()}
    best = min(median[name] for name in INSIDE)
    return {
        "batch": batch,
        "milliseconds": taken,
        "ratio": {name: round(best / ms, 2) for name, ms in median.items()},
        "difference": apart,
    }


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = mivolo_d1().eval()
    with tempfile.TemporaryDirectory() as place:
        cases = [measured(network, Path(place), *sizes) for sizes in ((1, 21), (16, 7))]
    about = {"date": date.today().isoformat(), "machine": machine(), "threads": 1}
    about["versions"] = {name: version(name) for name in ("torch", "onnxruntime", "openvino")}
    text = json.dumps(about | {"cases": cases}, indent=1) + "\n"
    write_text(Path(__file__).with_suffix(".json"), text)
