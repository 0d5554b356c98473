import shutil

import pytest
import torch

from cvbook.deploy.roads import ROADS, Closed, cuda_graph, tensorrt
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino
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
    assert answer.dtype == torch.float32 and (answer - expected).abs().max() < NEAR.get(name, 1e-4)
    assert name not in NEAR or not torch.equal(answer, expected)


@pytest.mark.parametrize("name, file, load", [("TorchScript", "model.pt", torch.jit.load), ("ONNX Runtime", "model.onnx", OnnxRuntime),
                                              ("ONNX Runtime, 8 bits", "int8.onnx", OnnxRuntime), ("OpenVINO", "model.onnx", OpenVino)])  # fmt: skip
def test_the_file_that_a_road_leaves_answers_batches_of_any_size(network, tmp_path, name, file, load):
    model, inputs = network
    ROADS[name](model, (inputs[0][:1],), tmp_path)  # one picture as the example
    again = load(tmp_path / file)
    with torch.inference_mode():
        for x in (inputs[0][:1], *inputs):
            assert (again(x) - model(x)).abs().max() < NEAR.get(name, 1e-4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_closed_roads_say_why(network, tmp_path):
    with pytest.raises(Closed, match="need a GPU"):
        cuda_graph(*network, tmp_path)
    with pytest.raises(Closed, match="onnxruntime-gpu"):
        tensorrt(*network, tmp_path)
