"""The losses of metric learning as the book compares them.

Each has one strength to choose, and the same number of choices to try.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from cvbook.losses import pairs
from cvbook.losses.alignment import AlignedTriplet
from cvbook.losses.margins import (
    Classification,
    Margin,
    WithCenters,
    arcface,
    combined,
    cosface,
    sphereface,
)
from cvbook.models.embedder import StripedEmbedder
from cvbook.train.embedder import Loss

Make = Callable[[int, int], Loss]


@dataclass(frozen=True)
class Arm:
    """A loss, and how a network is trained with it.

    Attributes:
        make: from a strength to what makes the loss from the embedding's size and the number of
            classes.
        what: name of the strength.
        strengths: the three that are tried.
        per_class: pictures of a class in a batch, for losses on pairs; None draws them at random.
        network: makes a network from size of the embedding, width and channels; None is the
            `Embedder`.
    """

    make: Callable[[float], Make]
    what: str
    strengths: tuple[float, float, float]
    per_class: int | None = None
    network: Callable[[int, int, int], nn.Module] | None = None


def _margin(kind: Callable[[float], Margin]) -> Callable[[float], Make]:
    return lambda m: partial(Classification, margin=kind(m))


def _pairs(loss: Callable, **fixed: object) -> Callable[[float], Make]:
    return lambda m: lambda dim, classes: partial(loss, margin=m, **fixed)


def _raw(scale: float) -> Make:
    return partial(Classification, scale=scale, normalise=False)


def _contrastive_center(weight: float) -> Make:
    return partial(WithCenters, weight=weight, contrastive=True)


def _share(k: float) -> Margin:
    return combined(1 + 0.1 * k, 0.2 * k, 0.1 * k)


def _aligned(margin: float) -> Make:
    return lambda dim, classes: AlignedTriplet(dim, margin=margin)


PAIR_LOSSES = {
    "contrastive": (pairs.contrastive, (0.5, 0.8, 1.1)),
    "cosine": (pairs.cosine, (0.0, 0.2, 0.4)),
    "triplet": (pairs.triplet, (0.1, 0.2, 0.4)),
    "quadruplet": (pairs.quadruplet, (0.2, 0.4, 0.8)),
}
ARMS = {
    "softmax": Arm(_raw, "scale", (0.3, 1.0, 3.0)),
    "normalised softmax": Arm(
        lambda s: partial(Classification, scale=s), "scale", (8.0, 16.0, 32.0)
    ),
    "center loss": Arm(lambda w: partial(WithCenters, weight=w), "weight", (0.001, 0.01, 0.1)),
    "contrastive-center": Arm(_contrastive_center, "weight", (0.1, 1.0, 10.0)),
    "SphereFace": Arm(_margin(lambda m: sphereface(1 + m)), "margin above 1", (0.2, 0.5, 1.0)),
    "CosFace": Arm(_margin(cosface), "margin", (0.1, 0.2, 0.35)),
    "ArcFace": Arm(_margin(arcface), "margin", (0.15, 0.3, 0.5)),
    "combined": Arm(_margin(_share), "share of all three margins", (0.5, 1.0, 1.5)),
    **{
        name: Arm(_pairs(loss), "margin", margins, 4)
        for name, (loss, margins) in PAIR_LOSSES.items()
        if name != "triplet"
    },
}
# Every loss on pairs with every way to choose them: "cosine, semi-hard".
FACTORIAL = {
    f"{_name}, {_way}": Arm(_pairs(_loss, miner=_miner), "margin", _margins, 4)
    for _name, (_loss, _margins) in PAIR_LOSSES.items()
    for _way, _miner in pairs.MINERS.items()
}
ARMS |= {name: arm for name, arm in FACTORIAL.items() if name.startswith("triplet")}
# Little that the others do not tell.
LEFT_OUT = ("contrastive-center", "SphereFace", "CosFace", "combined", "cosine")
REID = {name: arm for name, arm in ARMS.items() if name not in LEFT_OUT}
REID["AlignedReID"] = Arm(_aligned, "margin", (0.1, 0.2, 0.4), 4, StripedEmbedder)
RATES = (1e-3, 3e-3, 9e-3)
