"""How well ages and genders are estimated, in all and for those whom a mean hides."""

from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-6  # of CS: an error of exactly k years counts, whatever the rounding


def _checked(age: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    age, truth = np.asarray(age, float), np.asarray(truth, float)
    if age.shape != truth.shape or age.ndim != 1:
        raise ValueError(f"Need an estimate for each age; got {age.shape} and {truth.shape}.")
    if not len(age):
        raise ValueError("There is nobody to judge.")
    if not np.isfinite(age).all():
        raise ValueError("An estimated age is not finite: look for NaN in the model's output.")
    if not np.isfinite(truth).all():
        raise ValueError("A true age is not finite: leave out people whose age is not known.")
    return age, truth


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
        male: float[N], estimated probability of male; all nan if the model knows no gender.
        is_male: bool[N].

    Raises:
        ValueError: nobody to judge, other numbers of estimates and truths, an age that is not
            finite, or probabilities that are nan for some and not for all.
    """
    age, truth = _checked(age, truth)
    error = np.abs(age - truth)
    gender = np.nan
    if male is not None and is_male is not None:
        male, is_male = np.asarray(male, float), np.asarray(is_male)
        if male.shape != age.shape or is_male.shape != age.shape:
            raise ValueError(
                f"{len(age)} people need as many genders; got {male.shape} and {is_male.shape}."
            )
        if not np.isin(is_male, (0, 1)).all():
            raise ValueError("A true gender is neither true nor false: leave such people out.")
        unknown = np.isnan(male)
        if unknown.any() and not unknown.all():
            raise ValueError("A probability of male is nan: look for NaN in the model's output.")
        if not unknown.any():
            gender = float(((male >= 0.5) == is_male).mean())
    return AgeResult(float(error.mean()), float((error <= 5 + TOLERANCE).mean()), gender, len(age))


def by_bin(
    age: np.ndarray, truth: np.ndarray, width: float = 5.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean absolute error by bins of the true age; bins with nobody are left out.

    Returns:
        Lower edges float[K], errors float[K] and counts int[K].

    Raises:
        ValueError: as `evaluate`, or a width that is not above 0.
    """
    age, truth = _checked(age, truth)
    if not 0 < width < np.inf:
        raise ValueError(f"Bins are {width} years wide; that must be above 0.")
    bins, row, count = np.unique(truth // width, return_inverse=True, return_counts=True)
    return bins * width, np.bincount(row, np.abs(age - truth)) / count, count


def in_range(age: np.ndarray, edges: tuple[float, ...]) -> np.ndarray:
    """Ages float[N] as ranges int64[N] of a set that knows only ranges.

    It is the last range whose lower edge is not above the rounded age, never below 0.

    Raises:
        ValueError: an age that is not finite, or edges that do not rise.
    """
    if not len(edges) or not (np.diff(edges) > 0).all():
        raise ValueError(f"Lower edges of ranges must rise; got {edges}.")
    if not np.isfinite(age).all():
        raise ValueError("An age is not finite: it has no range.")
    return np.maximum(np.searchsorted(edges, np.rint(age), side="right") - 1, 0)
