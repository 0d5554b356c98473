"""How a chapter begins."""

import random

import numpy as np
import pytest
import torch

from cvbook.book import profiles


def test_a_profile_picks_its_size_and_an_unknown_one_is_named():
    assert profiles.pick("study", ci=1, study=2, full=3) == 2
    with pytest.raises(ValueError, match="choose one of ci, study, full"):
        profiles.begin("quick", 0)


def test_no_gpu_is_one_sentence(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(RuntimeError, match="no CUDA GPU here"):
        profiles.begin("ci", 0, "cuda")


def test_a_seed_fixes_every_source_of_chance():
    def draw(seed: int) -> tuple[float, float, float]:
        profiles.seed_everything(seed)
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002 — the old one

    first, again, other = draw(1), draw(1), draw(2)
    assert first == again and all(a != b for a, b in zip(first, other, strict=True))
    assert torch.are_deterministic_algorithms_enabled()
