"""ONNX files in eight bits: by calibration, layer by layer, or their weights alone."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from cvbook.deploy.rounding import grid_of
from cvbook.files import replacing

# What sets the range of activations, and its name in ONNX Runtime.
CALIBRATIONS = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}
QUANTISED = ("MatMul", "Conv", "Gemm")  # kinds of nodes whose inputs and weights get grids
LARGE = 1024  # numbers; a smaller tensor of weights is not worth its scales


class _Batches:
    """Inputs float32[N, ...] in batches, as ONNX Runtime's calibration asks for them."""

    def __init__(self, inputs: dict[str, Tensor], batch: int):
        count = min(map(len, inputs.values()))
        size = min(batch, count)
        self.names = list(inputs)
        # Histograms want batches of one size, so what is left over at the end is not used.
        whole = (x[: count // size * size].split(size) for x in inputs.values())
        self.parts = zip(*whole, strict=True)

    def get_next(self) -> dict[str, np.ndarray] | None:
        part = next(self.parts, None)
        if part is None:
            return None
        return {name: x.numpy() for name, x in zip(self.names, part, strict=True)}


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
    """Quantise an ONNX file's matrix products and convolutions to 8 bits.

    The file is in the QDQ form that ONNX Runtime, OpenVINO and TensorRT read.

    Args:
        path: of a file that `to_onnx` wrote.
        out: to where; a file that is there is replaced at the end.
        calibration: float32[N, ...], typical inputs, or all inputs.
        method: what sets the range of activations: smallest and largest value, all but 0.01 % at
            either end, or the range that loses least by entropy.
        unsigned: activations from 0 to 255 with a zero point, which is much faster on many
            processors; TensorRT wants them signed and symmetric.
        by_channel: a scale for each output channel of weights, or one for all.
        keep: names of nodes that stay in floating point.
        batch: of the calibration.

    Raises:
        ValueError: an unknown method.
    """
    import onnx
    from onnxruntime import quantization as ort
    from onnxruntime.quantization.calibrate import save_tensors_data
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if method not in CALIBRATIONS:
        raise ValueError(f"method is {method!r}; choose {', '.join(CALIBRATIONS)}.")
    kind = ort.CalibrationMethod[CALIBRATIONS[method]]
    inputs = (calibration,) if isinstance(calibration, Tensor) else calibration
    names = [value.name for value in onnx.load(path, load_external_data=False).graph.input]
    given = dict(zip(names, inputs, strict=True))
    # The 128 bins of `quantize_static` would leave entropy no choice.
    fine = {} if method == "minmax" else {"num_bins": 2048, "percentile": 99.99}
    with tempfile.TemporaryDirectory() as folder, replacing(out) as part:
        prepared, ranges = Path(folder) / "prepared.onnx", Path(folder) / "ranges.json"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        with contextlib.redirect_stdout(io.StringIO()):  # it reports every step
            calibrator = ort.create_calibrator(
                prepared, list(QUANTISED), f"{folder}/watched.onnx", kind, extra_options=fine
            )
            calibrator.collect_data(_Batches(given, batch))
            save_tensors_data(calibrator.compute_data(), ranges)
        ort.quantize_static(
            prepared,
            part,
            None,
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=by_channel,
            activation_type=ort.QuantType.QUInt8 if unsigned else ort.QuantType.QInt8,
            weight_type=ort.QuantType.QInt8,
            nodes_to_exclude=list(keep),
            calibrate_method=kind,
            calibration_cache_path=ranges,
            extra_options={"ActivationSymmetric": not unsigned, "WeightSymmetric": True},
        )


def layer_errors(
    path: Path | str,
    inputs: tuple[Tensor, ...],
    runtimes: Mapping[str, Callable[[Path], Callable[..., Tensor]]],
) -> dict[str, dict[str, float]]:
    """Round one layer at a time, and see how far that moves the answer.

    Args:
        path: of a file that `to_onnx` wrote.
        inputs: all inputs, float32[N, ...]; they calibrate, and are answered.
        runtimes: each makes a file callable.

    Returns:
        The standard deviation of the change, in those of the whole answer, by layer (in the file's
        order) and runtime. A layer far apart from the same one in another runtime is that
        runtime's fault.
    """
    import onnx

    layers = [node.name for node in onnx.load(path).graph.node if node.op_type in QUANTISED]
    whole = {name: make(Path(path))(*inputs) for name, make in runtimes.items()}
    errors: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, layer in enumerate(tqdm(layers, desc="layer by layer")):
            others = [other for other in layers if other != layer]
            one = Path(folder) / f"{number}.onnx"
            to_int8(path, one, inputs, unsigned=True, keep=others)
            errors[layer] = {}
            for name, make in runtimes.items():
                moved = make(one)(*inputs) - whole[name]
                errors[layer][name] = float(moved.std() / whole[name].std())
    return errors


def weights_to_int8(path: Path | str, out: Path | str) -> None:
    """Store an ONNX file's large weights in 8 bits, by output channel, and compute as before.

    The file is smaller, not faster.

    Args:
        path: of a file that `to_onnx` wrote.
        out: to where; a file that is there is replaced at the end.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    graph = model.graph
    uses = {node.input[1]: node for node in graph.node if node.op_type in QUANTISED}
    for tensor in list(graph.initializer):
        name, node = tensor.name, uses.get(tensor.name)
        if (
            node is None
            or tensor.data_type != onnx.TensorProto.FLOAT
            or np.prod(tensor.dims) < LARGE
        ):
            continue
        weight = torch.from_numpy(numpy_helper.to_array(tensor).copy())
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        columns = node.op_type == "MatMul" or (node.op_type == "Gemm" and not turned)
        axis = weight.ndim - 1 if columns else 0
        largest = weight.abs().amax([d for d in range(weight.ndim) if d != axis], keepdim=True)
        grid = grid_of(-largest, largest, True)
        whole = torch.round(weight / grid.scale).clamp(grid.low, grid.high).to(torch.int8)
        parts = {f"{name}.int8": whole, f"{name}.scale": grid.scale.flatten()}
        graph.initializer.remove(tensor)
        graph.initializer.extend(numpy_helper.from_array(x.numpy(), n) for n, x in parts.items())
        dequantise = helper.make_node(
            "DequantizeLinear", list(parts), [name], f"{name}.dequantise", axis=axis
        )
        graph.node.insert(0, dequantise)
    with replacing(out) as part:
        onnx.save(model, part)
