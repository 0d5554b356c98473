"""How well ages and genders are estimated, in all and for those whom a mean hides."""

from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-6  # of CS: an error of exactly k years counts, whatever the rounding


@dataclass(frozen=True)
class AgeResult:
    """How well ages and genders were estimated.

    Attributes:
        mae: mean absolute error in years.
        cs5: share of errors of at most 5 years (CS@5).
        gender: share of right genders; nan if none is known.
        count: how many people.
    """

    mae: float
    cs5: float
    gender: float
    count: int


def evaluate(
    age: np.ndarray,
    truth: np.ndarray,
    male: np.ndarray | None = None,
    is_male: np.ndarray | None = None,
) -> AgeResult:
    """Judge estimates.

    Args:
        age, truth: float[N], years.
        male: float[N], estimated probability of male.
        is_male: bool[N].

    Raises:
        ValueError: nobody to judge, or an estimate that is not finite.
    """
    age, truth = np.asarray(age, float), np.asarray(truth, float)
    if not len(age):
        raise ValueError("There is nobody to judge.")
    if not np.isfinite(age).all():
        raise ValueError("An estimated age is not finite: look for NaN in the model's output.")
    error = np.abs(age - truth)
    gender = np.nan
    if male is not None and is_male is not None:
        gender = float(((np.asarray(male) >= 0.5) == np.asarray(is_male)).mean())
    return AgeResult(float(error.mean()), float((error <= 5 + TOLERANCE).mean()), gender, len(age))


def by_bin(
    age: np.ndarray, truth: np.ndarray, width: float = 5.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean absolute error by bins of the true age; bins with nobody are left out.

    Returns:
        Lower edges float[K], errors float[K] and counts int[K].
    """
    place = (np.asarray(truth) // width).astype(int)
    bins, row, count = np.unique(place, return_inverse=True, return_counts=True)
    return bins * width, np.bincount(row, np.abs(np.asarray(age) - truth)) / count, count


def in_range(age: np.ndarray, edges: tuple[float, ...]) -> np.ndarray:
    """Ages float[N] as ranges int64[N] of a set that knows only ranges.

    It is the last range whose lower edge is not above the rounded age, never below 0.
    """
    return np.maximum(np.searchsorted(edges, np.rint(age), side="right") - 1, 0)
