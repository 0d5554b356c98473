"""ONNX files answered by ONNX Runtime or OpenVINO, to be called like any network."""

from pathlib import Path

import torch
from torch import Tensor, nn


class OnnxRuntime(nn.Module):
    """A file in ONNX Runtime on the processor. Call it like the network that was exported; it only answers, it cannot be trained.

    Args:
        path: of the file. threads: that compute one answer.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: Path | str, threads: int = 1):
        import onnxruntime

        super().__init__()
        if not Path(path).exists():
            raise FileNotFoundError(f"There is no file {path}: write it with `to_onnx` first.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [given.name for given in self.session.get_inputs()]
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)  # callers look at a parameter to find the device

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.from_numpy(self.session.run(None, {name: x.contiguous().numpy() for name, x in zip(self.names, inputs, strict=True)})[0])


class OpenVino(nn.Module):
    """A file in OpenVINO on the processor, otherwise as `OnnxRuntime`.

    Args:
        path: of the file. threads: that compute one answer. precision: "f32", or "bf16" where the processor has it.
    """

    def __init__(self, path: Path | str, threads: int = 1, precision: str = "f32"):
        import openvino

        super().__init__()
        if not Path(path).exists():
            raise FileNotFoundError(f"There is no file {path}: write it with `to_onnx` first.")
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
        self.compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self.names = [given.get_any_name() for given in self.compiled.inputs]
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        found = self.compiled({name: x.contiguous().numpy() for name, x in zip(self.names, inputs, strict=True)})
        return torch.from_numpy(found[0].copy())  # the next call writes into the same memory
