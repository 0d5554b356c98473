"""Losses on pairs, triplets and quadruplets of embeddings, and the miners that choose them.

All work on a batch: embeddings float[B, d] of any length (they are normalised here) and classes int64[B]. Distances are Euclidean between unit
vectors, 0 to 2. Each loss is the mean over the terms that are not zero, or zero where there are none, so it stays finite for a batch of one
picture, of one class, or of equal pictures.
"""

from collections.abc import Callable
from functools import partial, wraps

import torch
from torch import Tensor
from torch.nn import functional as F

from cvbook.losses.margins import unit

Triplets = tuple[Tensor, Tensor, Tensor]
Miner = Callable[[Tensor, Tensor, torch.Generator | None], Triplets]


def distances(x: Tensor) -> Tensor:
    """float[B, d] → float32[B, B] between the rows scaled to length 1; where two rows are equal the gradient is zero, not infinite."""
    x = unit(x.float())
    square = 2 - 2 * x @ x.T
    return torch.where(square > 1e-8, square, 0).clamp(min=1e-8).sqrt()


def active_mean(terms: Tensor) -> Tensor:
    """Mean over the terms above zero: easy pairs, of which there are ever more, do not water down the rest."""
    return terms.sum() / (terms > 0).sum().clamp(min=1)


def _same(y: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs are of one class, each with itself left out, and which of two: bool[B, B]."""
    same = y[:, None] == y
    return same & ~torch.eye(len(y), dtype=torch.bool, device=y.device), ~same


def _in_single(loss: Callable) -> Callable:
    """Run a loss outside autocast, in FP32."""

    @wraps(loss)
    def wrapped(x: Tensor, y: Tensor, *args: object, **kwargs: object) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return loss(x.float(), y, *args, **kwargs)

    return wrapped


@_in_single
def contrastive(x: Tensor, y: Tensor, margin: float = 1.0) -> Tensor:
    """Pairs of one class close, others at least `margin` apart (after Hadsell et al. 2006, with plain distances): d, and max(0, margin − d)."""
    d, (same, other) = distances(x), _same(y)
    return active_mean(d * same) + active_mean(F.relu(margin - d) * other)


@_in_single
def cosine(x: Tensor, y: Tensor, margin: float = 0.0) -> Tensor:
    """1 − cos for pairs of one class, max(0, cos − margin) for others, the mean of each kind (torch's CosineEmbeddingLoss, both kinds weighed the same)."""
    x, (same, other) = unit(x), _same(y)
    cos = x @ x.T
    return ((1 - cos) * same).sum() / same.sum().clamp(min=1) + (
        F.relu(cos - margin) * other
    ).sum() / other.sum().clamp(min=1)


@_in_single
def triplet(
    x: Tensor,
    y: Tensor,
    margin: float = 0.2,
    miner: Miner | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """max(0, d(a, p) − d(a, n) + margin) (Schroff et al. 2015), over the miner's triplets; the random ones by default."""
    d = distances(x)
    a, p, n = (miner or random_negatives)(d.detach(), y, generator)
    return active_mean(F.relu(d[a, p] - d[a, n] + margin))


@_in_single
def quadruplet(
    x: Tensor,
    y: Tensor,
    margin: float = 0.4,
    second: float = 0.5,
    miner: Miner | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A triplet on squared distances, plus one against a pair of two other classes with `second` times the margin (Chen et al. 2017)."""
    d = distances(x)
    a, p, n = (miner or random_negatives)(d.detach(), y, generator)
    own = d[a, p].square()
    first = active_mean(F.relu(own - d[a, n].square() + margin))
    third = ((y != y[a][:, None]) & (y != y[n][:, None])).float()
    some = third.sum(1) > 0  # with two classes there is no fourth
    m = _draw(third[some], generator)
    return first + active_mean(F.relu(own[some] - d[n[some], m].square() + second * margin))


def _pairs(y: Tensor) -> tuple[Tensor, Tensor]:
    """All ordered pairs of one class that have a negative: anchors and positives, int64[K] each."""
    same, other = _same(y)
    return torch.nonzero(same & other.any(1, keepdim=True), as_tuple=True)


def _draw(weight: Tensor, generator: torch.Generator | None) -> Tensor:
    """A column per row, in proportion to weights float[K, B]."""
    return (
        torch.multinomial(weight, 1, generator=generator)[:, 0]
        if len(weight)
        else torch.empty(0, dtype=torch.long, device=weight.device)
    )


def random_negatives(d: Tensor, y: Tensor, generator: torch.Generator | None = None) -> Triplets:
    """For each pair of one class, any picture of another class."""
    a, p = _pairs(y)
    return a, p, _draw((y[a][:, None] != y).float(), generator)


def hard_negatives(d: Tensor, y: Tensor, generator: torch.Generator | None = None) -> Triplets:
    """For each picture, the furthest of its class and the nearest of another ("batch hard", Hermans et al. 2017)."""
    same, other = _same(y)
    a = torch.nonzero(same.any(1) & other.any(1))[:, 0]
    return a, d[a].masked_fill(~same[a], -1).argmax(1), d[a].masked_fill(~other[a], 3).argmin(1)


def semi_hard_negatives(d: Tensor, y: Tensor, generator: torch.Generator | None = None) -> Triplets:
    """For each pair of one class, the nearest of another that is further than the positive; where there is none, the furthest (Schroff et al. 2015)."""
    a, p = _pairs(y)
    other, far = y[a][:, None] != y, d[a]
    beyond = other & (far > d[a, p][:, None])
    nearest, furthest = far.masked_fill(~beyond, 3).argmin(1), far.masked_fill(~other, -1).argmax(1)
    return a, p, torch.where(beyond.any(1), nearest, furthest)


def distance_weights(d: Tensor, dim: int) -> Tensor:
    """Inverse density of distances between random points of a sphere in `dim` dimensions, up to a factor, zero from 1.4 on (Wu et al. 2017).

    Distances under 0.5 count as 0.5: otherwise the nearest, often mislabelled, would be drawn every time.
    """
    near = d.clamp(0.5, 1.4)
    log = (2 - dim) * near.log() - (dim - 3) / 2 * (1 - near.square() / 4).log()
    return torch.where(d < 1.4, (log - log.amax(1, keepdim=True)).exp(), 0)


def distance_weighted_negatives(
    d: Tensor, y: Tensor, generator: torch.Generator | None = None, dim: int = 64
) -> Triplets:
    """For each pair of one class, a negative such that all distances under 1.4 are drawn alike; any negative where none is that close."""
    a, p = _pairs(y)
    other = (y[a][:, None] != y).float()
    weight = distance_weights(torch.where(other > 0, d[a], 2.0), dim)
    return a, p, _draw(torch.where(weight.sum(1, keepdim=True) > 0, weight, other), generator)


MINERS: dict[str, Miner] = {
    # For embeddings of 64 numbers, as this book makes them.
    "random": random_negatives,
    "hard": hard_negatives,
    "semi-hard": semi_hard_negatives,
    "distance-weighted": partial(distance_weighted_negatives, dim=64),
}
