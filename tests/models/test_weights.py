import pytest
import torch

from cvbook.models import weights
from cvbook.models.embedder import Embedder
from cvbook.models.fit import check_fit
from cvbook.models.recogniser import Recogniser


def test_a_small_file_cannot_ask_for_a_large_network():
    model = Recogniser(width=48, layers=1)
    state = {k: torch.zeros(()).expand(v.shape) for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match="more numbers than the file holds"):
        check_fit(lambda: Recogniser(width=48, layers=1), state)


def test_weights_round_trip_and_a_wrong_file(tmp_path):
    torch.manual_seed(0)
    model = Recogniser(width=48, layers=1).eval()
    weights.save(model, tmp_path / "w.safetensors", {"width": 48, "layers": 1}, {"what": "тест"})
    loaded = weights.recogniser(tmp_path / "w.safetensors")
    x, w = torch.rand(1, 1, 32, 64), torch.tensor([64])
    with torch.inference_mode():
        assert torch.allclose(model(x, w), loaded(x, w), atol=2e-2)
    assert not list(tmp_path.glob("*.tmp"))
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="does not hold a Recogniser"):
        weights.recogniser(tmp_path / "bad.safetensors")
    with pytest.raises(ValueError, match="does not hold a Detector"):
        weights.detector(tmp_path / "w.safetensors")
    with pytest.raises(FileNotFoundError, match="train them first"):
        weights.recogniser(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "settings", [{"dim": 10**9}, {"width": 10**6}, {"dim": -1}, {"dim": "8"}, {"size": 8}, [], None]
)
def test_settings_that_do_not_fit_take_no_memory(tmp_path, settings):
    file = tmp_path / "e.safetensors"
    weights.save(Embedder(8, 4), file, settings, {})
    with pytest.raises(ValueError, match="does not hold a Embedder"):
        weights.embedder(file)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = Embedder(8, 4)
    model.head.bias.data[3] = torch.nan
    weights.save(model, tmp_path / "e.safetensors", {"dim": 8, "width": 4}, {})
    with pytest.raises(ValueError, match="head.bias holds numbers that are not finite"):
        weights.embedder(tmp_path / "e.safetensors")
