"""Slices: named parts of a test set, how well each does, and how far it lies from the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy import stats

from cvbook.metrics.statistics import holm


@dataclass(frozen=True)
class Slice:
    """A named predicate over the table of test results: `where(table)` gives bool[rows]."""

    name: str
    where: Callable[[pd.DataFrame], np.ndarray]


def _influence(value: np.ndarray, inside: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of a part, and what each row adds to the mean's error: float[rows], 0 outside."""
    mean = value[inside].mean()
    return float(mean), np.where(inside, value - mean, 0.0) / inside.sum()


def _spread(influence: np.ndarray, cluster: np.ndarray, n: int) -> float:
    """Standard error when rows of one of n clusters go together.

    It is the sandwich estimate of Liang and Zeger 1986.
    """
    return float(np.sqrt((np.bincount(cluster, influence) ** 2).sum() * n / (n - 1)))


def _interval(
    mean: float, error: float, n: int, clusters: int, binary: bool, level: float
) -> tuple[float, float]:
    """Wilson's interval for shares, Student's for other means.

    Wilson's is taken at the number of independent rows that the standard error is worth.
    """
    if not binary:
        half = stats.t.ppf((1 + level) / 2, clusters - 1) * error
        return mean - half, mean + half
    worth = min(n, mean * (1 - mean) / error**2) if error > 1e-9 else clusters
    z = stats.norm.ppf((1 + level) / 2) ** 2
    middle = (mean + z / (2 * worth)) / (1 + z / worth)
    half = _half_width(mean, worth, z)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _half_width(share: float, n: float, z: float) -> float:
    """Half the width of Wilson's interval of a share among n; z is the squared normal quantile."""
    return np.sqrt(z * share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z / n)


def slice_table(
    table: pd.DataFrame,
    slices: list[Slice],
    value: str,
    cluster: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean of a column in each slice, with its interval and its gap to the rest.

    Args:
        table: a row per test case.
        slices: the parts to look at.
        value: name of the column that is averaged: 0 or 1 for right and wrong, or an error in any
            unit.
        cluster: name of the column whose rows go together (identity, scene); None takes rows as
            independent.
        level: confidence.

    Returns:
        A row per slice, that of all cases first, with the columns name, n, clusters, mean, low,
        high, gap (slice minus rest), p (two-sided, that the gap is 0) and note, which says why a
        figure is missing (an empty slice, a single case or cluster, missing values).

    Raises:
        ValueError: the table is empty or lacks a column, or a predicate gives no bool per row.
    """
    for column in (value, *([cluster] if cluster else [])):
        if column not in table:
            raise ValueError(
                f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}."
            )
    if not len(table):
        raise ValueError("The table has no rows: there is nothing to slice.")
    values = table[value].to_numpy(float)
    groups = np.unique(table[cluster], return_inverse=True)[1] if cluster else np.arange(len(table))
    rows = []
    for part in [Slice("all", lambda t: np.ones(len(t), bool)), *slices]:
        where = np.asarray(part.where(table))
        if where.dtype != bool or where.shape != (len(table),):
            raise ValueError(
                f"Slice {part.name!r} must give True or False for each of the {len(table)} rows."
            )
        rows.append({"name": part.name, **_measure(values, groups, where, level)})
    return pd.DataFrame(rows)


def _measure(values: np.ndarray, groups: np.ndarray, where: np.ndarray, level: float) -> dict:
    """One slice's figures."""
    known = np.isfinite(values)
    inside, rest = where & known, ~where & known
    n, clusters = int(inside.sum()), len(np.unique(groups[inside]))
    row: dict[str, float | str] = {"n": n, "clusters": clusters}
    row |= dict.fromkeys(("mean", "low", "high", "gap", "p"), np.nan) | {"note": ""}
    if not where.any():
        return row | {"note": "empty"}
    lost = int((where & ~known).sum())
    if not n:
        return row | {"note": f"all {lost} values are missing"}
    row["note"] = f"{lost} values are missing" if lost else ""
    mean, mine = _influence(values, inside)
    row["mean"] = mean
    if clusters < 2:
        return row | {"note": "a single case" if n == 1 else "a single cluster"}
    binary = bool(np.isin(values[known], (0, 1)).all())
    error = _spread(mine, groups, clusters)
    row["low"], row["high"] = _interval(mean, error, n, clusters, binary, level)
    if len(np.unique(groups[rest])) < 2:
        return row
    other, theirs = _influence(values, rest)
    error, gap = _spread(mine - theirs, groups, len(np.unique(groups[known]))), mean - other
    # Student's, with the clusters of the slice: three people who fare badly are not yet a finding,
    # however many pictures they have.
    p = float(gap == 0)
    if error > 1e-9:
        p = float(2 * stats.t.sf(abs(gap) / error, clusters - 1))
    return row | {"gap": gap, "p": p}


def worst_slices(
    table: pd.DataFrame,
    attributes: list[str],
    value: str,
    cluster: str | None = None,
    larger_is_better: bool = True,
    least: int = 30,
) -> pd.DataFrame:
    """Look at every value of every attribute and at every pair of them, for what does worse.

    Whoever looks at hundreds of slices finds a bad one by chance, so the p-values are corrected for
    the number of looks (Holm 1979).

    Args:
        table, value, cluster: as of `slice_table`.
        attributes: names of columns with few values each.
        larger_is_better: whether a slice is bad that lies below the rest, or above.
        least: cases that a slice must have to be looked at.

    Returns:
        The columns of `slice_table`, and `p_holm`; only slices whose gap is to the bad side, most
        certain first. `attrs["looks"]` is how many were looked at.
    """
    values = table[value].to_numpy(float)
    groups = np.unique(table[cluster], return_inverse=True)[1] if cluster else np.arange(len(table))
    levels: dict[str, dict[str, np.ndarray]] = {a: {} for a in attributes}
    for a in attributes:
        for v in pd.unique(table[a].dropna()):
            levels[a][f"{a} = {v}"] = (table[a] == v).to_numpy()
    masks = {name: mask for found in levels.values() for name, mask in found.items()}
    for a, b in combinations(attributes, 2):
        for (first, m), (second, k) in product(levels[a].items(), levels[b].items()):
            masks[f"{first}, {second}"] = m & k
    masks = {name: mask for name, mask in masks.items() if least <= mask.sum() < len(table)}
    found = pd.DataFrame(
        [{"name": name, **_measure(values, groups, mask, 0.95)} for name, mask in masks.items()]
    )
    looks = 0
    if len(found):
        found = found[found["p"].notna()].sort_values("p", kind="stable", ignore_index=True)
        looks = len(found)
        found["p_holm"] = holm(found["p"].to_numpy())
        found = found[(found["gap"] < 0) == larger_is_better].reset_index(drop=True)
    found.attrs["looks"] = looks
    return found


def images_needed(share: float, half_width: float, level: float = 0.95) -> int:
    """How many independent test cases give a share an interval of at most ± `half_width`.

    The interval is Wilson's.

    Raises:
        ValueError: the share is not between 0 and 1, or the half-width is not positive.
    """
    if not 0 <= share <= 1 or half_width <= 0:
        raise ValueError(
            "The share must lie between 0 and 1 and the half-width above 0; "
            f"got {share} and {half_width}."
        )
    z = stats.norm.ppf((1 + level) / 2) ** 2
    low, high = 1, 2

    def wide(n: int) -> bool:
        return _half_width(share, n, z) > half_width

    while wide(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high
