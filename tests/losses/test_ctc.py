"""CTC against brute force over all paths, and against torch."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.data.text.alphabet import ALPHABET
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
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (steps, classes))).log_softmax(-1).numpy()


def test_encode_round_trip_and_unknown():
    assert ctc.to_text(ctc.encode(ALPHABET)) == ALPHABET
    with pytest.raises(ValueError, match="outside the alphabet"):
        ctc.encode("naïve")


@pytest.mark.parametrize("target, steps", [([], 0), ([1], 1), ([1, 1], 3), ([1, 2, 2, 2], 6)])
def test_steps_needed(target, steps):
    assert ctc.steps_needed(target) == steps
    if target:
        scores = torch.randn(1, steps, 4)
        assert torch.isfinite(F.ctc_loss(scores.log_softmax(-1).transpose(0, 1), torch.tensor(target), torch.tensor([steps]), torch.tensor([len(target)])))
        if steps > 1:
            short = scores[:, :-1]
            assert torch.isinf(F.ctc_loss(short.log_softmax(-1).transpose(0, 1), torch.tensor(target), torch.tensor([steps - 1]), torch.tensor([len(target)])))


def test_loss_equals_brute_force_and_counts_impossible_lines():
    log_probs = random_log_probs(0)
    loss, impossible = ctc.ctc_loss(torch.from_numpy(log_probs)[None], torch.tensor([5]), [[1, 2]])
    assert loss.item() == pytest.approx(-np.log(all_texts(log_probs)[1, 2]) / 2, abs=1e-5) and impossible == 0
    loss, impossible = ctc.ctc_loss(torch.zeros(2, 2, 4), torch.tensor([2, 2]), [[1, 1], [1, 2]])
    assert impossible == 1 and torch.isfinite(loss)


def test_greedy_merges_repeats_and_respects_lengths():
    path = torch.tensor([[0, 1, 1, 0, 1, 2, 2, 3]])
    assert ctc.greedy(F.one_hot(path, 4).float(), torch.tensor([7])) == [[1, 1, 2]]
    assert ctc.greedy(F.one_hot(path[:, :1], 4).float(), torch.tensor([1])) == [[]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_wide_beam_finds_the_most_probable_text_and_its_probability(seed):
    log_probs = random_log_probs(seed)
    truth = all_texts(log_probs)
    found = ctc.beam_search(log_probs, width=500, prune=-1e9)
    best = max(truth, key=truth.get)
    assert tuple(found[0][0]) == best
    for text, score in found[:20]:
        assert np.exp(score) == pytest.approx(truth[tuple(text)], rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_alignment_is_the_best_path_that_writes_the_target(seed, target):
    log_probs = random_log_probs(seed)
    if ctc.steps_needed(target) > len(log_probs):
        with pytest.raises(ValueError, match="cannot hold"):
            ctc.align(log_probs, target)
        return
    path = np.zeros(len(log_probs), int)
    aligned = ctc.align(log_probs, target)
    for c, (a, b) in zip(aligned.classes, aligned.spans):
        path[a : b + 1] = c
    assert collapse(path.tolist()) == tuple(target)
    score = sum(log_probs[t, c] for t, c in enumerate(path))
    best = max(sum(log_probs[t, c] for t, c in enumerate(p)) for p in itertools.product(range(4), repeat=5) if collapse(p) == tuple(target))
    assert score == pytest.approx(best)
