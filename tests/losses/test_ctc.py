"""CTC against brute force over all paths, and against torch."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cvbook.losses import ctc


def collapse(path):
    return tuple(c for i, c in enumerate(path) if c and (i == 0 or path[i - 1] != c))


def all_texts(log_probs):
    """Probability of each text, summed over every path."""
    total = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        p = np.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
        total[collapse(path)] = total.get(collapse(path), 0) + p
    return total


def random_log_probs(seed, steps=5, classes=4):
    return (
        torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (steps, classes)))
        .log_softmax(-1)
        .numpy()
    )


@pytest.mark.parametrize("target, steps", [([], 0), ([1], 1), ([1, 1], 3), ([1, 2, 2, 2], 6)])
def test_steps_needed(target, steps):
    assert ctc.steps_needed(target) == steps
    if target:
        scores = torch.randn(1, steps, 4)
        assert torch.isfinite(
            F.ctc_loss(
                scores.log_softmax(-1).transpose(0, 1),
                torch.tensor(target),
                torch.tensor([steps]),
                torch.tensor([len(target)]),
            )
        )
        if steps > 1:
            short = scores[:, :-1]
            assert torch.isinf(
                F.ctc_loss(
                    short.log_softmax(-1).transpose(0, 1),
                    torch.tensor(target),
                    torch.tensor([steps - 1]),
                    torch.tensor([len(target)]),
                )
            )


def test_loss_equals_brute_force_and_counts_impossible_lines():
    log_probs = random_log_probs(0)
    loss, impossible = ctc.ctc_loss(torch.from_numpy(log_probs)[None], torch.tensor([5]), [[1, 2]])
    assert loss.item() == pytest.approx(-np.log(all_texts(log_probs)[1, 2]) / 2, abs=1e-5)
    assert impossible == 0
    loss, impossible = ctc.ctc_loss(torch.zeros(2, 2, 4), torch.tensor([2, 2]), [[1, 1], [1, 2]])
    assert impossible == 1 and torch.isfinite(loss)
