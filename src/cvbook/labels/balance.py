"""A benchmark that is balanced by age and gender, as the MiVOLO article's.

In every 5-year bin there are equally many pictures of both genders.
"""

import numpy as np


def cells(
    years: np.ndarray, gender: np.ndarray, width: float = 5.0
) -> tuple[np.ndarray, np.ndarray]:
    """Bin int[N] of each picture, and place int[N] of its gender in the sorted list of genders."""
    bins = np.floor(np.asarray(years, float) / width).astype(int)
    return bins, np.unique(np.asarray(gender), return_inverse=True)[1]


def balanced(
    years: np.ndarray,
    gender: np.ndarray,
    per_cell: int,
    rng: np.random.Generator,
    width: float = 5.0,
) -> np.ndarray:
    """Draw the same number of pictures from every cell: one gender in one bin of ages.

    Args:
        years: float[N].
        gender: [N], any labels.
        per_cell: pictures of each cell.
        rng: draws them.
        width: of a bin, in years.

    Returns:
        int[cells · per_cell], sorted places of the pictures that were drawn. Bins beyond the oldest
        one that has enough of every gender are left out.

    Raises:
        ValueError: an age is missing, there is one gender only, or a bin within the range is too
            small; the sentence names it.
    """
    if not np.isfinite(years).all():
        raise ValueError("An age is missing: drop or label such pictures first.")
    bins, group = cells(years, gender, width)
    if group.max(initial=0) < 1:
        raise ValueError("All pictures have the same gender: there is nothing to balance.")
    count = np.zeros((bins.max() + 1, group.max() + 1), int)
    np.add.at(count, (bins, group), 1)
    enough = np.flatnonzero((count >= per_cell).all(1))
    short = np.flatnonzero((count[: enough[-1] + 1] < per_cell).any(1)) if len(enough) else [0]
    if len(short):
        low, high = short[0] * width, (short[0] + 1) * width
        raise ValueError(
            f"Too few pictures aged {low:g} to {high:g}: {count[short[0]].min()} of a gender, "
            f"{per_cell} are wanted."
        )
    chosen = [
        rng.choice(np.flatnonzero((bins == b) & (group == g)), per_cell, replace=False)
        for b in enough
        for g in range(count.shape[1])
    ]
    return np.sort(np.concatenate(chosen))
