"""Paired comparisons of two arms over seeds."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean effect with its confidence interval, and the number of pairs behind it."""

    mean: float
    low: float
    high: float
    n: int


def paired_interval(
    first: np.ndarray, second: np.ndarray, level: float = 0.95, ratio: bool = False
) -> Interval:
    """Student's interval of the mean paired difference, or of the geometric mean ratio.

    With five to twenty seeds a bootstrap of the seeds is too narrow (it covers about 85 % at
    n = 5). The t interval covers what it says as long as the differences are not far from normal.

    Args:
        first, second: one value per seed, in the same order of seeds.
        level: confidence.
        ratio: compare first / second (both must be positive) rather than first − second.

    Returns:
        The interval. With a single pair its ends are infinite, or 0 and infinity for a ratio.

    Raises:
        ValueError: unequal numbers of values, none at all, one that is not finite, a ratio of
            values that are not positive, or a confidence outside of 0 to 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"The confidence is {level}; it must be above 0 and below 1.")
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(
            "Need the same seeds in both arms, at least one: "
            f"got {first.size} and {second.size} values."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("A value is not finite: look at the run that recorded it.")
    if ratio and (min(first.min(), second.min()) <= 0):
        raise ValueError("A ratio needs positive values in both arms.")
    with np.errstate(over="ignore", divide="ignore"):
        effect = np.log(first / second) if ratio else first - second
    if not np.isfinite(effect).all():
        raise ValueError("Two values are too far apart to be compared: look at the runs.")
    n, mean = len(effect), float(effect.mean())
    half = float("inf")
    if n > 1:
        half = float(stats.t.ppf((1 + level) / 2, n - 1) * effect.std(ddof=1) / np.sqrt(n))
    low, high = mean - half, mean + half
    if ratio:
        mean, low, high = (float(np.exp(end)) for end in (mean, low, high))
    return Interval(mean, low, high, n)
