"""Losses on pairs, triplets and quadruplets of embeddings, and the miners that choose them.

All work on a batch: embeddings float[B, d] of any length (they are normalised here) and classes
int64[B]. Distances are Euclidean between unit vectors, 0 to 2. Each loss is the mean over the terms
that are not zero, or zero where there are none, so it stays finite for a batch of one picture, of
one class, or of equal pictures. It is NaN where any embedding is not finite, mined or not. Other
shapes than these, and an empty batch, are a ValueError. Draws are torch's: `torch.manual_seed`
repeats them.
"""

from collections.abc import Callable
from functools import partial, wraps

import torch
from torch import Tensor
from torch.nn import functional as F

from cvbook.losses.batch import check, measurable
from cvbook.losses.margins import unit

Triplets = tuple[Tensor, Tensor, Tensor]
Miner = Callable[[Tensor, Tensor], Triplets]
NEAR = 1e-4  # squared distance, up to which it is computed from differences


def distances(x: Tensor) -> Tensor:
    """Distances between rows scaled to length 1: float[B, d] → float32[B, B].

    They are right to 0.2 %, and under 0.01 to 3e-7. Rows nearer than 1e-6 differ by rounding alone:
    they count as equal, at distance zero and with a gradient of zero. A zero row has no direction:
    it is √2 from all. NaN stays NaN.
    """
    x = unit(x.float())
    square = 2 - 2 * x @ x.T
    a, b = torch.nonzero(square < NEAR, as_tuple=True)  # where little of that is more than rounding
    square = square.index_put((a, b), (x[a] - x[b]).square().sum(1))
    equal = square <= 1e-12
    return square.masked_fill(equal, 1.0).sqrt().masked_fill(equal, 0.0)


def active_mean(terms: Tensor) -> Tensor:
    """Mean over the terms above zero: easy pairs, ever more of them, do not water down the rest."""
    return terms.sum() / (terms > 0).sum().clamp(min=1)


def _same(y: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs are of one class, nothing with itself, and which are of two: bool[B, B] each."""
    same = y[:, None] == y
    return same & ~torch.eye(len(y), dtype=torch.bool, device=y.device), ~same


def _in_single(loss: Callable) -> Callable:
    """Run a loss outside autocast, in FP32, on a batch that fits together.

    Without finite embeddings there is nothing to mine, and the loss is NaN.
    """

    @wraps(loss)
    def wrapped(x: Tensor, y: Tensor, *args: object, **kwargs: object) -> Tensor:
        check(x, y)
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            if not measurable(x):
                return torch.nan * x.sum()
            return loss(x, y, *args, **kwargs)

    return wrapped


@_in_single
def contrastive(x: Tensor, y: Tensor, margin: float = 1.0, miner: Miner | None = None) -> Tensor:
    """Pairs of one class close, others at least `margin` apart: d, and max(0, margin − d).

    After Hadsell et al. (2006), with plain distances. All pairs of the batch count, or the two of
    each of the miner's triplets.
    """
    d, (same, other) = distances(x), _same(y)
    if miner:
        a, p, n = miner(d.detach(), y)
        return active_mean(d[a, p]) + active_mean(F.relu(margin - d[a, n]))
    return active_mean(d * same) + active_mean(F.relu(margin - d) * other)


@_in_single
def cosine(x: Tensor, y: Tensor, margin: float = 0.0, miner: Miner | None = None) -> Tensor:
    """1 − cos for pairs of one class, max(0, cos − margin) for others, the mean of each kind.

    Torch's CosineEmbeddingLoss, with both kinds weighed the same. All pairs of the batch count, or
    the two of each of the miner's triplets.
    """
    if miner:
        a, p, n = miner(distances(x).detach(), y)
    x, (same, other) = unit(x), _same(y)
    cos = x @ x.T
    if miner:
        near, far = 1 - cos[a, p], F.relu(cos[a, n] - margin)
        return (near + far).sum() / max(len(a), 1)
    near = ((1 - cos) * same).sum() / same.sum().clamp(min=1)
    far = (F.relu(cos - margin) * other).sum() / other.sum().clamp(min=1)
    return near + far


@_in_single
def triplet(x: Tensor, y: Tensor, margin: float = 0.2, miner: Miner | None = None) -> Tensor:
    """max(0, d(a, p) − d(a, n) + margin) (Schroff et al. 2015), the mean over the miner's triplets.

    The miner is `random_negatives` by default.
    """
    d = distances(x)
    a, p, n = (miner or random_negatives)(d.detach(), y)
    return active_mean(F.relu(d[a, p] - d[a, n] + margin))


@_in_single
def quadruplet(
    x: Tensor, y: Tensor, margin: float = 0.4, second: float = 0.5, miner: Miner | None = None
) -> Tensor:
    """A triplet on squared distances, plus one against a pair of two other classes.

    The second has `second` times the margin (Chen et al. 2017).
    """
    d = distances(x)
    a, p, n = (miner or random_negatives)(d.detach(), y)
    own = d[a, p].square()
    first = active_mean(F.relu(own - d[a, n].square() + margin))
    third = ((y != y[a][:, None]) & (y != y[n][:, None])).float()
    some = third.sum(1) > 0  # with two classes there is no fourth
    m = _draw(third[some])
    return first + active_mean(F.relu(own[some] - d[n[some], m].square() + second * margin))


def _pairs(y: Tensor) -> tuple[Tensor, Tensor]:
    """All ordered pairs of one class that have a negative: anchors and positives, int64[K] each."""
    same, other = _same(y)
    a, p = torch.nonzero(same & other.any(1, keepdim=True), as_tuple=True)
    return a, p


def _draw(weight: Tensor) -> Tensor:
    """A column per row, in proportion to weights float[K, B]."""
    if not len(weight):
        return torch.empty(0, dtype=torch.long, device=weight.device)
    return torch.multinomial(weight, 1)[:, 0]


def random_negatives(d: Tensor, y: Tensor) -> Triplets:
    """For each pair of one class, any picture of another class."""
    a, p = _pairs(y)
    return a, p, _draw((y[a][:, None] != y).float())


def hard_negatives(d: Tensor, y: Tensor) -> Triplets:
    """For each picture, the furthest of its class and the nearest of another.

    The "batch hard" triplets of Hermans et al. (2017).
    """
    same, other = _same(y)
    a = torch.nonzero(same.any(1) & other.any(1))[:, 0]
    return a, d[a].masked_fill(~same[a], -1).argmax(1), d[a].masked_fill(~other[a], 3).argmin(1)


def semi_hard_negatives(d: Tensor, y: Tensor) -> Triplets:
    """For each pair of one class, the nearest of another that is further than the positive.

    Where there is none, the furthest (Schroff et al. 2015).
    """
    a, p = _pairs(y)
    other, far = y[a][:, None] != y, d[a]
    beyond = other & (far > d[a, p][:, None])
    nearest, furthest = far.masked_fill(~beyond, 3).argmin(1), far.masked_fill(~other, -1).argmax(1)
    return a, p, torch.where(beyond.any(1), nearest, furthest)


def distance_weights(d: Tensor, dim: int) -> Tensor:
    """Inverse density of distances between random points of a sphere in `dim` dimensions.

    It is known up to a factor, and zero from 1.4 on (Wu et al. 2017).

    Distances under 0.5 count as 0.5. Otherwise the nearest, often mislabelled, would be drawn every
    time.

    """
    near = d.clamp(0.5, 1.4)
    log = (2 - dim) * near.log() - (dim - 3) / 2 * (1 - near.square() / 4).log()
    return torch.where(d < 1.4, (log - log.amax(1, keepdim=True)).exp(), 0)


def distance_weighted_negatives(d: Tensor, y: Tensor, dim: int = 64) -> Triplets:
    """For each pair of one class, a negative such that all distances under 1.4 are drawn alike.

    Any negative where none is that close.
    """
    a, p = _pairs(y)
    other = (y[a][:, None] != y).float()
    weight = distance_weights(torch.where(other > 0, d[a], 2.0), dim)
    return a, p, _draw(torch.where(weight.sum(1, keepdim=True) > 0, weight, other))


MINERS: dict[str, Miner] = {
    # For embeddings of 64 numbers, as this book makes them.
    "random": random_negatives,
    "hard": hard_negatives,
    "semi-hard": semi_hard_negatives,
    "distance-weighted": partial(distance_weighted_negatives, dim=64),
}
