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
LOST = 0.5  # of the answers' standard deviation: an error of this size leaves little of them
LARGE = 1024  # numbers; a smaller tensor of weights is not worth its scales


class _Batches:
    """Inputs float32[N, ...] in batches, as ONNX Runtime's calibration asks for them."""

    def __init__(self, inputs: dict[str, Tensor], batch: int):
        count = len(next(iter(inputs.values())))
        # Histograms want batches of one size, and no row is left out.
        size = max(size for size in range(1, batch + 1) if count % size == 0)
        self.names = list(inputs)
        self.parts = zip(*(x.split(size) for x in inputs.values()), strict=True)

    def get_next(self) -> dict[str, np.ndarray] | None:
        part = next(self.parts, None)
        if part is None:
            return None
        return {name: x.numpy() for name, x in zip(self.names, part, strict=True)}


def _named(path: Path | str, inputs: tuple[Tensor, ...], keep: Sequence[str]) -> dict[str, Tensor]:
    """Rows that calibrate, by the names of a file's inputs, if there is all that it takes."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    unknown = set(keep) - {node.name for node in graph.node}
    if unknown:
        raise ValueError(f"{path} has no node {', '.join(sorted(unknown))} to keep.")
    if not any(n.op_type in QUANTISED and n.name not in keep for n in graph.node):
        raise ValueError(f"{path} has no {', '.join(QUANTISED)} left to quantise.")
    names = [value.name for value in graph.input]
    if len(names) != len(inputs):
        raise ValueError(
            f"{path} has inputs {', '.join(names)}; got {len(inputs)} tensors to calibrate with."
        )
    rows = {name: len(x) if x.ndim else 0 for name, x in zip(names, inputs, strict=True)}
    if len(set(rows.values())) != 1 or not min(rows.values()):
        raise ValueError(f"Calibration needs rows, as many of every input; got {rows}.")
    for name, x in zip(names, inputs, strict=True):
        broken = ~x.reshape(len(x), -1).isfinite().all(1)
        if broken.any():
            at = int(broken.int().argmax())
            raise ValueError(f"Row {at} of {name!r} is not finite: leave it out of calibration.")
    return dict(zip(names, inputs, strict=True))


def _stacks(path: Path) -> list[str]:
    """Weights of a file that are stacks of matrices."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    large = {tensor.name for tensor in graph.initializer if len(tensor.dims) > 2}
    products = [node for node in graph.node if node.op_type == "MatMul"]
    return [name for node in products for name in node.input if name in large]


def _answers(path: Path, given: dict[str, Tensor], batch: int) -> list[np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is told by the caller
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    parts = zip(*(x.split(batch) for x in given.values()), strict=True)
    every = [
        session.run(None, {k: x.numpy() for k, x in zip(given, p, strict=True)}) for p in parts
    ]
    return [np.concatenate(output) for output in zip(*every, strict=True)]


def _check(whole: Path, rounded: Path, given: dict[str, Tensor], batch: int) -> None:
    """Whether a quantised file runs, and still answers what the file before it did."""
    try:
        after = _answers(rounded, given, batch)
    except Exception as error:  # ONNX Runtime's exceptions have no class of their own
        said = str(error).split(" Status Message: ")[-1][:200]
        raise RuntimeError(
            f"ONNX Runtime cannot run the file in 8 bits: {said}. Try by_channel=False, or keep "
            "that node in floating point."
        ) from None
    for before, now in zip(_answers(whole, given, batch), after, strict=True):
        before, now = before.astype(np.float64), now.astype(np.float64)
        moved, spread, size = (
            np.sqrt(np.mean(x**2)) for x in (now - before, before - before.mean(), before)
        )
        if not moved <= max(LOST * spread, 0.01 * size):
            raise RuntimeError(
                f"The file in 8 bits does not answer as before: {moved:.2g} apart, and answers "
                f"differ by {spread:.2g} among themselves. Calibrate with more rows or "
                "method='minmax', or keep nodes in floating point."
            )


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

    The file is in the QDQ form that ONNX Runtime, OpenVINO and TensorRT read. Before it is there,
    it answers the calibration rows once.

    Args:
        path: of a file that `to_onnx` wrote.
        out: to where; a file that is there is replaced at the end.
        calibration: float32[N, ...], typical inputs, or all inputs.
        method: what sets the range of activations: smallest and largest value, all but 0.01 % at
            either end, or the range that loses least by entropy.
        unsigned: activations from 0 to 255 with a zero point, which is much faster on many
            processors; TensorRT wants them signed and symmetric.
        by_channel: a scale for each output channel of weights, or one for all. Stacks of matrices
            have one in any case, since ONNX Runtime multiplies them by no other.
        keep: names of nodes that stay in floating point.
        batch: of the calibration.

    Raises:
        ValueError: an unknown method or node, no batch, no rows or not as many of each input, a row
            that is not finite, or nothing to quantise.
        RuntimeError: the rows set no ranges, or the quantised file does not run or answers
            something else.
    """
    if method not in CALIBRATIONS:
        raise ValueError(f"method is {method!r}; choose {', '.join(CALIBRATIONS)}.")
    if batch < 1:
        raise ValueError(f"A batch has at least 1 row; got {batch}.")
    inputs = (calibration,) if isinstance(calibration, Tensor) else calibration
    given = _named(path, tuple(x.detach().cpu() for x in inputs), keep)
    with replacing(out) as part:
        _quantise(path, part, given, method, unsigned, by_channel, keep, batch)
        _check(Path(path), part, given, batch)


def _quantise(
    path: Path | str,
    out: Path,
    given: dict[str, Tensor],
    method: str,
    unsigned: bool,
    by_channel: bool,
    keep: Sequence[str],
    batch: int,
) -> None:
    """What `to_int8` does before it looks at the outcome; inputs by name."""
    from onnxruntime import quantization as ort
    from onnxruntime.quantization.calibrate import save_tensors_data
    from onnxruntime.quantization.shape_inference import quant_pre_process

    kind = ort.CalibrationMethod[CALIBRATIONS[method]]
    # The 128 bins of `quantize_static` would leave entropy no choice.
    fine = {} if method == "minmax" else {"num_bins": 2048, "percentile": 99.99}
    with tempfile.TemporaryDirectory() as folder:
        prepared, ranges = Path(folder) / "prepared.onnx", Path(folder) / "ranges.json"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        with contextlib.redirect_stdout(io.StringIO()):  # it reports every step
            calibrator = ort.create_calibrator(
                prepared, list(QUANTISED), f"{folder}/watched.onnx", kind, extra_options=fine
            )
            try:
                calibrator.collect_data(_Batches(given, batch))
                save_tensors_data(calibrator.compute_data(), ranges)
            except Exception as error:  # of NumPy, or ONNX Runtime's own
                raise RuntimeError(
                    f"The rows set no ranges: {str(error)[:200]}. Look for huge numbers in "
                    "them, or calibrate with method='minmax'."
                ) from error
        ort.quantize_static(
            prepared,
            out,
            None,
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=by_channel,
            activation_type=ort.QuantType.QUInt8 if unsigned else ort.QuantType.QInt8,
            weight_type=ort.QuantType.QInt8,
            nodes_to_exclude=list(keep),
            calibrate_method=kind,
            calibration_cache_path=ranges,
            extra_options={
                "ActivationSymmetric": not unsigned,
                "WeightSymmetric": True,
                "TensorQuantOverrides": {
                    name: [{"quant_type": ort.QuantType.QInt8, "symmetric": True}]
                    for name in _stacks(prepared)
                },
            },
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
            # Not looked at: a layer that ruins the answer is what is wanted here.
            _quantise(path, one, _named(path, inputs, others), "minmax", True, True, others, 16)
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

    Raises:
        ValueError: a weight is not finite, or the file is of an opset before 13, which has no
            scales by channel.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset < 13:
        raise ValueError(f"{path} is of opset {opset}: export it with 13 or later.")
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
        if not weight.isfinite().all():
            raise ValueError(f"The weight {name!r} in {path} is not finite.")
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
