"""Intervals against simulation."""

import numpy as np
import pytest

from cvbook.metrics.statistics import holm, paired_interval, unit_interval, wilson_interval


def test_paired_interval_covers_what_it_says():
    rng = np.random.default_rng(0)
    truth, shared = 0.3, rng.normal(0, 5, (4000, 5))  # what both arms share cancels
    first = shared + truth + rng.normal(0, 1, (4000, 5))
    covered = 0
    for a, b in zip(first, shared, strict=True):
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


def test_what_has_no_interval_is_refused():
    for level in (0.0, 1.0, 95.0, np.nan):
        with pytest.raises(ValueError, match="confidence"):
            paired_interval([1.0, 2.0], [1.0, 3.0], level)
    with pytest.raises(ValueError, match="too far apart"):
        paired_interval([1e308, 0.0], [-1e308, 0.0])
    with pytest.raises(ValueError, match="too far apart"):
        paired_interval([1e-300, 1.0], [1e300, 1.0], ratio=True)


@pytest.mark.parametrize("ratio", [False, True])
def test_unit_interval_covers(ratio):
    """Pages of very different lengths, some hard: another draw of pages gives another effect."""
    rng = np.random.default_rng(2)
    covered, rounds = 0, 2000
    for _ in range(rounds):
        weights = rng.lognormal(0, 0.7, 30)
        hard = rng.gamma(4, 0.05, 30)
        second = hard + rng.normal(0, 0.01, (3, 30))
        first = 1.2 * hard + rng.normal(0, 0.01, (3, 30))
        found = unit_interval(first, second, weights, ratio=ratio)
        covered += found.low <= (1.2 if ratio else 0.2 * 0.2) <= found.high
    assert 0.92 < covered / rounds < 0.97


def test_unit_interval_of_a_few_heavy_units_is_no_narrower_than_it_may():
    """One page that is most of the text, as of six scans one was."""
    rng, weights = np.random.default_rng(5), np.array([4000.0, 600, 200, 100, 100, 58])
    covered = 0
    for _ in range(2000):
        found = unit_interval([rng.normal(0.02, 0.03, 6)], [np.zeros(6)], weights)
        covered += found.low <= 0.02 <= found.high
    assert covered / 2000 > 0.93
    assert unit_interval([[0.3, 0.1]], [[0.0, 0.0]], weights=[100, 0]).high == np.inf


def test_unit_interval_edges():
    even = unit_interval([[0.9, 0.8]], [[0.7, 0.6]])
    assert even.n == 2 and even.low == pytest.approx(0.2) and even.high == pytest.approx(0.2)
    assert unit_interval([[0.9]], [[0.7]]).high == np.inf
    heavy = unit_interval([[1.0, 0.0]], [[0.0, 0.0]], weights=[3, 1])
    assert heavy.mean == pytest.approx(0.75) and heavy.n == 2
    for bad in (
        ([[1.0, 2.0]], [[1.0]]),
        ([[]], [[]]),
        ([[np.nan]], [[1.0]]),
        ([[1.0]], [[1.0]], [-1.0]),
        ([[1.0]], [[1.0]], [0.0]),
        ([[1.0]], [[1.0]], [1.0, 2.0]),
    ):
        with pytest.raises(ValueError):
            unit_interval(*bad)
    with pytest.raises(ValueError, match="positive"):
        unit_interval([[1.0]], [[0.0]], ratio=True)


def test_wilson_interval_edges():
    for right, of in ((0, 10), (10, 10), (3, 10), (990, 1000)):
        found = wilson_interval(right, of)
        assert 0 <= found.low <= right / of <= found.high <= 1 and found.low < found.high
    assert wilson_interval(3, 10).low == pytest.approx(0.1078, abs=1e-4)  # by hand
    for bad in ((1, 0), (-1, 3), (4, 3)):
        with pytest.raises(ValueError):
            wilson_interval(*bad)


def test_wilson_interval_covers():
    rng = np.random.default_rng(3)
    counts = rng.binomial(400, 0.97, 3000)
    found = [wilson_interval(int(count), 400) for count in counts]
    assert 0.93 < np.mean([i.low <= 0.97 <= i.high for i in found]) < 0.98


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]).shape == (0,) and holm([0.7, 0.9]).tolist() == [1.0, 1.0]
    for bad in ([1.2], [-0.1], [np.nan]):
        with pytest.raises(ValueError):
            holm(bad)


def test_holm_keeps_the_family_wise_error():
    rng = np.random.default_rng(4)
    wrong = [holm(rng.random(6)).min() <= 0.05 for _ in range(4000)]
    assert 0.04 < np.mean(wrong) < 0.06
