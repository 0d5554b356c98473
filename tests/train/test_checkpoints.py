import pytest
import torch
from torch import nn

from cvbook.train import checkpoints


def begun(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network after three steps of Adam, which has a memory."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(3):
        step(model, optimiser, torch.randn(8, 4))
    return model, optimiser


def step(model: nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor) -> None:
    optimiser.zero_grad()
    model(x).square().sum().backward()
    optimiser.step()


def test_what_was_saved_goes_on_as_if_nothing_had_happened(tmp_path):
    file, recipe, log = tmp_path / "runs" / "c.pt", {"lines": 8}, [{"line": 3, "loss": 0.5}]
    model, optimiser = begun(0)
    checkpoints.save(file, model, optimiser, recipe, log, following=4)
    other, memory = begun(1)
    assert checkpoints.resume(file, other, memory, recipe) == (4, log)
    x = torch.randn(8, 4)
    step(model, optimiser, x)
    step(other, memory, x)
    torch.testing.assert_close(other.state_dict(), model.state_dict(), rtol=0, atol=0)
    assert list(file.parent.iterdir()) == [file]


def test_without_a_file_everything_begins(tmp_path):
    model, optimiser = begun(0)
    for path in (None, tmp_path / "c.pt"):
        assert checkpoints.resume(path, model, optimiser, {}) == (0, [])


def test_another_recipe_is_refused(tmp_path):
    model, optimiser = begun(0)
    checkpoints.save(tmp_path / "c.pt", model, optimiser, {"lines": 8}, [], 0)
    with pytest.raises(ValueError, match="another recipe"):
        checkpoints.resume(tmp_path / "c.pt", model, optimiser, {"lines": 9})


def test_a_damaged_file_is_one_sentence(tmp_path):
    file, (model, optimiser) = tmp_path / "c.pt", begun(0)
    checkpoints.save(file, model, optimiser, {}, [], 0)
    good = file.read_bytes()
    wrong = {"model": {}, "optimiser": {}, "recipe": {}, "next": "4", "log": []}
    for content in (b"", good[: len(good) // 2], b"no training", None, []):
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            torch.save(wrong if content is None else content, file)
        with pytest.raises(ValueError, match="c.pt is damaged.*delete it to begin anew"):
            checkpoints.resume(file, model, optimiser, {})
