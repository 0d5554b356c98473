"""Every road from a PyTorch network to an answer: one function each, all called alike."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from cvbook.deploy.export import to_onnx
from cvbook.deploy.quantise import to_int8
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino
from cvbook.models.channels_last import channels_last as with_channels_last

Answer = Callable[..., Tensor]
Road = Callable[[nn.Module, tuple[Tensor, ...], Path], Answer]


class Closed(RuntimeError):
    """A road that cannot be taken here, with the reason in one sentence."""


def eager(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """PyTorch as it is."""
    return model.eval()


def channels_last(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """PyTorch with the channels of a pixel side by side in memory.

    Convolutions on most processors like them so. It changes the network's own layout.
    """
    return with_channels_last(model.eval())


def bf16(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """PyTorch under autocast to BF16."""

    def answer(*given: Tensor) -> Tensor:
        with torch.autocast(given[0].device.type, torch.bfloat16):
            return model(*given).float()

    return answer


def fp16(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """PyTorch with weights and inputs in FP16. It changes the network's own weights.

    Raises:
        Closed: there is no GPU.
    """
    if not torch.cuda.is_available():
        raise Closed(
            "FP16 throughout needs a GPU; most processors would compute it by way of FP32."
        )
    half = model.eval().half()
    return lambda *given: half(*(x.half() if x.is_floating_point() else x for x in given)).float()


def compiled(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """`torch.compile`; the first call compiles, which takes its time, and needs a C++ compiler."""
    return torch.compile(model.eval(), dynamic=False)


def scripted(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """TorchScript by tracing, frozen and optimised; "model.pt" can be loaded without Python."""
    with torch.no_grad():
        traced = torch.jit.freeze(torch.jit.trace(model.eval(), inputs))
    traced.save(folder / "model.pt")
    return torch.jit.optimize_for_inference(traced)


def ahead_of_time(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """`torch.export` and AOTInductor, which compile the network here.

    "model.pt2" holds machine code for inputs of these shapes, lying in memory like these. The
    answer raises ValueError for an input of another shape or another order in memory (channels last
    or not): the code would read it wrongly.
    """
    file = str(folder / "model.pt2")
    with torch.no_grad():
        program = torch.export.export(model.eval(), inputs)
        torch._inductor.aoti_compile_and_package(program, package_path=file)
    package = torch._inductor.aoti_load_package(file)

    def layout(x: Tensor) -> list[tuple[int, int]]:
        places = zip(x.shape, x.stride(), strict=True)
        return [(size, stride if size > 1 else 0) for size, stride in places]

    def answer(*given: Tensor) -> Tensor:
        if any(layout(x) != layout(shown) for x, shown in zip(given, inputs, strict=True)):
            raise ValueError(
                "Another shape or order in memory than in the example, which AOTInductor would "
                "read wrongly: compile for it, or call .contiguous()."
            )
        return package(*given)

    return answer


def _onnx(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Path:
    """The network as "model.onnx"; one that is there may be another network's, and is replaced.

    The example has two rows at least, or its batch would be fixed.
    """
    example = tuple(x.cpu() if len(x) > 1 else torch.cat([x, x]).cpu() for x in inputs)
    to_onnx(model.eval().cpu(), example, folder / "model.onnx", 1e-3)
    return folder / "model.onnx"


def onnx_runtime(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """ONNX Runtime, from "model.onnx"."""
    return OnnxRuntime(_onnx(model, inputs, folder))


def onnx_int8(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """ONNX Runtime with 8 bits, from "int8.onnx".

    The given inputs calibrate it: good for times, too few for quality.
    """
    whole, calibration = _onnx(model, inputs, folder), tuple(x.cpu() for x in inputs)
    to_int8(whole, folder / "int8.onnx", calibration, unsigned=True)
    return OnnxRuntime(folder / "int8.onnx")


def openvino(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """OpenVINO, from "model.onnx"."""
    return OpenVino(_onnx(model, inputs, folder))


def cuda_graph(model: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Answer:
    """One recorded CUDA graph for inputs of these shapes.

    The processor no longer starts each kernel by itself.

    Raises:
        Closed: there is no GPU.
    """
    if not torch.cuda.is_available():
        raise Closed("CUDA graphs need a GPU.")
    call = torch.compile(model.eval().cuda(), mode="reduce-overhead", dynamic=False)
    # A copy, for the graph writes its next answer into the same memory.
    return lambda *given: call(*(x.cuda() for x in given)).clone()


def tensorrt(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    folder: Path,
    precision: Literal["FP32", "FP16", "8 bits"] = "FP32",
) -> Answer:
    """TensorRT by ONNX Runtime's provider.

    It builds the engine on the first call and keeps it in the folder. FP16 is taken wherever
    TensorRT thinks it wise; 8 bits where the file says so, calibrated as in `onnx_int8`, but signed
    and symmetric.

    Raises:
        Closed: the installed onnxruntime knows no TensorRT.
    """
    import onnxruntime

    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        raise Closed(
            "TensorRT needs an NVIDIA GPU, TensorRT, and pip install onnxruntime-gpu "
            "in place of onnxruntime."
        )
    path = _onnx(model, inputs, folder)
    if precision == "8 bits":
        path, whole = folder / "signed.onnx", path
        to_int8(whole, path, tuple(x.cpu() for x in inputs))
    switches = {"FP32": {}, "FP16": {"trt_fp16_enable": True}, "8 bits": {"trt_int8_enable": True}}
    cache = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(folder)}
    settings = cache | switches[precision]
    return OnnxRuntime(path, provider=("TensorrtExecutionProvider", settings))


ROADS: dict[str, Road] = {
    "eager": eager,
    "channels last": channels_last,
    "BF16": bf16,
    "FP16": fp16,
    "torch.compile": compiled,
    "TorchScript": scripted,
    "AOTInductor": ahead_of_time,
    "ONNX Runtime": onnx_runtime,
    "ONNX Runtime, 8 bits": onnx_int8,
    "OpenVINO": openvino,
    "CUDA graph": cuda_graph,
    "TensorRT": tensorrt,
    "TensorRT, FP16": partial(tensorrt, precision="FP16"),
    "TensorRT, 8 bits": partial(tensorrt, precision="8 bits"),
}
ON_GPU = [name for name in ROADS if name.startswith("TensorRT") or name in ("FP16", "CUDA graph")]
# How far a road's answers may lie from eager's, as `apart` measures it. What eight bits do that a
# handful of inputs calibrated is to be judged by the task, not by this.
TOLERANCES = dict.fromkeys(ROADS, 1e-4)
TOLERANCES |= dict.fromkeys(("BF16", "FP16", "TensorRT, FP16"), 0.05)
TOLERANCES |= dict.fromkeys(("ONNX Runtime, 8 bits", "TensorRT, 8 bits"), math.inf)


def apart(answer: Tensor, expected: Tensor) -> float:
    """The largest difference of two answers, as a share of the largest number expected."""
    return float((answer - expected).abs().max() / expected.abs().max())
