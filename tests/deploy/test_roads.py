import shutil

import numpy as np
import onnx
import pytest
import torch

from cvbook.deploy import roads
from cvbook.deploy.export import operators
from cvbook.deploy.roads import ON_GPU, ROADS, TOLERANCES, Closed, apart, cuda_graph, fp16, tensorrt
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino
from cvbook.models.embedder import Embedder

HERE = [name for name in ROADS if name not in ON_GPU and name != "AOTInductor"]  # has its own test
ROUGH = ("BF16", "ONNX Runtime, 8 bits")
COMPILER = pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Embedder(8, 8).eval(), (torch.rand(3, 3, 32, 32),)


@pytest.mark.parametrize("name", HERE)
def test_every_road_leads_to_the_same_answer(network, tmp_path, name):
    if name == "torch.compile" and not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    model, inputs = network
    with torch.inference_mode():
        answer = ROADS[name](model, inputs, tmp_path)(*inputs)
        expected = model(*inputs)
    assert answer.dtype == torch.float32 and apart(answer, expected) < min(TOLERANCES[name], 0.2)
    assert name not in ROUGH or apart(answer, expected) > 1e-4


@pytest.mark.parametrize("name", ["ONNX Runtime", "OpenVINO", "TorchScript"])
def test_a_network_does_not_answer_by_the_file_of_another(network, tmp_path, name):
    model, inputs = network
    ROADS[name](model, inputs, tmp_path)
    torch.manual_seed(1)
    other = Embedder(8, 8).eval()
    with torch.inference_mode():
        answer, expected = ROADS[name](other, inputs, tmp_path)(*inputs), other(*inputs)
    assert apart(answer, expected) < TOLERANCES[name] < 0.1 < apart(model(*inputs), expected)


@pytest.mark.parametrize(
    "name, file, load",
    [
        ("TorchScript", "model.pt", torch.jit.load),
        ("ONNX Runtime", "model.onnx", OnnxRuntime),
        ("ONNX Runtime, 8 bits", "int8.onnx", OnnxRuntime),
        ("OpenVINO", "model.onnx", OpenVino),
    ],
)
def test_the_file_of_a_road_answers_batches_of_any_size(network, tmp_path, name, file, load):
    model, inputs = network
    ROADS[name](model, (inputs[0][:1],), tmp_path)  # one picture as the example
    again = load(tmp_path / file)
    with torch.inference_mode():
        for x in (inputs[0][:1], *inputs):
            assert apart(again(x), model(x)) < min(TOLERANCES[name], 0.2)


@pytest.mark.slow
@COMPILER
def test_aotinductor_answers_and_is_not_asked_what_it_would_read_wrongly(tmp_path):
    model, x = Embedder(8, 8).eval(), torch.rand(3, 3, 32, 32)
    answer = ROADS["AOTInductor"](model, (x,), tmp_path)
    turned = x.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = model(x)
        for given in (x, turned.contiguous()):
            got = answer(given)
            assert got.dtype == torch.float32 and (got - expected).abs().max() < 1e-4
        for other in (turned, x[:2]):
            with pytest.raises(ValueError, match="order in memory than in the example"):
                answer(other)
        # What the package itself would say: the same numbers, read in another order;
        package = torch._inductor.aoti_load_package(str(tmp_path / "model.pt2"))
        assert (package(turned) - expected).abs().max() > 1e-3
        assert len(package(x[:2])) == 3  # and rows for three, of which one was never given


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_closed_roads_say_why(network, tmp_path):
    with pytest.raises(Closed, match="need a GPU"):
        cuda_graph(*network, tmp_path)
    with pytest.raises(Closed, match="needs a GPU"):
        fp16(*network, tmp_path)
    with pytest.raises(Closed, match="onnxruntime-gpu"):
        tensorrt(*network, tmp_path)


TENSORRT = [
    ("TensorRT", set()),
    ("TensorRT, FP16", {"trt_fp16_enable"}),
    ("TensorRT, 8 bits", {"trt_int8_enable"}),
]


@pytest.mark.parametrize("name, asked", TENSORRT)
def test_tensorrt_gets_what_its_precision_needs(network, tmp_path, monkeypatch, name, asked):
    """Without the hardware: what would be handed to it."""
    there = ["TensorrtExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: there)
    monkeypatch.setattr(roads, "OnnxRuntime", lambda path, provider: (path, provider))
    path, (provider, settings) = ROADS[name](*network, tmp_path)
    assert provider == "TensorrtExecutionProvider"
    assert settings["trt_engine_cache_path"] == str(tmp_path)
    assert settings.keys() & {"trt_fp16_enable", "trt_int8_enable"} == asked
    fixed = onnx.load(path).graph.initializer
    zeros = [onnx.numpy_helper.to_array(i) for i in fixed if "zero_point" in i.name]
    assert ("QuantizeLinear" in operators(path)) == bool(zeros) == ("8 bits" in name)
    # Signed and symmetric; int32 are biases.
    assert all(zero.dtype == np.int8 and not zero.any() for zero in zeros if zero.dtype != np.int32)
