import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cvbook.deploy.export import REFUSED, operators, to_onnx
from cvbook.deploy.openvino_offline import openvino
from cvbook.deploy.quantise import to_int8
from cvbook.deploy.runtimes import OnnxRuntime
from cvbook.models.fusion import FUSIONS
from cvbook.models.mivolo import mivolo_small


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"inputs": 1}, *({"fusion": f} for f in FUSIONS)])
def test_mivolo_becomes_onnx_with_any_batch(tmp_path, given):
    torch.manual_seed(0)
    model, path = mivolo_small(**given).eval(), tmp_path / "model.onnx"
    assert to_onnx(model, torch.randn(2, 3 * model.inputs, 48, 48), path) < 1e-4
    x = torch.randn(5, 3 * model.inputs, 48, 48)
    torch.testing.assert_close(OnnxRuntime(path)(x), model(x).detach(), atol=1e-4, rtol=0)
    assert operators(path)["MatMul"] > 0 and not set(operators(path)) & REFUSED
    assert list(tmp_path.iterdir()) == [path]


class Folding(nn.Module):
    def forward(self, x):
        return F.fold(F.unfold(x, 3, padding=1, stride=2), (8, 8), 3, padding=1, stride=2)


class Different(nn.Module):
    """Another result each time, so no export can be right."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        if torch.compiler.is_compiling():
            return x
        self.calls += 1
        return x + self.calls


class Deciding(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_a_network_that_decides_by_its_data_cannot_be_exported(tmp_path):
    with pytest.raises(RuntimeError, match="Deciding cannot be exported"):
        to_onnx(Deciding(), torch.randn(2, 3), tmp_path / "deciding.onnx")
    assert not list(tmp_path.iterdir())


def test_what_other_runtimes_refuse_is_named_and_nothing_is_left(tmp_path):
    with pytest.raises(RuntimeError, match="TensorRT does not read Col2Im"):
        to_onnx(Folding(), torch.randn(2, 1, 8, 8), tmp_path / "fold.onnx")
    with pytest.raises(RuntimeError, match="differs by"):
        to_onnx(Different(), torch.randn(2, 3), tmp_path / "different.onnx")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    model, path = mivolo_small().eval(), tmp_path_factory.mktemp("export") / "model.onnx"
    to_onnx(model, torch.randn(2, 6, 48, 48), path)
    return model, path


def test_openvino_computes_the_same_for_any_batch(exported):
    model, path = exported
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for batch in (1, 3):
        x = torch.randn(batch, 6, 48, 48)
        got = torch.from_numpy(compiled({"input": x.numpy()})[0])
        torch.testing.assert_close(got, model(x).detach(), atol=1e-4, rtol=0)


def test_slices_are_along_fixed_axes_as_tensorrt_wants(exported):
    graph = onnx.load(exported[1]).graph
    constants = {n.output[0] for n in graph.node if n.op_type == "Constant"}
    fixed = constants | {i.name for i in graph.initializer}
    axes = [list(n.input)[3:4] for n in graph.node if n.op_type == "Slice"]
    assert any(axes) and all(set(each) <= fixed for each in axes)


def test_int8_is_smaller_and_close(exported, tmp_path):
    model, path = exported
    x = torch.randn(24, 6, 48, 48)
    to_int8(path, tmp_path / "int8.onnx", x[:16])
    out = OnnxRuntime(tmp_path / "int8.onnx")(x[16:]).numpy()
    whole = model(x[16:]).detach().numpy()
    assert (tmp_path / "int8.onnx").stat().st_size < 0.6 * path.stat().st_size
    assert operators(tmp_path / "int8.onnx")["QuantizeLinear"] > 0
    # Of noise, by weights that nobody trained.
    assert all(0.8 < np.corrcoef(out[:, k], whole[:, k])[0, 1] < 1 for k in range(3))
    assert [p.name for p in tmp_path.iterdir()] == ["int8.onnx"]
