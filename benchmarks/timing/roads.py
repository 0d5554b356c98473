"""Every road of chapter 18 with the networks of this book.

    python benchmarks/timing/roads.py

How fast each is, how large, how long until the first answer, and to which network it is closed. On
a processor one thread answers; where there is a GPU, PyTorch's roads use it, and answers come back
to the host's memory. All roads take turns in one process, so that whatever else the machine does
befalls them alike. The result goes to roads.json beside this file, or roads-gpu.json. About ten
minutes on two cores.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm.auto import tqdm

from cvbook.data import open_set
from cvbook.deploy import native
from cvbook.deploy.roads import ROADS, TOLERANCES, Answer, Closed, apart
from cvbook.deploy.runtimes import race
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.models import weights
from cvbook.models.mivolo import mivolo_small
from cvbook.models.recogniser import collate
from cvbook.train.recogniser import held_out

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCHES, SECONDS = (1, 4, 16, 64), 12.0  # for one network and one batch, all roads together


def pictures() -> tuple[Tensor]:
    return (open_set.products().test.images[:64].float() / 255,)


def lines() -> tuple[Tensor, Tensor]:
    return collate([line[:, :320] for line in held_out(64, 0.3, seed=5)[0]])


def mivolo() -> nn.Module:
    """With weights as drawn, always the same ones: times do not depend on them."""
    torch.manual_seed(0)
    return mivolo_small(side=64)


def people() -> tuple[Tensor]:
    return (torch.randn(64, 6, 64, 64),)


def pages() -> tuple[Tensor]:
    return (torch.rand(2, 1, 256, 256),)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]] = {
    "embedding": (weights.embedder, pictures),
    "recogniser": (weights.recogniser, lines),
    "MiVOLO": (mivolo, people),
    "detector": (weights.detector, pages),
}


def first_line(error: Exception) -> str:
    """What an export says before it goes on for pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def built(network: str, batch: int, folder: Path) -> tuple[dict[str, Answer], dict[str, dict]]:
    """The roads that are open, and for each road what building it took or why it is closed."""
    make, inputs = NETWORKS[network]
    given = tuple(x[:batch].to(DEVICE) for x in inputs())
    open_roads, about = {}, {}
    with torch.inference_mode():
        expected = make().to(DEVICE).eval()(*given).cpu()
    for name, road in tqdm(ROADS.items(), desc=f"{network}, {batch}", leave=False):
        place = folder / f"{network}-{batch}" / name.replace(" ", "-").replace(",", "")
        place.mkdir(parents=True)
        begun = time.perf_counter()
        try:
            answer = road(make().to(DEVICE).eval(), given, place)
            with torch.inference_mode():
                got = answer(*given).cpu()
        except Closed as error:
            about[name] = {"closed": str(error)}
            continue
        except Exception as error:  # whatever a compiler says is the result here
            about[name] = {"closed": f"{type(error).__name__}: {first_line(error)}"}
            continue
        seconds = round(time.perf_counter() - begun, 2)
        off = apart(got, expected)
        about[name] = {"seconds to build": seconds, "difference": off}
        if files := [file.stat() for file in place.rglob("*") if file.is_file()]:
            last = max(files, key=lambda file: file.st_mtime)
            about[name]["megabytes"] = round(last.st_size / 1e6, 3)
        if off > TOLERANCES[name]:
            said = f"its answers differ from eager by {off:.2g} of the largest"
            about[name]["closed"] = said
            continue
        open_roads[name] = lambda *x, answer=answer: answer(*x).cpu()
    return open_roads, about


def timed(network: str, batch: int, folder: Path) -> dict[str, dict]:
    """Milliseconds of every open road, in turns: median and 99th percentile."""
    ways, about = built(network, batch, folder)
    given = tuple(x[:batch].to(DEVICE) for x in NETWORKS[network][1]())
    turn = sum(np.median(times) for times in race(ways, *given, rounds=3).values()) / 1000
    rounds = int(np.clip(SECONDS / turn, 7, 200))
    for name, times in race(ways, *given, rounds=rounds).items():
        about[name] |= {
            "median": round(float(np.median(times)), 3),
            "p99": round(float(np.percentile(times, 99)), 3),
            "rounds": len(times),
        }
    return about


# A program each, that reads the network from a file and answers one picture, and knows nothing of
# the others; the first two only for comparison.
COLD = {
    "Python alone": "pass",
    "import torch": "import torch",
    "eager": """
import torch
from cvbook.models import weights
with torch.inference_mode():
    weights.embedder()(torch.rand(1, 3, 48, 48))
""",
    "TorchScript": """
import torch
with torch.inference_mode():
    torch.jit.load("{folder}/model.pt")(torch.rand(1, 3, 48, 48))
""",
    "AOTInductor": """
import torch
with torch.inference_mode():
    torch._inductor.aoti_load_package("{folder}/model.pt2")(torch.rand(1, 3, 48, 48))
""",
    "ONNX Runtime": """
import numpy, onnxruntime
session = onnxruntime.InferenceSession("{folder}/model.onnx")
session.run(None, {{"input": numpy.zeros((1, 3, 48, 48), "f")}})
""",
    "OpenVINO": """
import sys
sys.modules["openvino_telemetry"] = None  # it would call a host
import numpy, openvino
network = openvino.Core().compile_model("{folder}/model.onnx", "CPU")
network(numpy.zeros((1, 3, 48, 48), "f"))
""",
}


def peak(child: subprocess.Popen) -> float:
    """The most megabytes a process has held until now; 0 when it has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def once(name: str, command: list) -> tuple[float, float]:
    """Seconds that a process takes, and the most megabytes that it holds."""
    begun, most = time.perf_counter(), 0.0
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    child = subprocess.Popen([str(part) for part in command], **pipes)
    # A look every millisecond: rusage would count what this process had before it became another.
    while child.poll() is None:
        most = max(most, peak(child))
        time.sleep(0.001)
    seconds = round(time.perf_counter() - begun, 3)
    if child.returncode:
        raise RuntimeError(f"{name}: {child.stderr.read().decode()[-500:]}")
    return seconds, most


def cold(folder: Path, times: int = 7) -> dict[str, dict]:
    """The embedding in a fresh process: seconds to the first answer, and the most memory."""
    model = weights.embedder()
    for name in ("TorchScript", "AOTInductor", "ONNX Runtime"):
        ROADS[name](model, (torch.rand(1, 3, 48, 48),), folder)
    python = [sys.executable, "-c"]
    commands = {name: [*python, text.format(folder=folder)] for name, text in COLD.items()}
    programs, picture = native.build(folder / "build"), folder / "picture.png"
    Image.fromarray(open_set.products().test.picture(0)).save(picture)
    for program, name, file in (
        ("embed_libtorch", "LibTorch in C++", "model.pt"),
        ("embed_aotinductor", "AOTInductor in C++", "model.pt2"),
        ("embed_onnxruntime", "ONNX Runtime in C++", "model.onnx"),
        ("embed_openvino", "OpenVINO in C++", "model.onnx"),
    ):
        if program in programs:
            commands[name] = [programs[program], folder / file, "48", picture]
    found: dict[str, dict] = {name: {"seconds": [], "megabytes": 0.0} for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            seconds, most = once(name, command)
            found[name]["seconds"].append(seconds)
            found[name]["megabytes"] = max(found[name]["megabytes"], most)
    return found


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    about = {"date": date.today().isoformat(), "machine": machine(), "device": DEVICE, "threads": 1}
    about["versions"] = {name: version(name) for name in ("torch", "onnxruntime", "openvino")}
    networks: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as place:
        for name in tqdm(NETWORKS, desc="networks"):
            sizes = BATCHES if name != "detector" else (1,)
            networks[name] = {str(size): timed(name, size, Path(place)) for size in sizes}
        start = Path(place) / "cold"
        start.mkdir()
        result = about | {"networks": networks, "cold": cold(start)}
    file = Path(__file__).with_name("roads-gpu.json" if DEVICE == "cuda" else "roads.json")
    write_text(file, json.dumps(result) + "\n")
