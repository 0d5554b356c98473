"""Networks as ONNX files, with any batch size, checked against what they were made from."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn

# What vision networks may hold and TensorRT 10 does not read, by its parser's list (onnx-tensorrt, docs/operators.md). Torch's `fold` becomes Col2Im.
REFUSED = {
    "Col2Im", "CenterCropPad", "Compress", "ConvInteger", "Det", "DFT", "DynamicQuantizeLinear", "MatMulInteger", "MaxRoiPool", "MaxUnpool",
    "Multinomial", "QLinearConv", "QLinearMatMul", "STFT", "Unique",
}  # fmt: skip


def to_onnx(model: nn.Module, example: torch.Tensor, path: Path | str, tolerance: float = 1e-4) -> float:
    """Write a network of one input and one output to an ONNX file, under a temporary name until it has been checked.

    Args:
        model: in evaluation mode. example: float32[B, ...], B at least 2; other batch sizes work too, and one is checked.
        tolerance: largest difference from the network's own output.

    Returns:
        The largest difference, on the example and on its first sample alone.

    Raises:
        RuntimeError: an operator has no counterpart, the file holds one that TensorRT refuses, or it computes something else.
    """
    import onnxruntime

    path = Path(path)
    part = path.with_name(path.name + ".part")
    batch = torch.export.Dim("batch", min=1, max=4096)
    try:
        torch.onnx.export(
            model.eval(), (example,), part, dynamo=True, input_names=["input"], output_names=["output"], dynamic_shapes=({0: batch},),
            external_data=False, verbose=False,
        )  # fmt: skip
        refused = sorted(set(operators(part)) & REFUSED)
        if refused:
            raise RuntimeError(f"TensorRT does not read {', '.join(refused)}: write that step with other operators.")
        session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
        difference = 0.0
        for x in (example, example[:1]):
            with torch.inference_mode():
                expected = model(x).numpy()
            difference = max(difference, float(np.abs(session.run(None, {"input": x.numpy()})[0] - expected).max()))
        if not difference <= tolerance:
            raise RuntimeError(f"The exported network differs by {difference:.2g}, more than {tolerance:g}.")
        part.replace(path)
    except torch.onnx.errors.OnnxExporterError as error:
        raise RuntimeError(f"{type(model).__name__} cannot be exported: {str(error)[:300]}") from None
    finally:
        part.unlink(missing_ok=True)
    return difference


def to_int8(path: Path | str, out: Path | str, calibration: torch.Tensor, batch: int = 16) -> None:
    """Quantise an ONNX file's matrix products and convolutions to 8 bits, in the QDQ form that ONNX Runtime, OpenVINO and TensorRT read.

    Weights by channel, activations by the smallest and largest value that the calibration shows.

    Args:
        path: of the file, with an input named "input". out: written under a temporary name first. calibration: float32[N, ...], typical inputs.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.parts = iter(calibration.split(batch))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.parts, None)
            return None if part is None else {"input": part.numpy()}

    out = Path(out)
    with tempfile.TemporaryDirectory() as folder:
        prepared, part = Path(folder) / "prepared.onnx", out.with_name(out.name + ".part")
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        try:
            quantize_static(
                prepared, part, Reader(), quant_format=QuantFormat.QDQ, op_types_to_quantize=["MatMul", "Conv", "Gemm"], per_channel=True,
                activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
            )  # fmt: skip
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)


def operators(path: Path | str) -> Counter[str]:
    """How often each operator occurs in an ONNX file."""
    import onnx

    return Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)
