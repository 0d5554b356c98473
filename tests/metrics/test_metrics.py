"""Error rates against jiwer; intervals against simulation."""

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.metrics.statistics import paired_interval
from cvbook.metrics.text import cer, edit_distance, rate_interval, wer

words = st.lists(
    st.text("abcд ", min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=5
)


@settings(max_examples=100, deadline=None)
@given(words, st.integers(0, 1000))
def test_parity_with_jiwer(truths, seed):
    rng = np.random.default_rng(seed)
    readings = [
        "".join(c for c in t if rng.random() < 0.8) + rng.choice(["", "x", " y"]) for t in truths
    ]
    truths, readings = (
        [" ".join(t.split()) for t in truths],
        [" ".join(r.split()) for r in readings],
    )  # as jiwer does by itself
    assert cer(truths, readings) == pytest.approx(jiwer.cer(truths, readings))
    assert wer(truths, readings) == pytest.approx(jiwer.wer(truths, readings))


@pytest.mark.parametrize(
    "a, b, d",
    [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)],
)
def test_edit_distance(a, b, d):
    assert edit_distance(a, b) == edit_distance(b, a) == d


def test_nothing_to_compare():
    with pytest.raises(ValueError, match="no text"):
        cer([""], ["a"])
    with pytest.raises(ValueError):
        cer(["a"], [])


def test_rate_interval_holds_the_rate_and_narrows():
    truths = ["abcdefghij"] * 400
    readings = ["abcdefghij" if i % 4 else "abcdefghiX" for i in range(400)]
    rate, low, high = rate_interval(truths, readings)
    assert low < rate < high and rate == pytest.approx(0.025)
    _, low_few, high_few = rate_interval(truths[:40], readings[:40])
    assert high_few - low_few > 2 * (high - low)


def test_paired_interval_covers_what_it_says():
    rng = np.random.default_rng(0)
    truth, shared = 0.3, rng.normal(0, 5, (4000, 5))  # what both arms share cancels
    first = shared + truth + rng.normal(0, 1, (4000, 5))
    covered = 0
    for a, b in zip(first, shared):
        interval = paired_interval(a, b)
        covered += interval.low <= truth <= interval.high
    assert 0.94 < covered / 4000 < 0.96


def test_ratio_interval_covers():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        base = rng.lognormal(0, 1, 6)
        interval = paired_interval(base * 1.5 * rng.lognormal(0, 0.1, 6), base, ratio=True)
        covered += interval.low <= 1.5 <= interval.high
    assert 0.935 < covered / 2000 < 0.965


def test_paired_interval_edges():
    single = paired_interval([1.0], [0.5])
    assert (single.mean, single.low, single.high, single.n) == (0.5, -np.inf, np.inf, 1)
    assert paired_interval([1.0, 1.0], [0.0, 0.0]).low == 1.0
    for bad in (([], []), ([1.0], [1.0, 2.0]), ([np.nan], [1.0])):
        with pytest.raises(ValueError):
            paired_interval(*bad)
    with pytest.raises(ValueError, match="positive"):
        paired_interval([1.0], [0.0], ratio=True)
