"""ONNX files answered by ONNX Runtime or OpenVINO, and a race between whatever answers.

The files are called like any network.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def _fed(names: list[str], inputs: tuple[Tensor, ...]) -> dict[str, np.ndarray]:
    return {name: x.contiguous().cpu().numpy() for name, x in zip(names, inputs, strict=True)}


class OnnxRuntime(nn.Module):
    """A file in ONNX Runtime. Call it like the network that was exported; it cannot be trained.

    Args:
        path: of the file.
        threads: that compute one answer.
        provider: of ONNX Runtime, and its settings; the default computes on the processor.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(
        self,
        path: Path | str,
        threads: int = 1,
        provider: tuple[str, dict] = ("CPUExecutionProvider", {}),
    ):
        import onnxruntime

        super().__init__()
        if not Path(path).exists():
            raise FileNotFoundError(f"There is no file {path}: write it with `to_onnx` first.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(path, options, providers=[provider])
        self.names = [given.name for given in self.session.get_inputs()]
        # Callers look at a parameter to find the device.
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.from_numpy(self.session.run(None, _fed(self.names, inputs))[0])


class OpenVino(nn.Module):
    """A file in OpenVINO on the processor, otherwise as `OnnxRuntime`.

    Args:
        path: of the file.
        threads: that compute one answer.
    """

    def __init__(self, path: Path | str, threads: int = 1):
        from cvbook.deploy.openvino_offline import openvino

        super().__init__()
        if not Path(path).exists():
            raise FileNotFoundError(f"There is no file {path}: write it with `to_onnx` first.")
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self.compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self.names = [given.get_any_name() for given in self.compiled.inputs]
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        found = self.compiled(_fed(self.names, inputs))
        return torch.from_numpy(found[0].copy())  # the next call writes into the same memory


@torch.inference_mode()
def race(
    ways: Mapping[str, Callable[..., Tensor]], *inputs: Tensor, rounds: int = 15, warm: int = 2
) -> dict[str, list[float]]:
    """Milliseconds of every round for each way to answer.

    They take turns, so that whatever else the machine does befalls all alike.

    Args:
        ways: networks, or anything that takes the inputs.
        rounds: that count.
        warm: rounds before, to warm up.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm + rounds):
        for name, answer in ways.items():
            begun = time.perf_counter()
            answer(*inputs)
            if turn >= warm:
                taken[name].append(1000 * (time.perf_counter() - begun))
    return taken
