"""How to read a text back from the scores of CTC.

Greedily, by a beam of prefixes, or along a text that is known.

Class 0 is the blank everywhere, as in `losses.ctc`.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from cvbook.losses.ctc import steps_needed


def greedy(scores: Tensor, steps: Tensor) -> list[list[int]]:
    """Best class at each step, repeats merged, blanks dropped: the classes of each line."""
    best = scores.argmax(-1).cpu().numpy()  # B,T
    found = []
    for row, n in zip(best, steps.tolist(), strict=True):
        row = row[:n]
        keep = np.concatenate([[True], row[1:] != row[:-1]]) & (row != 0)
        found.append(row[keep].tolist())
    return found


Prefix = tuple[int, ...]


def _either(ends: list[float]) -> float:
    """Log probability of a prefix, whether it ends in a blank or in its last symbol."""
    return float(np.logaddexp(ends[0], ends[1]))


def beam_search(
    log_probs: np.ndarray, width: int = 8, prune: float = -9.0
) -> list[tuple[list[int], float]]:
    """Prefix beam search: sums over all alignments of a text, which the greedy path does not.

    Args:
        log_probs: float[T, classes], normalised, of one line.
        width: prefixes kept after each step.
        prune: classes below this log probability at a step are not tried.

    Returns:
        (classes, log probability) of the kept prefixes, best first.
    """
    # prefix -> log probability of ending in a blank, and in its last symbol
    beams: dict[Prefix, list[float]] = {(): [0.0, -np.inf]}
    for step in log_probs:
        grown: defaultdict[Prefix, list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        tried = np.flatnonzero(step[1:] > prune) + 1
        for prefix, (blank, symbol) in beams.items():
            both = np.logaddexp(blank, symbol)
            ends = grown[prefix]
            ends[0] = np.logaddexp(ends[0], both + step[0])
            if prefix:
                ends[1] = np.logaddexp(ends[1], symbol + step[prefix[-1]])
            for c in tried.tolist():
                # A repeated symbol needs a blank before it, or it merges with its twin.
                before = blank if prefix and prefix[-1] == c else both
                ends = grown[*prefix, c]
                ends[1] = np.logaddexp(ends[1], before + step[c])
        best = sorted(grown.items(), key=lambda item: -_either(item[1]))
        beams = dict(best[:width])
    return [(list(prefix), _either(ends)) for prefix, ends in beams.items()]


@dataclass
class Alignment:
    """Where a line's symbols sit: class, first and last time step of each, inclusive."""

    classes: list[int]
    spans: list[tuple[int, int]]


def align(log_probs: np.ndarray, target: list[int]) -> Alignment:
    """The most probable path that writes a target.

    Viterbi's algorithm over the target with blanks between its symbols.

    Args:
        log_probs: float[T, classes], normalised, of one line.
        target: classes without blanks.

    Raises:
        ValueError: the line has fewer time steps than the target needs.
    """
    if steps_needed(target) > len(log_probs):
        raise ValueError(
            f"{len(log_probs)} time steps cannot hold a target that needs {steps_needed(target)}."
        )
    states = np.zeros(2 * len(target) + 1, int)
    states[1::2] = target
    # May be entered from two states before: a symbol unlike the one before it.
    skip = np.zeros(len(states), bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(len(states), -np.inf)
    score[:2] = log_probs[0, states[:2]]
    came = np.zeros((len(log_probs), len(states)), np.int8)
    for t in range(1, len(log_probs)):
        one = np.r_[-np.inf, score[:-1]]
        two = np.r_[-np.inf, -np.inf, score[:-2]][: len(states)]
        options = np.stack([score, one, np.where(skip, two, -np.inf)])
        came[t] = options.argmax(0)
        score = options.max(0) + log_probs[t, states]
    at = len(states) - 1 if len(states) == 1 or score[-1] >= score[-2] else len(states) - 2
    path = [at]
    for t in range(len(log_probs) - 1, 0, -1):
        at -= int(came[t, at])
        path.append(at)
    order = np.array(path[::-1])
    spans = []
    for i in range(len(target)):
        steps = np.flatnonzero(order == 2 * i + 1)
        spans.append((int(steps[0]), int(steps[-1])))
    return Alignment(list(target), spans)
