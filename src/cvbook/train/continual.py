"""Ways to teach a network a new task so that it keeps what it knew, as the book compares them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.data.open_set import LabelledImages
from cvbook.losses.distillation import GradNorm, balanced, bce, features, kl, l2_sp
from cvbook.losses.margins import Classification, arcface, unit
from cvbook.train.embedder import train_embedder
from cvbook.train.student import SCALE, Combine, Keep, Student, TwoTasks


def shares(old: float) -> Combine:
    """Gradients of fixed proportion at the shared features.

    `old` of the whole is for keeping, the rest for learning.
    """
    return lambda losses, shared: balanced(losses, (1 - old, old), shared)


def weighted(weight: float) -> Combine:
    """The plain sum, the second loss times a weight."""
    return lambda losses, _: losses[0] + weight * losses[1]


def by_scores(loss: Callable[[Tensor, Tensor], Tensor], scale: float = SCALE) -> Keep:
    """Reproduce the teacher's class scores."""

    def keep(student: Student, old: Tensor, told: Tensor, _: Tensor) -> Tensor:
        return loss(scale * student.scores(old), scale * student.scores(told))

    return keep


def _by_features(kind: str) -> Keep:
    return lambda student, old, told, _: features(unit(old), unit(told), kind)


def _near_start(student: Student, *_: Tensor) -> Tensor:
    return l2_sp(student.net, dict(student.teacher.named_parameters()))


def _rehearse(student: Student, old: Tensor, _: Tensor, y: Tensor) -> Tensor:
    known = y >= 0
    if not known.any():
        return 0 * old.sum()
    return F.cross_entropy(SCALE * student.scores(old[known]), y[known])


def _nothing(_: Student, old: Tensor, *__: Tensor) -> Tensor:
    return 0 * old.sum()


@dataclass(frozen=True)
class Way:
    """How a network may learn a new task.

    Attributes:
        what: name of its strength. Without `keep` it is ArcFace's margin.
        strengths: the three that are tried.
        keep, combine: from a strength; without `keep` nothing is kept.
        single, frozen: of the student.
        rehearsed: share of old pictures that are still there.
    """

    what: str
    strengths: tuple[float, float, float]
    keep: Callable[[float], Keep] | None = None
    combine: Callable[[float], Combine] = weighted
    single: bool = False
    frozen: bool = False
    rehearsed: float = 0.0

    def searched(self, x: np.ndarray) -> np.ndarray:
        """What search uses of a student's embeddings float[N, dim or 2 · dim].

        An old branch that nothing kept stays out.
        """
        return x if self.single or self.frozen or self.keep else x[:, : x.shape[1] // 2]


def _bce(_: float) -> Keep:
    return by_scores(bce)


def _half(_: float) -> Combine:
    return shares(0.5)


MARGINS, QUARTERS = (0.15, 0.3, 0.5), (0.25, 0.5, 0.75)
WAYS = {
    "fine-tuned": Way("margin", MARGINS),
    "frozen features": Way("margin", MARGINS, frozen=True),
    "BCE, half and half": Way(
        "scale of scores", (4.0, 16.0, 64.0), lambda s: by_scores(bce, s), _half
    ),
    "BCE, fixed weight": Way("weight", (1.0, 10.0, 100.0), _bce),
    "BCE, GradNorm": Way("alpha", (0.2, 0.5, 1.5), _bce, partial(GradNorm, 2)),
    "KL, half and half": Way(
        "temperature", (1.0, 2.0, 4.0), lambda t: by_scores(partial(kl, temperature=t)), _half
    ),
    "cosine of features": Way(
        "share of gradient", QUARTERS, lambda _: _by_features("cosine"), shares
    ),
    "MSE of features": Way("share of gradient", QUARTERS, lambda _: _by_features("mse"), shares),
    "LwF": Way("weight", (0.1, 1.0, 10.0), lambda _: by_scores(kl), single=True),
    "rehearsal, 5 %": Way("weight", (0.1, 1.0, 10.0), lambda _: _rehearse, rehearsed=0.05),
    "L2-SP": Way("weight", (0.001, 0.01, 0.1), lambda _: _near_start, single=True),
}


def halves(data: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Half of the classes for the old task, the other half's pictures for the new one.

    They are drawn anew for each seed.
    """
    classes = np.random.default_rng(seed).permutation(np.unique(data.labels))
    old = np.isin(data.labels, classes[: len(classes) // 2])
    return data.where(old), data.where(~old)


def teach(
    old: LabelledImages,
    epochs: int,
    rate: float,
    seed: int = 0,
    margin: float = 0.3,
    **given: Any,
) -> tuple[nn.Module, Tensor]:
    """Train on the fine classes with ArcFace.

    Args:
        margin: ArcFace's.
        given: more for `train_embedder`, such as device, mirror, width, model, name.

    Returns:
        The network, and its class centres float[classes, dim], in the classes' sorted order.
    """
    heads: list[Any] = []  # the loss after each epoch: a `Classification`
    net, _ = train_embedder(
        old.images,
        old.labels,
        epochs,
        seed,
        rate=rate,
        loss=partial(Classification, margin=arcface(margin)),
        watch=lambda _, head: heads.append(head),
        **given,
    )
    return net, heads[-1].centres.detach()


def learn(
    way: Way,
    strength: float,
    teacher: nn.Module,
    centres: Tensor,
    new: LabelledImages,
    old: LabelledImages,
    epochs: int,
    rate: float,
    seed: int = 0,
    **given: Any,
) -> Student:
    """Train a copy of the teacher on the coarse classes of the new pictures.

    Args:
        way, strength: of `WAYS`.
        teacher, centres: from `teach`.
        new: pictures with coarse classes.
        old: of the old task, of which only rehearsal uses any.
        given: more for `train_embedder`, such as device, mirror, name, watch.
    """
    student, classes = Student(teacher, centres, way.single, way.frozen), len(np.unique(new.coarse))
    images, labels = new.images, np.unique(new.coarse, return_inverse=True)[1]
    count = round(way.rehearsed * len(old.labels))
    kept = np.random.default_rng(seed).permutation(len(old.labels))[:count]
    if len(kept):
        fine = np.unique(old.labels, return_inverse=True)[1][kept]
        known, numbers = np.unique(fine, return_inverse=True)
        images = torch.cat([images, old.images[torch.from_numpy(kept)]])
        labels = np.concatenate([labels, classes + numbers])
        student.centres = student.centres[torch.from_numpy(known).to(student.centres.device)]
    keep: Keep = _nothing
    combine = weighted(0.0)
    if way.keep:
        keep, combine = way.keep(strength), way.combine(strength)
    margin = 0.3 if way.keep else strength
    train_embedder(
        images,
        labels,
        epochs,
        seed,
        rate=rate,
        loss=lambda dim, _: TwoTasks(dim, student, classes, keep, combine, margin),
        model=student,
        **given,
    )
    return student
