"""The 8 bits of chapter 17 beside the tools that others would pick: NNCF, which belongs to OpenVINO, and torchao, which belongs to PyTorch.

    pip install --no-deps --target runs/peers nncf==3.4.0 torchao==0.18.0 ninja pydot
    PYTHONPATH=runs/peers python benchmarks/peers/quantisers.py

The three networks of smaller.py, the same pictures to calibrate, the same judges, one thread, all ways in turns. NNCF's recogniser insists on the width that
it was calibrated with, so here all lines, for all ways, are padded to one. torchao rounds linear layers only, and is timed compiled. Layers that OpenVINO
answers otherwise than ONNX Runtime are looked for, and spared in one more way. The result goes to quantisers.json beside this file. About eight minutes on
two cores.
"""

import json
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nncf
import numpy as np
import openvino
import torch
from smaller import FREE, SIDE, TASKS, Task, read_lines, write
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
from tqdm.auto import tqdm

from cvbook.deploy.export import to_onnx
from cvbook.deploy.quantise import layer_errors, to_int8
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino, race
from cvbook.machine import machine
from cvbook.models.recogniser import padded_width
from cvbook.paths import ROOT

TRANSFORMER = nncf.ModelType.TRANSFORMER


class OneWidth(nn.Module):
    """A recogniser whose lines are all padded to one width with their last column."""

    def __init__(self, model: nn.Module, width: int):
        super().__init__()
        self.model, self.width = model, width
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, images: Tensor, widths: Tensor) -> Tensor:
        return self.model(
            F.pad(images, (0, self.width - images.shape[3], 0, 0), mode="replicate"), widths
        )


def by_nncf(path: Path, inputs: tuple[Tensor, ...], out: Path, **options: object) -> OpenVino:
    """An ONNX file quantised for OpenVINO by NNCF."""
    graph = openvino.Core().read_model(path)
    names = [given.get_any_name() for given in graph.inputs]
    batches = [
        dict(zip(names, (x[k : k + 16].numpy() for x in inputs), strict=True))
        for k in range(0, len(inputs[0]) // 16 * 16, 16)
    ]
    openvino.save_model(
        nncf.quantize(graph, nncf.Dataset(batches), subset_size=len(batches), **options),
        out,
        compress_to_fp16=False,
    )
    return OpenVino(out)


def rounded_by_torchao(task: Task) -> nn.Module:
    model = task.make().eval()
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


def measured(name: str, folder: Path) -> dict[str, dict]:
    """Quality and milliseconds for sixteen, by way."""
    task, width = TASKS[name], 0
    inputs = task.inputs()
    if name == "recogniser":
        width = padded_width(max(inputs[0].shape[3], *(line.shape[1] for line in read_lines()[0])))
        inputs = (
            F.pad(inputs[0], (0, width - inputs[0].shape[3], 0, 0), mode="replicate"),
            inputs[1],
        )
    whole, rounded = folder / f"{name}.onnx", folder / f"{name}-8.onnx"
    to_onnx(task.make().eval(), tuple(x[:4] for x in inputs), whole, 1e-3, FREE if width else None)
    to_int8(whole, rounded, inputs, unsigned=True)
    ways = {
        "PyTorch": task.make().eval(),
        "torchao": rounded_by_torchao(task),
        "ONNX Runtime": OnnxRuntime(whole),
        "ONNX Runtime, this book's 8 bits": OnnxRuntime(rounded),
        "OpenVINO": OpenVino(whole),
        "OpenVINO, this book's 8 bits": OpenVino(rounded),
        "OpenVINO, NNCF": by_nncf(whole, inputs, folder / f"{name}.xml"),
        "OpenVINO, NNCF for transformers": by_nncf(
            whole, inputs, folder / f"{name}-t.xml", model_type=TRANSFORMER
        ),
    }
    errors = layer_errors(
        whole, tuple(x[:4] for x in inputs), {"this": OnnxRuntime, "that": OpenVino}
    )
    guilty = [layer for layer, error in errors.items() if error["that"] > 3 * error["this"]]
    to_int8(whole, folder / f"{name}-spared.onnx", inputs, unsigned=True, keep=guilty)
    ways[f"OpenVINO, this book's 8 bits, {len(guilty)} layers in float"] = OpenVino(
        folder / f"{name}-spared.onnx"
    )
    sample = tuple(x[:16] for x in inputs)
    timed = ways | {"torchao": torch.compile(rounded_by_torchao(task), dynamic=False)}
    taken = race(timed, *sample, rounds=30)
    return {
        way: {
            "quality": round(task.judge(OneWidth(net, width) if width else net), 3),
            "ms": round(float(np.median(taken[way])), 3),
        }
        for way, net in tqdm(ways.items(), desc=name)
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    about = {"date": date.today().isoformat(), "machine": machine(), "threads": 1, "side": SIDE}
    about["versions"] = {
        name: version(name) for name in ("torch", "onnxruntime", "openvino", "nncf", "torchao")
    }
    with tempfile.TemporaryDirectory() as place:
        networks = {
            name: {"quality": TASKS[name].quality, "ways": measured(name, Path(place))}
            for name in TASKS
        }
    write(
        ROOT / "benchmarks" / "peers" / "quantisers.json",
        json.dumps(about | {"networks": networks}, indent=1) + "\n",
    )
