"""Error rates against jiwer."""

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.metrics.text import cer, edit_distance, rate_interval, wer

text = st.text("abcд ", min_size=1, max_size=12).filter(str.strip)
words = st.lists(text, min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(words, st.integers(0, 1000))
def test_parity_with_jiwer(truths, seed):
    rng = np.random.default_rng(seed)
    readings = [
        "".join(c for c in t if rng.random() < 0.8) + rng.choice(["", "x", " y"]) for t in truths
    ]
    # Spaces are joined, as jiwer does by itself.
    truths, readings = ([" ".join(t.split()) for t in texts] for texts in (truths, readings))
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
    with pytest.raises(ValueError, match="1 lines need as many readings; got 0"):
        cer(["a"], [])


def test_rate_interval_holds_the_rate_and_narrows():
    truths = ["abcdefghij"] * 400
    readings = ["abcdefghij" if i % 4 else "abcdefghiX" for i in range(400)]
    rate, low, high = rate_interval(truths, readings)
    assert low < rate < high and rate == pytest.approx(0.025)
    _, low_few, high_few = rate_interval(truths[:40], readings[:40])
    assert high_few - low_few > 2 * (high - low)


@pytest.mark.parametrize("given", [{"unit": "letter"}, {"level": 1.0}, {"draws": 0}])
def test_intervals_that_are_none_are_refused(given):
    with pytest.raises(ValueError, match="choose|between 0 and 1"):
        rate_interval(["ab"], ["ab"], **given)
