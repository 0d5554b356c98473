"""CTC against brute force over all paths, and against torch."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cvbook.losses import ctc


@pytest.mark.parametrize("target, steps", [([1], 1), ([1, 1], 3), ([1, 2, 2, 2], 6), ([], 0)])
def test_steps_needed(target, steps):
    """As many as torch needs: with one less no path writes the target."""
    assert ctc.steps_needed(target) == steps

    def loss(steps: int) -> torch.Tensor:
        log_probs = torch.randn(steps, 1, 4).log_softmax(-1)
        sizes = torch.tensor([steps]), torch.tensor([len(target)])
        return F.ctc_loss(log_probs, torch.tensor(target), *sizes)

    if target:
        assert torch.isfinite(loss(steps))
    if steps > 1:
        assert torch.isinf(loss(steps - 1))


def test_loss_equals_brute_force():
    log_probs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    probability = 0.0
    for path in itertools.product(range(4), repeat=5):
        text = [c for c, _ in itertools.groupby(path) if c]
        if text == [1, 2]:
            probability += float(log_probs[range(5), path].sum().exp())
    loss, impossible = ctc.ctc_loss(log_probs[None], torch.tensor([5]), [[1, 2]])
    assert loss.item() == pytest.approx(-np.log(probability) / 2, abs=1e-5)  # by character
    assert impossible == 0


def test_impossible_lines_are_counted_and_do_no_harm():
    loss, impossible = ctc.ctc_loss(torch.zeros(2, 2, 4), torch.tensor([2, 2]), [[1, 1], [1, 2]])
    assert impossible == 1 and torch.isfinite(loss)
