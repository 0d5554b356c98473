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


def test_greedy_merges_repeats_and_respects_lengths():
    path = torch.tensor([[0, 1, 1, 0, 1, 2, 2, 3]])
    assert decoding.greedy(F.one_hot(path, 4).float(), torch.tensor([7])) == [[1, 1, 2]]
    assert decoding.greedy(F.one_hot(path[:, :1], 4).float(), torch.tensor([1])) == [[]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_wide_beam_finds_the_most_probable_text_and_its_probability(seed):
    log_probs = random_log_probs(seed)
    truth = all_texts(log_probs)
    found = decoding.beam_search(log_probs, width=500, prune=-1e9)
    best = max(truth, key=truth.get)
    assert tuple(found[0][0]) == best
    for text, score in found[:20]:
        assert np.exp(score) == pytest.approx(truth[tuple(text)], rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_alignment_is_the_best_path_that_writes_the_target(seed, target):
    log_probs = random_log_probs(seed)
    if steps_needed(target) > len(log_probs):
        with pytest.raises(ValueError, match="cannot hold"):
            decoding.align(log_probs, target)
        return
    path = np.zeros(len(log_probs), int)
    aligned = decoding.align(log_probs, target)
    for c, (a, b) in zip(aligned.classes, aligned.spans, strict=True):
        path[a : b + 1] = c
    assert collapse(path.tolist()) == tuple(target)
    score = sum(log_probs[t, c] for t, c in enumerate(path))
    best = max(
        sum(log_probs[t, c] for t, c in enumerate(p))
        for p in itertools.product(range(4), repeat=5)
        if collapse(p) == tuple(target)
    )
    assert score == pytest.approx(best)
