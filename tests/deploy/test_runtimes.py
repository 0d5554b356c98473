import pytest
import torch

from cvbook.deploy.export import to_onnx
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino, race
from cvbook.models.embedder import Embedder
from cvbook.models.recogniser import Recogniser
from cvbook.train.embedder import embed


@pytest.mark.parametrize("runtime", [OnnxRuntime, OpenVino])
def test_runtimes_answer_like_the_network(tmp_path, runtime):
    torch.manual_seed(0)
    model = Recogniser(width=24, layers=1).eval()
    lines = (torch.rand(3, 1, 32, 90), torch.tensor([90, 33, 8]))
    to_onnx(model, lines, tmp_path / "reader.onnx", free={3: "width"})
    reader = runtime(tmp_path / "reader.onnx")
    for inputs in (lines, (torch.rand(1, 1, 32, 40), torch.tensor([40]))):
        with torch.inference_mode():
            torch.testing.assert_close(reader(*inputs), model(*inputs), atol=1e-4, rtol=0)
    first, kept = reader(*lines), reader(*lines).clone()
    reader(*(x.flip(0) for x in lines))
    assert torch.equal(first, kept)  # an answer is not overwritten by the next
    with pytest.raises(ValueError):
        reader(lines[0])


@pytest.mark.parametrize("runtime", [OnnxRuntime, OpenVino])
def test_runtimes_take_a_networks_place(tmp_path, runtime):
    torch.manual_seed(0)
    model = Embedder(8, 8).eval()
    pictures = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    to_onnx(model, torch.rand(2, 3, 32, 32), tmp_path / "embedder.onnx")
    answers = embed(runtime(tmp_path / "embedder.onnx"), pictures)
    assert abs(answers - embed(model, pictures)).max() < 1e-5
    with pytest.raises(FileNotFoundError, match="write it with `to_onnx`"):
        runtime(tmp_path / "no.onnx")


def test_a_race_takes_turns_and_leaves_the_warm_up_out():
    seen = []

    def way(name: str):
        return lambda x, y: seen.append((name, x + y, torch.is_inference_mode_enabled()))

    ways = {name: way(name) for name in "ab"}
    taken = race(ways, torch.tensor(1), torch.tensor(2), rounds=3, warm=1)
    assert [name for name, *_ in seen] == list("abababab")
    assert all(x == 3 and inference for _, x, inference in seen)
    assert {name: len(times) for name, times in taken.items()} == {"a": 3, "b": 3}
    assert min(min(times) for times in taken.values()) > 0
