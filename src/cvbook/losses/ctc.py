"""CTC: the loss between a sequence of scores and a shorter text (Graves et al. 2006).

Class 0 is the blank everywhere. Class i + 1 is character i of the alphabet, or unit i of a BPE
vocabulary.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor


def steps_needed(target: list[int]) -> int:
    """Fewest time steps in which CTC can write a target: one each, and a blank between twins."""
    return len(target) + sum(a == b for a, b in pairwise(target))


def ctc_loss(scores: Tensor, steps: Tensor, targets: list[list[int]]) -> tuple[Tensor, int]:
    """Mean over lines of the CTC loss per target symbol.

    Args:
        scores: float[B, T, classes], unnormalised.
        steps: int64[B], valid time steps of each line.
        targets: classes of each line, without blanks.

    Returns:
        The loss, a scalar in FP32, and how many lines were too short for their target. Those would
        have infinite loss. They count as zero, so a caller must watch their number
        (`zero_infinity` alone hides them).
    """
    lengths = torch.tensor([len(t) for t in targets])
    impossible = sum(steps_needed(t) > int(n) for t, n in zip(targets, steps, strict=True))
    flat = torch.tensor([c for t in targets for c in t], dtype=torch.long, device=scores.device)
    log_probs = scores.float().log_softmax(-1).transpose(0, 1)  # T,B,C
    loss = F.ctc_loss(log_probs, flat, steps, lengths, zero_infinity=True)
    return loss, impossible
