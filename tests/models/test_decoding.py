"""Decoding of CTC against brute force over all paths."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.losses.ctc import steps_needed
from cvbook.models import decoding


def random_log_probs(seed: int) -> np.ndarray:
    """Five steps of four classes: float64[5, 4]."""
    scores = np.random.default_rng(seed).normal(0, 2, (5, 4))
    return torch.from_numpy(scores).log_softmax(-1).numpy()


def paths(log_probs: np.ndarray) -> dict[tuple, list[float]]:
    """For each text the log probabilities of all paths that write it."""
    found = {}
    for path in itertools.product(range(4), repeat=5):
        text = tuple(c for c, _ in itertools.groupby(path) if c)
        found.setdefault(text, []).append(log_probs[range(5), path].sum())
    return found


def test_greedy_merges_repeats_and_respects_lengths():
    path = torch.tensor([[0, 1, 1, 0, 1, 2, 2, 3]])
    assert decoding.greedy(F.one_hot(path, 4).float(), torch.tensor([7])) == [[1, 1, 2]]
    assert decoding.greedy(F.one_hot(path[:, :1], 4).float(), torch.tensor([1])) == [[]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_wide_beam_finds_the_most_probable_text_and_its_probability(seed):
    log_probs = random_log_probs(seed)
    truth = {text: np.exp(each).sum() for text, each in paths(log_probs).items()}
    found = decoding.beam_search(log_probs, width=500, prune=-1e9)
    assert tuple(found[0][0]) == max(truth, key=truth.get)
    for text, score in found[:20]:
        assert np.exp(score) == pytest.approx(truth[tuple(text)], rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_alignment_is_the_best_path_that_writes_the_target(seed, target):
    log_probs = random_log_probs(seed)
    if steps_needed(target) > 5:
        with pytest.raises(ValueError, match="cannot hold"):
            decoding.align(log_probs, target)
        return
    path = np.zeros(5, int)
    aligned = decoding.align(log_probs, target)
    for c, (a, b) in zip(aligned.classes, aligned.spans, strict=True):
        path[a : b + 1] = c
    assert [c for c, _ in itertools.groupby(path) if c] == target
    best = max(paths(log_probs)[tuple(target)])
    assert log_probs[range(5), path].sum() == pytest.approx(best)
