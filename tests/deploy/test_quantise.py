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


class Product(nn.Module):
    """A product with weights of any shape."""

    def __init__(self, *shape, left=False):
        super().__init__()
        self.weight, self.left = nn.Parameter(torch.randn(shape)), left

    def forward(self, x):
        return self.weight @ x if self.left else x @ self.weight


KINDS = {
    "Conv1d": (lambda: nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.Conv1d(6, 3, 1)), (4, 16)),
    "grouped Conv1d": (lambda: nn.Conv1d(4, 8, 3, groups=4), (4, 16)),
    "Conv3d": (lambda: nn.Conv3d(2, 6, 3), (2, 6, 6, 6)),
    "a stack of matrices": (lambda: Product(3, 8, 8), (3, 4, 8)),
    "stacks of matrices": (lambda: Product(2, 3, 8, 8), (2, 3, 4, 8)),
    "weights on the left": (lambda: Product(5, 8, left=True), (8, 4)),
    "a stack on the left": (lambda: Product(3, 5, 8, left=True), (3, 8, 4)),
    "a vector": (lambda: Product(8), (8,)),
}


@pytest.mark.parametrize("given", [{}, {"unsigned": True}, {"by_channel": False}])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_any_shape_run(tmp_path, kind, given):
    """ONNX Runtime multiplies stacks of matrices only with one scale."""
    torch.manual_seed(0)
    make, shape = KINDS[kind]
    model, x = make().eval(), torch.randn(37, *shape)
    to_onnx(model, x[:2], tmp_path / "model.onnx")
    to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", x, **given)
    with torch.no_grad():
        moved = (OnnxRuntime(tmp_path / "int8.onnx")(x) - model(x)).std() / model(x).std()
    assert 0 < moved < 0.05


def ramp(n, last=1.0):
    """One number a row, of which the last is the largest."""
    return torch.cat([torch.linspace(-1, 1, n - 1), torch.tensor([last])])[:, None].repeat(1, 8)


@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_the_last_rows_calibrate_too(tmp_path, method):
    """The range of what goes in is set by the last row, which no whole batch holds."""
    model = nn.Linear(8, 4).eval()
    to_onnx(model, torch.randn(2, 8), tmp_path / "model.onnx")
    to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", ramp(21, 9.0), method)
    nodes, fixed = nodes_of(tmp_path / "int8.onnx")
    (scale,) = (
        fixed[n.input[1]] for n in nodes if n.op_type == "QuantizeLinear" and n.input[0] == "input"
    )
    assert scale * 127 == pytest.approx(9, rel=0.01)


def test_a_file_that_answers_something_else_is_not_kept(tmp_path):
    """Entropy over 2048 bins sees little in few numbers of heavy tails, and cuts most off."""
    torch.manual_seed(0)
    model, x = nn.Linear(8, 4).eval(), torch.randn(256, 8)
    few = (x * torch.exp(2 * torch.randn(256, 1)))[:32]
    to_onnx(model, x[:2], tmp_path / "model.onnx")
    to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", few)
    before = (tmp_path / "int8.onnx").read_bytes()
    with pytest.raises(RuntimeError, match="does not answer as before.*more rows"):
        to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", few, "entropy")
    assert (tmp_path / "int8.onnx").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["int8.onnx", "model.onnx"]
    to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", x, "entropy")


def test_rows_that_set_no_ranges_are_refused(tmp_path):
    to_onnx(nn.Linear(8, 4), torch.randn(2, 8), tmp_path / "model.onnx")
    x = torch.zeros(4, 8)
    x[2] = 3e38
    with pytest.raises(RuntimeError, match="set no ranges.*huge"):
        to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", x, "entropy")


def test_answers_that_are_all_alike_are_kept(tmp_path):
    model = nn.Linear(8, 1).eval()
    with torch.no_grad():
        model.weight.fill_(0.3)
    x = torch.ones(16, 8)
    to_onnx(model, x[:2], tmp_path / "model.onnx")
    to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", x)
    to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", x[:1], unsigned=True)


def test_a_file_that_cannot_run_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("cvbook.deploy.quantise._stacks", lambda path: [])
    model, x = Product(3, 8, 8).eval(), torch.randn(8, 3, 4, 8)
    to_onnx(model, x[:2], tmp_path / "model.onnx")
    with pytest.raises(RuntimeError, match="cannot run the file in 8 bits.*by_channel=False"):
        to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", x)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("calibration", "given", "sentence"),
    [
        (torch.zeros(0, 8), {}, "Calibration needs rows.*'input': 0"),
        (torch.tensor(1.0), {}, "Calibration needs rows"),
        ((torch.zeros(2, 8), torch.zeros(2, 8)), {}, "inputs input; got 2"),
        ((), {}, "inputs input; got 0"),
        (torch.tensor([[0.0] * 8, [torch.nan] * 8]), {}, "Row 1 of 'input' is not finite"),
        (torch.tensor([[torch.inf] * 8, [0.0] * 8]), {}, "Row 0 of 'input' is not finite"),
        (torch.zeros(2, 8), {"batch": 0}, "at least 1 row"),
        (torch.zeros(2, 8), {"keep": ["nothing"]}, "no node nothing"),
        (torch.zeros(2, 8), {"keep": "all"}, "left to quantise"),
    ],
)
def test_calibration_that_is_none_is_refused(tmp_path, calibration, given, sentence):
    to_onnx(nn.Linear(8, 4), torch.randn(2, 8), tmp_path / "model.onnx")
    if given.get("keep") == "all":
        given = {"keep": [n.name for n in onnx.load(tmp_path / "model.onnx").graph.node]}
    with pytest.raises(ValueError, match=sentence):
        to_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", calibration, **given)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_inputs_of_unequal_numbers_of_rows_are_refused(tmp_path):
    model, x, widths = (
        Recogniser(width=24, layers=1).eval(),
        torch.rand(4, 1, 32, 64),
        torch.full((4,), 64),
    )
    to_onnx(model, (x, widths), tmp_path / "reader.onnx", free={3: "width"})
    with pytest.raises(ValueError, match="as many of every input"):
        to_int8(tmp_path / "reader.onnx", tmp_path / "int8.onnx", (x, widths[:3]))


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = nn.Linear(64, 32).eval()
    to_onnx(model, torch.randn(2, 64), tmp_path / "model.onnx")
    file = onnx.load(tmp_path / "model.onnx")
    (weight,) = (t for t in file.graph.initializer if len(t.dims) == 2)
    broken = onnx.numpy_helper.to_array(weight).copy()
    broken[3, 4] = np.nan
    weight.CopyFrom(onnx.numpy_helper.from_array(broken, weight.name))
    onnx.save(file, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="weight .* is not finite"):
        weights_to_int8(tmp_path / "model.onnx", tmp_path / "small.onnx")


def test_unknown_calibration():
    with pytest.raises(ValueError, match="choose minmax, percentile, entropy"):
        to_int8("no.onnx", "int8.onnx", torch.zeros(1), "luck")


def test_a_layer_that_ruins_the_answer_is_found_and_not_refused(tmp_path):
    """Its weights differ a millionfold, within what shares a scale."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)).eval()
    with torch.no_grad():
        model[2].weight[:, 0] = 1e6  # of an input that is always 0
        model[0].weight[0], model[0].bias[0] = 0, 0
    x = torch.randn(64, 64)
    to_onnx(model, x[:2], tmp_path / "m.onnx", tolerance=1e-2)
    first, second = layer_errors(tmp_path / "m.onnx", (x,), {"it": OnnxRuntime}).values()
    assert second["it"] > 0.9 > 0.1 > first["it"]
    with pytest.raises(RuntimeError, match="does not answer as before"):
        to_int8(tmp_path / "m.onnx", tmp_path / "out.onnx", x)


def test_a_file_of_an_old_opset_is_refused(tmp_path):
    torch.manual_seed(0)
    to_onnx(nn.Linear(64, 32).eval(), torch.randn(2, 64), tmp_path / "m.onnx", tolerance=1e-2)
    model = onnx.load(tmp_path / "m.onnx")
    model.opset_import[0].version = 11
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(ValueError, match="opset 11"):
        weights_to_int8(tmp_path / "old.onnx", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
