"""Eight bits: scales and zero points, calibration, weights alone, and training that knows it will be rounded."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from tqdm.auto import tqdm

from cvbook.deploy.prune import weighty

CALIBRATIONS = ("minmax", "percentile", "entropy")
QUANTISED = ("MatMul", "Conv", "Gemm")  # kinds of nodes whose inputs and weights get grids


class Grid(NamedTuple):
    """Evenly spaced numbers scale · (q − zero), q an integer from low to high. scale and zero: float32[] or [C, 1, ...], zero holding integers."""

    scale: Tensor
    zero: Tensor
    low: int
    high: int


def grid_of(low: Tensor, high: Tensor, symmetric: bool, bits: int = 8) -> Grid:
    """The grid that covers a range, widened to hold zero, which padding and ReLU need exactly.

    Args:
        low, high: of the values, float32 of any shape. symmetric: zero in the middle and −127 to 127, as is usual for weights; otherwise 0 to 255.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    if symmetric:
        top = 2 ** (bits - 1) - 1
        scale = torch.maximum(-low, high).clamp(min=1e-12) / top
        return Grid(scale, torch.zeros_like(scale), -top, top)
    top = 2**bits - 1
    scale = (high - low).clamp(min=1e-12) / top
    return Grid(scale, torch.round(-low / scale).clamp(0, top), 0, top)


class _Rounded(torch.autograd.Function):
    """Values moved to the grid. Rounding has no useful slope, so the gradient passes as if it were not there, except where values were cut off."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, zero: Tensor, low: int, high: int) -> Tensor:
        q = torch.round(x / scale) + zero
        ctx.save_for_backward((q >= low) & (q <= high))
        return (q.clamp(low, high) - zero) * scale

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        return gradient * ctx.saved_tensors[0], None, None, None, None


def rounded(x: Tensor, grid: Grid) -> Tensor:
    """float32 of x's shape, every value the nearest of the grid; the straight-through gradient (Bengio et al. 2013)."""
    return _Rounded.apply(x, *grid)


class _RoundedWeight(nn.Module):
    """A grid for each output channel, after its largest absolute weight."""

    def forward(self, weight: Tensor) -> Tensor:
        largest = weight.detach().abs().flatten(1).amax(1).view(-1, *[1] * (weight.ndim - 1))
        return rounded(weight, grid_of(-largest, largest, True))


class _RoundedInput(nn.Module):
    """One grid for a layer's input, after a moving average of the smallest and largest values."""

    def __init__(self, momentum: float):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("range", torch.full((2,), torch.nan))

    def forward(self, layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (x,) = inputs
        if self.training:
            now = torch.stack(torch.aminmax(x.detach()))
            self.range.copy_(
                torch.where(
                    self.range.isnan(), now, self.range + self.momentum * (now - self.range)
                )
            )
        return (rounded(x, grid_of(*self.range, False)),) if self.range.isfinite().all() else inputs


class RoundedTraining:
    """Training that knows it will be rounded (Jacob et al. 2018): weights and inputs of convolutions and linear layers pass through 8-bit grids.

    Args:
        model: changed in place; trains as before. momentum: of the inputs' ranges.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.05):
        self.layers, self.handles = weighty(model), []
        for layer in self.layers:
            parametrize.register_parametrization(layer, "weight", _RoundedWeight())
            layer.rounded_input = _RoundedInput(momentum)
            self.handles.append(layer.register_forward_pre_hook(layer.rounded_input))

    def finish(self) -> None:
        """Take the grids away; the weights stay in FP32, to be exported and quantised like any others."""
        for layer, handle in zip(self.layers, self.handles):
            handle.remove()
            del layer.rounded_input
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


def to_int8(
    path: Path | str,
    out: Path | str,
    calibration: Tensor | tuple[Tensor, ...],
    method: Literal["minmax", "percentile", "entropy"] = "minmax",
    unsigned: bool = False,
    by_channel: bool = True,
    keep: Sequence[str] = (),
    batch: int = 16,
) -> None:
    """Quantise an ONNX file's matrix products and convolutions to 8 bits, in the QDQ form that ONNX Runtime, OpenVINO and TensorRT read.

    Args:
        path: of a file that `to_onnx` wrote. out: written under a temporary name first. calibration: float32[N, ...], typical inputs, or all inputs.
        method: what sets the range of activations: smallest and largest value, all but 0.01 % at either end, or the range that loses least by entropy.
        unsigned: activations from 0 to 255 with a zero point, which is much faster on many processors; TensorRT wants them signed and symmetric.
        by_channel: a scale for each output channel of weights, or one for all. keep: names of nodes that stay in floating point.

    Raises:
        ValueError: an unknown method.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        create_calibrator,
        quantize_static,
    )
    from onnxruntime.quantization.calibrate import save_tensors_data
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if method not in CALIBRATIONS:
        raise ValueError(f"method is {method!r}; choose {', '.join(CALIBRATIONS)}.")
    inputs = (calibration,) if isinstance(calibration, Tensor) else calibration
    names = [value.name for value in onnx.load(path, load_external_data=False).graph.input]

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            size = min(
                batch, len(inputs[0])
            )  # histograms want batches of one size, so what is left over at the end is not used
            self.parts = zip(*(x[: len(x) // size * size].split(size) for x in inputs))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.parts, None)
            return None if part is None else {name: x.numpy() for name, x in zip(names, part)}

    out = Path(out)
    with tempfile.TemporaryDirectory() as folder:
        prepared, ranges, part = (
            Path(folder) / "prepared.onnx",
            Path(folder) / "ranges.json",
            out.with_name(out.name + ".part"),
        )
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        kind = {
            "minmax": CalibrationMethod.MinMax,
            "percentile": CalibrationMethod.Percentile,
            "entropy": CalibrationMethod.Entropy,
        }[method]
        fine = (
            {} if method == "minmax" else {"num_bins": 2048, "percentile": 99.99}
        )  # the 128 bins of `quantize_static` would leave entropy no choice
        with contextlib.redirect_stdout(io.StringIO()):  # it reports every step
            calibrator = create_calibrator(
                prepared, list(QUANTISED), f"{folder}/watched.onnx", kind, extra_options=fine
            )
            calibrator.collect_data(Reader())
            save_tensors_data(calibrator.compute_data(), ranges)
        try:
            quantize_static(
                prepared,
                part,
                None,
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTISED),
                per_channel=by_channel,
                activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(keep),
                calibrate_method=kind,
                calibration_cache_path=ranges,
                extra_options={"ActivationSymmetric": not unsigned, "WeightSymmetric": True},
            )
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)


def layer_errors(
    path: Path | str,
    inputs: tuple[Tensor, ...],
    runtimes: Mapping[str, Callable[[Path], Callable[..., Tensor]]],
) -> dict[str, dict[str, float]]:
    """Round one layer at a time, and see how far that moves the answer: by layer, in the file's order, and by runtime.

    Args:
        path: of a file that `to_onnx` wrote. inputs: all inputs, float32[N, ...]; they calibrate, and are answered. runtimes: each makes a file callable.

    Returns:
        The standard deviation of the change, in those of the whole answer. A layer far apart from the same one in another runtime is that runtime's fault.
    """
    import onnx

    layers, errors = (
        [node.name for node in onnx.load(path).graph.node if node.op_type in QUANTISED],
        {},
    )
    whole = {name: make(Path(path))(*inputs) for name, make in runtimes.items()}
    with tempfile.TemporaryDirectory() as folder:
        for number, layer in enumerate(tqdm(layers, desc="layer by layer")):
            to_int8(
                path,
                one := Path(folder) / f"{number}.onnx",
                inputs,
                unsigned=True,
                keep=[other for other in layers if other != layer],
            )
            errors[layer] = {
                name: float((make(one)(*inputs) - whole[name]).std() / whole[name].std())
                for name, make in runtimes.items()
            }
    return errors


def weights_to_int8(path: Path | str, out: Path | str, least: int = 1024) -> None:
    """Store an ONNX file's large weights in 8 bits, by output channel, and compute as before: a smaller file, not a faster one.

    Args:
        path: of a file that `to_onnx` wrote. out: written under a temporary name first. least: tensors of fewer numbers stay in floating point.
    """
    import onnx
    from onnx import helper, numpy_helper

    model, out = onnx.load(path), Path(out)
    uses = {
        node.input[1]: node
        for node in model.graph.node
        if node.op_type in ("Conv", "MatMul", "Gemm")
    }
    for tensor in [
        t
        for t in model.graph.initializer
        if t.name in uses and t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) >= least
    ]:
        weight, node = torch.from_numpy(numpy_helper.to_array(tensor).copy()), uses[tensor.name]
        transposed = node.op_type == "MatMul" or (
            node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute)
        )
        axis = weight.ndim - 1 if transposed else 0
        largest = weight.abs().amax([d for d in range(weight.ndim) if d != axis], keepdim=True)
        grid = grid_of(-largest, largest, True)
        whole = torch.round(weight / grid.scale).clamp(grid.low, grid.high).to(torch.int8)
        name = tensor.name
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(whole.numpy(), f"{name}.int8"))
        model.graph.initializer.append(
            numpy_helper.from_array(grid.scale.flatten().numpy(), f"{name}.scale")
        )
        model.graph.node.insert(
            0,
            helper.make_node(
                "DequantizeLinear",
                [f"{name}.int8", f"{name}.scale"],
                [name],
                f"{name}.dequantise",
                axis=axis,
            ),
        )
    part = out.with_name(out.name + ".part")
    onnx.save(model, part)
    part.replace(out)
