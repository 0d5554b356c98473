import shutil

import pytest
import torch

from cvbook.deploy.roads import ROADS, Closed, cuda_graph, tensorrt
from cvbook.models.embedder import Embedder

HERE = [name for name in ROADS if "TensorRT" not in name and "CUDA" not in name]
NEAR = {"BF16": 0.03, "ONNX Runtime, 8 bits": 0.1}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Embedder(8, 8).eval(), (torch.rand(3, 3, 32, 32),)


@pytest.mark.parametrize("name", HERE)
def test_every_road_leads_to_the_same_answer(network, tmp_path, name):
    if name in ("torch.compile", "AOTInductor") and not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    model, inputs = network
    with torch.inference_mode():
        answer = ROADS[name](model, inputs, tmp_path)(*inputs)
        expected = model(*inputs)
    assert answer.dtype == torch.float32 and 0 <= (answer - expected).abs().max() < NEAR.get(name, 1e-4)
    assert name not in NEAR or not torch.equal(answer, expected)


@pytest.mark.parametrize("name, file", [("TorchScript", "model.pt"), ("ONNX Runtime", "model.onnx"), ("ONNX Runtime, 8 bits", "int8.onnx")])
def test_roads_leave_a_file_that_takes_one_picture_too(network, tmp_path, name, file):
    model, inputs = network
    one = (inputs[0][:1],)
    answer = ROADS[name](model, one, tmp_path)
    assert (tmp_path / file).stat().st_size > 1000
    with torch.inference_mode():
        assert (answer(*one) - model(*one)).abs().max() < 0.1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_closed_roads_say_why(network, tmp_path):
    with pytest.raises(Closed, match="need a GPU"):
        cuda_graph(*network, tmp_path)
    with pytest.raises(Closed, match="onnxruntime-gpu"):
        tensorrt(*network, tmp_path)
