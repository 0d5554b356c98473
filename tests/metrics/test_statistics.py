"""Intervals against simulation."""

import numpy as np
import pytest

from cvbook.metrics.statistics import paired_interval


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
