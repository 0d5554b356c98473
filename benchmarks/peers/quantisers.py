"""The 8 bits of chapter 17 beside the tools that others would pick.

    pip install --no-deps --target runs/peers nncf==3.4.0 torchao==0.18.0 ninja pydot
    PYTHONPATH=runs/peers python benchmarks/peers/quantisers.py

They are NNCF, which belongs to OpenVINO, and torchao, which belongs to PyTorch. The three networks
of studies/smaller_tasks.py, the same pictures to calibrate, the same judges, one thread, all ways
in turns. NNCF's recogniser insists on the width that it was calibrated with, so here all lines, for
all ways, are padded to one. torchao rounds linear layers only, and is timed compiled. Layers that
OpenVINO answers otherwise than ONNX Runtime are looked for, and spared in one more way. The result
goes to quantisers.json beside this file. About eight minutes on two cores.
"""

import argparse
import json
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from cvbook.deploy.export import to_onnx
from cvbook.deploy.openvino_offline import openvino  # before NNCF, which imports it, too
from cvbook.deploy.quantise import layer_errors, to_int8
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino, race
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.models.recogniser import padded_width
from cvbook.paths import ROOT

sys.path.append(str(ROOT / "benchmarks" / "studies"))
from smaller_tasks import FREE, SIDE, TASKS, Task, held_lines


def padded(images: Tensor, width: int) -> Tensor:
    """Lines float[B, 1, H, W], made wider with their last column."""
    return F.pad(images, (0, width - images.shape[3], 0, 0), mode="replicate")


class OneWidth(nn.Module):
    """A recogniser whose lines are all padded to one width."""

    def __init__(self, model: nn.Module, width: int):
        super().__init__()
        self.model, self.width = model, width
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, images: Tensor, widths: Tensor) -> Tensor:
        return self.model(padded(images, self.width), widths)


def by_nncf(path: Path, inputs: tuple[Tensor, ...], out: Path, transformer: bool) -> OpenVino:
    """An ONNX file quantised for OpenVINO by NNCF, as a transformer or as any network."""
    import nncf

    graph = openvino.Core().read_model(path)
    names = [given.get_any_name() for given in graph.inputs]
    batches = []
    for k in range(0, len(inputs[0]) // 16 * 16, 16):
        batches.append({n: x[k : k + 16].numpy() for n, x in zip(names, inputs, strict=True)})
    options = {"model_type": nncf.ModelType.TRANSFORMER} if transformer else {}
    small = nncf.quantize(graph, nncf.Dataset(batches), subset_size=len(batches), **options)
    openvino.save_model(small, out, compress_to_fp16=False)
    return OpenVino(out)


def rounded_by_torchao(task: Task) -> nn.Module:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = task.make().eval()
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


def measured(name: str, folder: Path) -> dict[str, dict]:
    """Quality and milliseconds for sixteen, by way."""
    task, width = TASKS[name], 0
    inputs = task.inputs()
    if name == "recogniser":
        longest = max(line.shape[1] for line in held_lines()[0])
        width = padded_width(max(inputs[0].shape[3], longest))
        inputs = (padded(inputs[0], width), inputs[1])
    few, sample = (tuple(x[:n] for x in inputs) for n in (4, 16))
    whole, rounded = folder / f"{name}.onnx", folder / f"{name}-8.onnx"
    to_onnx(task.make().eval(), few, whole, 1e-3, FREE if width else None)
    to_int8(whole, rounded, inputs, unsigned=True)
    plain, special = folder / f"{name}.xml", folder / f"{name}-t.xml"
    ways = {
        "PyTorch": task.make().eval(),
        "torchao": rounded_by_torchao(task),
        "ONNX Runtime": OnnxRuntime(whole),
        "ONNX Runtime, this book's 8 bits": OnnxRuntime(rounded),
        "OpenVINO": OpenVino(whole),
        "OpenVINO, this book's 8 bits": OpenVino(rounded),
        "OpenVINO, NNCF": by_nncf(whole, inputs, plain, transformer=False),
        "OpenVINO, NNCF for transformers": by_nncf(whole, inputs, special, transformer=True),
    }
    errors = layer_errors(whole, few, {"this": OnnxRuntime, "that": OpenVino})
    guilty = [layer for layer, error in errors.items() if error["that"] > 3 * error["this"]]
    spared = folder / f"{name}-spared.onnx"
    to_int8(whole, spared, inputs, unsigned=True, keep=guilty)
    ways[f"OpenVINO, this book's 8 bits, {len(guilty)} layers in float"] = OpenVino(spared)
    timed = ways | {"torchao": torch.compile(rounded_by_torchao(task), dynamic=False)}
    taken, found = race(timed, *sample, rounds=30), {}
    for way, net in tqdm(ways.items(), desc=name):
        quality = round(task.judge(OneWidth(net, width) if width else net), 3)
        found[way] = {"quality": quality, "ms": round(float(np.median(taken[way])), 3)}
    return found


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    about = {"date": date.today().isoformat(), "machine": machine(), "threads": 1, "side": SIDE}
    packages = ("torch", "onnxruntime", "openvino", "nncf", "torchao")
    about["versions"] = {name: version(name) for name in packages}
    networks = {}
    with tempfile.TemporaryDirectory() as place:
        for name, task in TASKS.items():
            networks[name] = {"quality": task.quality, "ways": measured(name, Path(place))}
    result = about | {"networks": networks}
    write_text(Path(__file__).with_suffix(".json"), json.dumps(result, indent=1) + "\n")
