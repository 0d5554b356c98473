"""How wrong a reading is: character and word error rates, with intervals over lines."""

from collections.abc import Sequence

import numpy as np


def edit_distance(a: Sequence, b: Sequence) -> int:
    """Levenshtein distance: insertions, deletions and substitutions between two sequences."""
    places = np.arange(len(b) + 1)
    row = places
    for i, x in enumerate(a, 1):
        different = np.fromiter((x != y for y in b), int, len(b))
        best = np.minimum(row[1:] + 1, row[:-1] + different)
        # What is left is the run along the row, new[j] = min(best[j], new[j - 1] + 1): a running
        # minimum of best[j] - j.
        row = np.minimum.accumulate(np.concatenate([[i], best]) - places) + places
    return int(row[-1])


def _rate(
    truths: Sequence[str], readings: Sequence[str], split: bool
) -> tuple[np.ndarray, np.ndarray]:
    if len(truths) != len(readings):
        raise ValueError(f"{len(truths)} lines need as many readings; got {len(readings)}.")
    edits, lengths = [], []
    for truth, reading in zip(truths, readings, strict=True):
        t, r = (truth.split(), reading.split()) if split else (truth, reading)
        edits.append(edit_distance(t, r))
        lengths.append(len(t))
    return np.array(edits, float), np.array(lengths, float)


def cer(truths: Sequence[str], readings: Sequence[str]) -> float:
    """Character error rate: edits over all lines per character of truth.

    Raises:
        ValueError: the truths hold no character, or there are not as many readings.
    """
    return _ratio(*_rate(truths, readings, False))


def wer(truths: Sequence[str], readings: Sequence[str]) -> float:
    """Word error rate: the same over words, split at white space, with the same errors."""
    return _ratio(*_rate(truths, readings, True))


def _ratio(edits: np.ndarray, lengths: np.ndarray) -> float:
    if not lengths.sum():
        raise ValueError("There is no text to compare with: the transcriptions are empty.")
    return float(edits.sum() / lengths.sum())


def rate_interval(
    truths: Sequence[str],
    readings: Sequence[str],
    unit: str = "character",
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Error rate with a bootstrap interval over lines, because errors within a line come together.

    Args:
        unit: "character" or "word".

    Returns:
        rate, lower and upper end, as fractions.

    Raises:
        ValueError: as `cer`, another unit, a confidence outside of 0 to 1, or no draw.
    """
    if unit not in ("character", "word"):
        raise ValueError(f"unit is {unit!r}; choose 'character' or 'word'.")
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"Need a confidence between 0 and 1 and a draw; got {level} and {draws}.")
    edits, lengths = _rate(truths, readings, unit == "word")
    rate = _ratio(edits, lengths)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(edits), (draws, len(edits)))
    rates = edits[picks].sum(1) / np.maximum(lengths[picks].sum(1), 1)
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return rate, float(low), float(high)
