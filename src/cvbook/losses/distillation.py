"""Keeping what an old network knew while it learns a new task.

The losses say what the student is asked to reproduce; `balanced` and `GradNorm` say how two tasks
share the gradient. Student and teacher of two shapes, or an empty batch, are a ValueError.
"""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.losses.batch import check_alike

# A gradient this much smaller than the largest is no more than rounding: students that agree with
# their teacher but for the order of a sum had up to 1.5e-7.
NOISE = 3e-7
TINY = torch.finfo(torch.float32).tiny


def bce(student: Tensor, teacher: Tensor) -> Tensor:
    """Binary cross-entropy of the student's class scores with the teacher's, 0 where they agree.

    What the teacher's own uncertainty makes unavoidable is subtracted. Each class is a question of
    its own, "is it this?", so the scores of a sigmoid are compared and need not sum to one.

    Args:
        student, teacher: float[B, classes], before the sigmoid.
    """
    check_alike(student, teacher)
    teacher = teacher.detach().float()
    target = teacher.sigmoid()
    reached = F.binary_cross_entropy_with_logits(student.float(), target)
    return reached - F.binary_cross_entropy_with_logits(teacher, target)


def kl(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Divergence of the student's softmax from the teacher's, both softened by a temperature.

    It is multiplied by the temperature's square, as by Hinton et al. (2015). Learning without
    forgetting (Li and Hoiem 2016) is this loss on the pictures of the new task.

    Args:
        student, teacher: float[B, classes], before the softmax.
    """
    check_alike(student, teacher)
    p = F.log_softmax(teacher.detach().float() / temperature, 1)
    q = F.log_softmax(student.float() / temperature, 1)
    return temperature**2 * F.kl_div(q, p, reduction="batchmean", log_target=True)


def features(student: Tensor, teacher: Tensor, kind: str = "cosine") -> Tensor:
    """Reproduce the teacher's embedding float[B, d]: 1 − cos, or for "mse" the mean square.

    Raises:
        ValueError: another kind, two shapes, or no row.
    """
    check_alike(student, teacher)
    if kind not in ("cosine", "mse"):
        raise ValueError(f"kind is {kind!r}; choose 'cosine' or 'mse'.")
    student, teacher = student.float(), teacher.detach().float()
    if kind == "mse":
        return F.mse_loss(student, teacher)
    return (1 - F.cosine_similarity(student, teacher)).mean()


def l2_sp(model: nn.Module, start: dict[str, Tensor]) -> Tensor:
    """Half the squared distance of the parameters from where fine-tuning began (Li et al. 2018).

    Parameters that are not in `start` are free.

    Raises:
        ValueError: one had another shape.
    """
    moved = [(p, start[name]) for name, p in model.named_parameters() if name in start]
    if any(p.shape != p0.shape for p, p0 in moved):
        raise ValueError("A parameter had another shape at the start: nothing to measure.")
    return 0.5 * sum(((p - p0).square().sum() for p, p0 in moved), torch.zeros(()))


def averaged(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """A copy of `new` with weights between both (WiSE-FT, Wortsman et al. 2022).

    Those of floating point are (1 − share) · old + share · new.

    Raises:
        ValueError: the two networks' weights differ in names or shapes.
    """
    mixed, before, after = copy.deepcopy(new), old.state_dict(), new.state_dict()
    if {k: v.shape for k, v in before.items()} != {k: v.shape for k, v in after.items()}:
        raise ValueError("The networks differ in names or shapes of weights: nothing to average.")
    for name, value in after.items():
        if value.is_floating_point():
            after[name] = torch.lerp(before[name], value, share)
    mixed.load_state_dict(after)
    return mixed


def _gradient_norms(losses: Sequence[Tensor], shared: Tensor) -> Tensor:
    """Norm of each loss's gradient at a tensor that all of them see, float32[losses]."""
    grads = [torch.autograd.grad(loss, shared, retain_graph=True)[0] for loss in losses]
    return torch.stack([grad.float().norm() for grad in grads])


def balanced(losses: Sequence[Tensor], shares: Sequence[float], shared: Tensor) -> Tensor:
    """A sum of losses whose gradients at a shared tensor have norms in fixed proportion.

    The losses' own sizes do not matter. The weights keep the sum of the gradients' norms. A loss
    without gradient there (already perfect, but for rounding) gets weight 0, and the rest theirs.

    Args:
        losses: scalars that depend on `shared`.
        shares: one for each loss, for instance (0.5, 0.5).
        shared: float[B, d], the embedding that both tasks see; requires grad.

    Raises:
        ValueError: not a share for each loss, a negative one, or none above 0.
    """
    if len(shares) != len(losses) or not (min(shares) >= 0 and 0 < sum(shares) < math.inf):
        raise ValueError(f"{len(losses)} losses need as many shares from 0 up; got {shares}.")
    norms = _gradient_norms(losses, shared)
    share = torch.tensor(shares, device=norms.device) * (norms > NOISE * norms.max())
    weights = share / share.sum().clamp(min=TINY) * norms.sum() / norms.clamp(min=TINY)
    return sum(w * loss for w, loss in zip(weights, losses, strict=True))


class GradNorm:
    """Weights of losses that learn to keep the gradients' norms level (after Chen et al. 2018).

    Args:
        count: of losses.
        alpha: how strongly a task that learns fast is held back.
        rate: step of the weights per call.
    """

    def __init__(self, count: int, alpha: float = 0.5, rate: float = 0.05):
        self.weights, self.alpha, self.rate = torch.ones(count), alpha, rate
        self.first: Tensor | None = None

    def __call__(self, losses: Sequence[Tensor], shared: Tensor) -> Tensor:
        """The losses' weighted sum, as in `balanced`, after the weights took a step.

        Without finite losses and gradients they take none, so that they outlive one bad batch.

        Raises:
            ValueError: another number of losses.
        """
        if len(losses) != len(self.weights):
            raise ValueError(f"{len(self.weights)} losses have weights; got {len(losses)}.")
        norms = _gradient_norms(losses, shared).cpu()
        values = torch.stack([loss.detach() for loss in losses]).cpu().clamp(min=1e-8)
        if not (norms.isfinite().all() and values.isfinite().all()):
            return sum(w.item() * loss for w, loss in zip(self.weights, losses, strict=True))
        self.first = values if self.first is None else self.first
        speed = values / self.first
        goal = (self.weights * norms).mean() * (speed / speed.mean()) ** self.alpha
        # In the logarithm, so that weights stay positive: up where the weighted norm is too small.
        step = torch.sign(goal - self.weights * norms)
        self.weights = self.weights * torch.exp(self.rate * step)
        self.weights = self.weights * len(self.weights) / self.weights.sum()
        return sum(w.item() * loss for w, loss in zip(self.weights, losses, strict=True))
