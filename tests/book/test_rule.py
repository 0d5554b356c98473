"""From intervals to verdicts, and how many seeds would settle one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cvbook.book import registry, rule
from cvbook.metrics.statistics import Interval

PLAIN = registry.Claim(
    "C7", "A beats B.", "review", 8, "accuracy", ("a", "b"), "up", 0.01, 5, page="08-x"
)


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.011, 0.02, "supported"),
        (0.001, 0.02, "weak"),
        (-0.01, 0.02, "open"),
        (-0.02, -0.001, "contradicted"),
        (-0.02, 0.009, "negligible"),
        (0.001, 0.009, "negligible"),
        (0.0, 0.1, "open"),
    ],
)
def test_the_rule_for_differences(low, high, expected):
    assert rule.decide(PLAIN, Interval((low + high) / 2, low, high, 5))[0] == expected


@pytest.mark.parametrize(
    "kind, smallest, low, high, expected",
    [
        ("ratio", 0.1, 1.2, 1.4, "supported"),
        ("ratio", 0.1, 1.02, 1.2, "weak"),
        ("ratio", 0.1, 0.8, 0.99, "contradicted"),
        ("ratio", 0.1, 0.9, 1.05, "negligible"),
        ("equal", 0.1, -0.05, 0.09, "supported"),
        ("equal", 0.1, -0.05, 0.12, "open"),
        ("equal", 0.1, 0.12, 0.2, "contradicted"),
        ("equal", 0.1, -0.3, -0.12, "contradicted"),
        ("equal ratio", 1.0, 0.6, 1.8, "supported"),
        ("equal ratio", 1.0, 0.4, 1.8, "open"),
        ("equal ratio", 1.0, 0.2, 0.45, "contradicted"),
    ],
)
def test_the_rule_for_ratios_and_for_equality(kind, smallest, low, high, expected):
    c = replace(PLAIN, kind=kind, smallest=smallest)
    mean = np.sqrt(low * high) if "ratio" in kind else (low + high) / 2
    said, p = rule.decide(c, Interval(float(mean), low, high, 5))
    assert said == expected and 0 <= p <= 1
    assert (p < 0.05) == (said != "open")


def test_seeds_needed_have_the_power_that_is_said():
    spread = 0.0141  # of a difference of two arms
    half = spread / np.sqrt(5) * 2.776
    needed = rule.seeds_needed(PLAIN, Interval(0.0, -half, half, 5))
    assert 15 < needed < 22
    rng = np.random.default_rng(5)
    differences = rng.normal(PLAIN.smallest, spread, (2000, needed))
    told = differences.mean(1) > (
        differences.std(1, ddof=1) / np.sqrt(needed) * stats.t.ppf(0.975, needed - 1)
    )
    assert 0.77 < told.mean() < 0.86
    assert rule.seeds_needed(PLAIN, Interval(0.1, -np.inf, np.inf, 1)) is None
