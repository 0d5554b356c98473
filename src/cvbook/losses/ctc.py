"""CTC: the loss between a sequence of scores and a shorter text (Graves et al. 2006).

Class 0 is the blank everywhere. Class i + 1 is character i of the alphabet, or unit i of a BPE
vocabulary.
"""

from itertools import pairwise
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from cvbook.losses.batch import whole


def steps_needed(target: list[int]) -> int:
    """Fewest time steps in which CTC can write a target: one each, and a blank between twins."""
    return len(target) + sum(a == b for a, b in pairwise(target))


def _check(scores: Tensor, steps: Tensor, targets: list[list[int]]) -> None:
    if scores.ndim != 3 or not scores.numel():
        raise ValueError(f"Scores must be float[B, T, classes], B > 0; got {list(scores.shape)}.")
    lines, length, classes = scores.shape
    if steps.shape != (lines,) or len(targets) != lines:
        raise ValueError(
            f"Scores of {lines} lines need as many steps and targets; got {list(steps.shape)} and "
            f"{len(targets)}."
        )
    if not whole(steps) or not 0 <= int(steps.min()) <= int(steps.max()) <= length:
        raise ValueError(
            f"Steps must be whole numbers from 0 to {length}, as many as the scores have; got "
            f"{steps.tolist()}."
        )
    for i, target in enumerate(targets):
        whole_numbers = all(issubclass(kind, Integral) for kind in set(map(type, target)))
        if not whole_numbers or (target and not 1 <= min(target) <= max(target) < classes):
            raise ValueError(
                f"Target {i} is {list(target)}; with {classes} classes its symbols can be 1 to "
                f"{classes - 1} (0 is the blank)."
            )


def ctc_loss(scores: Tensor, steps: Tensor, targets: list[list[int]]) -> tuple[Tensor, int]:
    """Mean over lines of the CTC loss per target symbol.

    All is looked over first: torch itself takes any number for a class, and reads and writes memory
    beyond the scores.

    Args:
        scores: float[B, T, classes], unnormalised.
        steps: int64[B], valid time steps of each line, 0 to T.
        targets: classes of each line, from 1, without blanks.

    Returns:
        The loss, a scalar in FP32, and how many lines were too short for their target. Those would
        have infinite loss. They count as zero, so a caller must watch their number. A score of any
        other line that is not finite makes the loss NaN.

    Raises:
        ValueError: no line or no time step, unequal numbers of lines, steps outside of 0 to T, or
            a target with a symbol that is not 1 to classes − 1.
    """
    _check(scores, steps, targets)
    lines, known = len(targets), steps.tolist()
    fits = [i for i, target in enumerate(targets) if steps_needed(target) <= known[i]]
    if len(fits) < lines:  # torch's `zero_infinity` would hide other lines' infinite losses too
        rows = torch.tensor(fits, dtype=torch.long)
        scores, steps = scores[rows.to(scores.device)], steps[rows.to(steps.device)]
        targets = [targets[i] for i in fits]
    log_probs = scores.float().log_softmax(-1).transpose(0, 1)  # T,B,C
    if not fits:
        return log_probs.sum(), lines  # of nothing: zero, and a gradient of zeros
    lengths = torch.tensor([len(t) for t in targets])
    flat = torch.tensor([c for t in targets for c in t], dtype=torch.long, device=scores.device)
    loss = F.ctc_loss(log_probs, flat, steps, lengths)
    # Of −∞ the loss may be finite, but torch's gradient is NaN.
    loss = torch.where(scores.isfinite().all(), loss, torch.nan)
    return loss * (len(fits) / lines), lines - len(fits)
