"""Train a recogniser that reads already on, with a second branch beside its characters."""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from cvbook.losses.bpe import BpeBranch, Vocabulary
from cvbook.models import weights
from cvbook.models.recogniser import Recogniser
from cvbook.train.recogniser import LineRecipe, LineStream, train

HEAD_RATE = 3e-3  # of a new head on states that do not change


class Lines:
    """The lines that arms learn from: first the new heads alone, then everything.

    Args:
        heads: how many lines the new heads get.
        rest: how many lines the whole network gets then, of English up to a middling difficulty.
        seed: of the lines; no two seeds share one.
    """

    def __init__(self, heads: int, rest: int, seed: int):
        english = partial(LineRecipe, language="en", hardest=0.5, easy=0.01, columns=4224)
        self.heads = english(heads, rate=HEAD_RATE, warmup=0.1, seed=20_000 + seed)
        self.rest = english(rest, warmup=0.1, seed=30_000 + seed)
        self.first, self.then = (list(LineStream(r)) for r in (self.heads, self.rest))


def train_on(
    lines: Lines, rate: float, units: Vocabulary | None, weight: float, seed: int, device: str
) -> tuple[Recogniser, list[dict]]:
    """The shipped recogniser, trained on.

    A new head on a trained network sends it large and random gradients at first. So the second
    branch learns by itself before the rest may move.

    Args:
        lines: the same for all arms.
        rate: peak learning rate of the whole network.
        units: classes of the second branch; None for no branch.
        weight: of the second branch's loss.
        seed: of the new head.

    Returns:
        The network in evaluation mode, and the log of `train`.
    """
    torch.manual_seed(seed)
    model, branch = weights.recogniser(), None
    if units:
        model.requires_grad_(False)
        model.bpe_head = nn.Linear(model.head.in_features, len(units))  # the one that learns
        branch = BpeBranch(units, weight)
        train(model, lines.heads, device=device, branch=branch, batches=lines.first)
        model.requires_grad_(True)
    recipe = replace(lines.rest, rate=rate)
    return model, train(model, recipe, device=device, branch=branch, batches=lines.then)
