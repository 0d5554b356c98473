"""A student that learns a new task while it listens to its old self."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.losses.margins import Classification, arcface, unit

SCALE = 16.0  # of cosines before a softmax or a sigmoid, as in training the teacher


class Student(nn.Module):
    """A copy of a network with a branch for the new task, and one that answers as before.

    Both branches are linear layers on the same features and start as the teacher's. The teacher is
    kept inside, frozen, for training alone.

    Args:
        teacher: a network with `features` and a linear `head`, whose `raw` is both together.
        centres: float[old classes, dim], of the teacher's classes.
        single: both tasks use one branch.
        frozen: the features stay as they were, and only branches learn.
    """

    net: Any  # as the teacher
    teacher: Any
    centres: Tensor
    shared: Tensor  # float[B, features]: where both tasks meet, and `balanced` measures

    def __init__(
        self, teacher: nn.Module, centres: Tensor, single: bool = False, frozen: bool = False
    ):
        super().__init__()
        self.net = copy.deepcopy(teacher)
        self.teacher = copy.deepcopy(teacher).requires_grad_(False)
        self.old = self.net.head if single else copy.deepcopy(teacher.get_submodule("head"))
        self.single, self.frozen = single, frozen
        self.register_buffer("centres", unit(centres.detach()))
        if frozen:
            self.net.requires_grad_(False)
            self.net.head.requires_grad_(True)

    def train(self, mode: bool = True) -> "Student":
        """As usual, but batch norm of what is frozen keeps its statistics."""
        super().train(mode)
        self.teacher.eval()
        self.net.train(mode and not self.frozen)
        return self

    def raw(self, x: Tensor) -> Tensor:
        """What `TwoTasks` takes: new branch, old branch, and what the teacher says.

        float32[B, C, H, W] in 0–1 → float32[B, 3 · dim].
        """
        self.shared = self.net.features(x)
        with torch.no_grad():
            told = self.teacher.raw(x)
        return torch.cat([self.net.head(self.shared), self.old(self.shared), told], 1)

    def scores(self, z: Tensor) -> Tensor:
        """Cosines of embeddings float[B, dim] with the teacher's centres: float[B, old classes]."""
        return unit(z) @ self.centres.T

    def forward(self, x: Tensor) -> Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, 2 · dim] of length 1, new branch and old.

        Both have equal weight. A single branch gives [B, dim].
        """
        shared = self.net.features(x)
        new = F.normalize(self.net.head(shared))
        return new if self.single else torch.cat([new, F.normalize(self.old(shared))], 1) / 2**0.5


# From the student, its old branch, the teacher's answer, and the old class or a negative number.
Keep = Callable[[Student, Tensor, Tensor, Tensor], Tensor]
# From the two losses and the features that both depend on.
Combine = Callable[[Sequence[Tensor], Tensor], Tensor]


class TwoTasks(nn.Module):
    """ArcFace of the new branch, and what keeps the old one.

    Args:
        dim: of the embeddings.
        student: whose `raw` this takes.
        new: classes of the new task; larger class numbers are old classes, on pictures kept from
            then.
        keep: loss of the old branch.
        combine: what makes one loss of two.
        margin: ArcFace's.
    """

    def __init__(
        self,
        dim: int,
        student: Student,
        new: int,
        keep: Keep,
        combine: Combine,
        margin: float = 0.3,
    ):
        super().__init__()
        self.learn = Classification(dim, new, arcface(margin), SCALE)
        self.count, self.keep, self.combine = new, keep, combine
        self.student = [student]  # in a list, so that its parameters are not this module's too

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Mean loss of `Student.raw` float[B, 3 · dim] with classes int64[B], in FP32."""
        (student,) = self.student
        with torch.autocast(z.device.type, enabled=False):
            new, old, told = z.float().chunk(3, 1)
            fresh = y < self.count
            learnt = self.learn(new[fresh], y[fresh]) if fresh.any() else 0 * new.sum()
            kept = self.keep(student, old, told, y - self.count)
            return self.combine([learnt, kept], student.shared)
