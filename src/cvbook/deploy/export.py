"""Networks as ONNX files, with any batch size, checked against what they were made from."""

import inspect
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn

# What vision networks may hold and TensorRT 10 does not read, by its parser's list (onnx-tensorrt, docs/operators.md). Torch's `fold` becomes Col2Im.
REFUSED = {
    "Col2Im",
    "CenterCropPad",
    "Compress",
    "ConvInteger",
    "Det",
    "DFT",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "MaxRoiPool",
    "MaxUnpool",
    "Multinomial",
    "QLinearConv",
    "QLinearMatMul",
    "STFT",
    "Unique",
}


def to_onnx(
    model: nn.Module,
    example: torch.Tensor | tuple[torch.Tensor, ...],
    path: Path | str,
    tolerance: float = 1e-4,
    free: dict[int, str] | None = None,
) -> float:
    """Write a network of one output to an ONNX file, under a temporary name until it has been checked.

    The first input is named "input", further ones as in the network's `forward`, the output "output".

    Args:
        model: in evaluation mode. example: float32[B, ...], B at least 2, or all inputs; other batch sizes work too, and one is checked.
        tolerance: largest difference from the network's own output. free: further dimensions of the first input that may vary, with a name for each.

    Returns:
        The largest difference, on the example and on its first sample alone.

    Raises:
        RuntimeError: an operator has no counterpart, the file holds one that TensorRT refuses, or it computes something else.
    """
    import onnxruntime

    path = Path(path)
    part = path.with_name(path.name + ".part")
    inputs = (example,) if isinstance(example, torch.Tensor) else example
    names = ["input", *list(inspect.signature(model.forward).parameters)[1 : len(inputs)]]
    batch = torch.export.Dim("batch", min=1, max=4096)
    shapes = [
        {0: batch} | {d: torch.export.Dim(n, min=8, max=8192) for d, n in (free or {}).items()},
        *({0: batch} for _ in inputs[1:]),
    ]
    try:
        torch.onnx.export(
            model.eval(),
            inputs,
            part,
            dynamo=True,
            input_names=names,
            output_names=["output"],
            dynamic_shapes=tuple(shapes),
            external_data=False,
            verbose=False,
        )
        refused = sorted(set(operators(part)) & REFUSED)
        if refused:
            raise RuntimeError(
                f"TensorRT does not read {', '.join(refused)}: write that step with other operators."
            )
        session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
        difference = 0.0
        for given in (inputs, tuple(x[:1] for x in inputs)):
            with torch.inference_mode():
                expected = model(*given).numpy()
            difference = max(
                difference,
                float(
                    np.abs(
                        session.run(None, {n: x.numpy() for n, x in zip(names, given)})[0]
                        - expected
                    ).max()
                ),
            )
        if not difference <= tolerance:
            raise RuntimeError(
                f"The exported network differs by {difference:.2g}, more than {tolerance:g}."
            )
        part.replace(path)
    except torch.onnx.errors.OnnxExporterError as error:
        raise RuntimeError(
            f"{type(model).__name__} cannot be exported: {str(error)[:300]}"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return difference


def operators(path: Path | str) -> Counter[str]:
    """How often each operator occurs in an ONNX file."""
    import onnx

    return Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)
