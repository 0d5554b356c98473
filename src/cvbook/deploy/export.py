"""Networks as ONNX files, with any batch size, checked against what they were made from."""

import inspect
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cvbook.files import replacing

# What vision networks may hold and TensorRT 10 does not read, by its parser's list (onnx-tensorrt,
# docs/operators.md). Torch's `fold` becomes Col2Im.
_REFUSED = (
    "Col2Im CenterCropPad Compress ConvInteger Det DFT DynamicQuantizeLinear MatMulInteger "
    "MaxRoiPool MaxUnpool Multinomial QLinearConv QLinearMatMul STFT Unique"
)
REFUSED = set(_REFUSED.split())


def _export(
    model: nn.Module, inputs: tuple[Tensor, ...], names: list[str], free: dict[int, str], path: Path
) -> None:
    batch = torch.export.Dim("batch", min=1, max=4096)
    first = {d: torch.export.Dim(name, min=8, max=8192) for d, name in free.items()}
    try:
        torch.onnx.export(
            model.eval(),
            inputs,
            path,
            dynamo=True,
            input_names=names,
            output_names=["output"],
            dynamic_shapes=({0: batch} | first, *({0: batch} for _ in inputs[1:])),
            external_data=False,
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        raise RuntimeError(
            f"{type(model).__name__} cannot be exported: {str(error)[:300]}"
        ) from None
    refused = sorted(set(operators(path)) & REFUSED)
    if refused:
        raise RuntimeError(
            f"TensorRT does not read {', '.join(refused)}: write that step with other operators."
        )


def _difference(
    model: nn.Module, inputs: tuple[Tensor, ...], names: list[str], path: Path
) -> float:
    """The largest difference of file and network, on the inputs and on their first rows alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for given in (inputs, tuple(x[:1] for x in inputs)):
        with torch.inference_mode():
            expected = model(*given).numpy()
        fed = {name: x.numpy() for name, x in zip(names, given, strict=True)}
        worst = max(worst, float(np.abs(session.run(None, fed)[0] - expected).max()))
    return worst


def to_onnx(
    model: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    path: Path | str,
    tolerance: float = 1e-4,
    free: dict[int, str] | None = None,
) -> float:
    """Write a network of one output to an ONNX file, and check it before it is there.

    The first input is named "input", further ones as in the network's `forward`, the output
    "output".

    Args:
        model: in evaluation mode.
        example: float32[B, ...], B at least 2, or all inputs; other batch sizes work too, and one
            is checked.
        path: to where; a file that is there is replaced at the end.
        tolerance: largest difference from the network's own output.
        free: further dimensions of the first input that may vary, with a name for each.

    Returns:
        The largest difference, on the example and on its first sample alone.

    Raises:
        RuntimeError: an operator has no counterpart, the file holds one that TensorRT refuses, or
            it computes something else.
    """
    inputs = (example,) if isinstance(example, Tensor) else example
    names = ["input", *list(inspect.signature(model.forward).parameters)[1 : len(inputs)]]
    with replacing(path) as part:
        _export(model, inputs, names, free or {}, part)
        difference = _difference(model, inputs, names, part)
        if not difference <= tolerance:
            raise RuntimeError(
                f"The exported network differs by {difference:.2g}, more than {tolerance:g}."
            )
    return difference


def operators(path: Path | str) -> Counter[str]:
    """How often each operator occurs in an ONNX file."""
    import onnx

    return Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)
