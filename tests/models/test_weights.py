import pytest
import torch

from cvbook.models import weights
from cvbook.models.recogniser import Recogniser


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
