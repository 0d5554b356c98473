import numpy as np
import onnx
import pytest
import torch
from torch import nn

from cvbook.deploy.export import operators, to_onnx
from cvbook.deploy.quantise import (
    CALIBRATIONS,
    QUANTISED,
    layer_errors,
    to_int8,
    weights_to_int8,
)
from cvbook.deploy.runtimes import OnnxRuntime
from cvbook.models.embedder import Embedder
from cvbook.models.recogniser import Recogniser


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    torch.manual_seed(0)
    model, path = Embedder(16, 16).eval(), tmp_path_factory.mktemp("quantise") / "model.onnx"
    x = torch.rand(48, 3, 32, 32)
    to_onnx(model, x[:2], path)
    with torch.no_grad():
        return model(x).numpy(), path, x


def nodes_of(path) -> tuple[list, dict[str, np.ndarray]]:
    """A file's nodes, and what is fixed in it by name."""
    graph = onnx.load(path).graph
    return list(graph.node), {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}


def grids(path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scales of a file's weights, and zero points of what is computed in between."""
    nodes, fixed = nodes_of(path)
    kept = [n for n in nodes if n.op_type == "DequantizeLinear" and n.input[0] in fixed]
    weights = [n for n in kept if fixed[n.input[0]].dtype == np.int8]
    rounded = [n for n in nodes if n.op_type == "QuantizeLinear"]
    return [fixed[n.input[1]] for n in weights], [fixed[n.input[2]] for n in rounded]


OPTIONS = [*({"method": m} for m in CALIBRATIONS), {"unsigned": True}, {"by_channel": False}]


@pytest.mark.parametrize("given", OPTIONS)
def test_eight_bits_stay_close(embedder, tmp_path, given):
    whole, path, x = embedder
    to_int8(path, tmp_path / "int8.onnx", x[:32], **given)
    got = OnnxRuntime(tmp_path / "int8.onnx")(x[32:]).numpy()
    cosine = (got * whole[32:]).sum(1)
    assert 0.9 < cosine.min() < cosine.max() < 1.0001 and np.abs(got - whole[32:]).max() > 0
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * path.stat().st_size
    assert [p.name for p in tmp_path.iterdir()] == ["int8.onnx"]
    scales, zeros = grids(tmp_path / "int8.onnx")
    assert len(scales) == 5 and len(zeros) > 4
    assert all((scale.size > 1) == given.get("by_channel", True) for scale in scales)
    unsigned = given.get("unsigned", False)
    assert {zero.dtype for zero in zeros} == {np.dtype(np.uint8 if unsigned else np.int8)}
    assert any(zero != 0 for zero in zeros) == unsigned


def test_each_calibration_finds_ranges_of_its_own(embedder, tmp_path):
    _, path, x = embedder
    found = {}
    for method in CALIBRATIONS:
        to_int8(path, tmp_path / f"{method}.onnx", x[:37], method)  # not a multiple of the batch
        nodes, fixed = nodes_of(tmp_path / f"{method}.onnx")
        scales = [fixed[n.input[1]].item() for n in nodes if n.op_type == "QuantizeLinear"]
        found[method] = np.array(scales)
    assert (found["percentile"] <= found["minmax"] * 1.0001).all()
    assert (found["percentile"] < found["minmax"]).any()
    assert not np.allclose(found["entropy"], found["minmax"])
    assert not np.allclose(found["entropy"], found["percentile"])


def test_a_node_may_stay_in_floating_point(embedder, tmp_path):
    _, path, x = embedder
    to_int8(path, tmp_path / "all.onnx", x[:16])
    first = next(n.name for n in onnx.load(path).graph.node if n.op_type == "Conv")
    to_int8(path, tmp_path / "most.onnx", x[:16], keep=[first])
    every, most = (operators(tmp_path / f"{name}.onnx") for name in ("all", "most"))
    assert most["DequantizeLinear"] < every["DequantizeLinear"]


def test_the_layer_that_a_runtime_gets_wrong_is_found(embedder):
    """A runtime that halves the answer of any file in which one certain layer is rounded."""
    _, given, x = embedder
    layers = [node.name for node in onnx.load(given).graph.node if node.op_type in QUANTISED]

    def wrong(path):
        nodes, _ = nodes_of(path)
        restored = {n.output[0] for n in nodes if n.op_type == "DequantizeLinear"}
        rounds = any(n.name == layers[2] and restored & set(n.input) for n in nodes)
        return lambda *inputs: OnnxRuntime(path)(*inputs) * (0.5 if rounds else 1)

    errors = layer_errors(given, (x[:8],), {"right": OnnxRuntime, "wrong": wrong})
    assert list(errors) == layers
    assert all(0 < error["right"] < 0.05 for error in errors.values())
    guilty = [layer for layer, error in errors.items() if error["wrong"] > 3 * error["right"]]
    assert guilty == [layers[2]]


def test_the_recogniser_with_two_inputs_and_any_width(tmp_path):
    torch.manual_seed(0)
    model, path = Recogniser(width=24, layers=1).eval(), tmp_path / "reader.onnx"
    to_onnx(model, (torch.rand(2, 1, 32, 64), torch.tensor([64, 40])), path, free={3: "width"})
    x, widths = torch.rand(5, 1, 32, 100), torch.tensor([100, 60, 30, 100, 9])
    with torch.no_grad():
        whole = model(x, widths).numpy()
    assert np.abs(OnnxRuntime(path)(x, widths).numpy() - whole).max() < 1e-4
    to_int8(path, tmp_path / "int8.onnx", (x, widths), unsigned=True)
    rounded = OnnxRuntime(tmp_path / "int8.onnx")(x, widths).numpy()
    assert np.corrcoef(rounded.ravel(), whole.ravel())[0, 1] > 0.9


def test_weights_alone_in_eight_bits(embedder, tmp_path):
    whole, path, x = embedder
    weights_to_int8(path, tmp_path / "small.onnx")
    apart = np.abs(OnnxRuntime(tmp_path / "small.onnx")(x).numpy() - whole).max()
    assert 0 < apart < 0.02 and (tmp_path / "small.onnx").stat().st_size < 0.4 * path.stat().st_size
    assert operators(tmp_path / "small.onnx")["DequantizeLinear"] == 4
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"]


def test_weights_of_matrix_products_are_rounded_by_their_outputs(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(64, 32).eval()
    with torch.no_grad():
        model.weight[3] *= (
            1000  # one loud output would drown the others if rows and columns were mixed up
        )
    to_onnx(model, torch.randn(2, 5, 64), tmp_path / "product.onnx", tolerance=1e-2)
    weights_to_int8(tmp_path / "product.onnx", tmp_path / "small.onnx")
    x = torch.randn(4, 5, 64)
    with torch.no_grad():
        apart = np.abs(OnnxRuntime(tmp_path / "small.onnx")(x).numpy() - model(x).numpy())
    assert np.delete(apart, 3, axis=2).max() < 0.05


def test_unknown_calibration():
    with pytest.raises(ValueError, match="choose minmax, percentile, entropy"):
        to_int8("no.onnx", "int8.onnx", torch.zeros(1), "luck")
