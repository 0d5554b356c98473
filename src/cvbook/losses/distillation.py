"""Keeping what an old network knew while a new task is learnt: what the student is asked to reproduce, and how two tasks share the gradient."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def bce(student: Tensor, teacher: Tensor) -> Tensor:
    """Binary cross-entropy of the student's class scores with the teacher's, less what the teacher's own uncertainty makes unavoidable.

    Each class is a question of its own, "is it this?", so the scores of a sigmoid are compared and need not sum to one. Zero means perfect.

    Args:
        student, teacher: float[B, classes], before the sigmoid.
    """
    target = teacher.detach().float().sigmoid()
    return F.binary_cross_entropy_with_logits(
        student.float(), target
    ) - F.binary_cross_entropy_with_logits(teacher.detach().float(), target)


def kl(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Divergence of the student's softmax from the teacher's, both softened, times the temperature's square (Hinton et al. 2015): float[B, classes] each.

    Learning without forgetting (Li and Hoiem 2016) is this loss on the pictures of the new task.
    """
    p, q = (
        F.log_softmax(teacher.detach().float() / temperature, 1),
        F.log_softmax(student.float() / temperature, 1),
    )
    return temperature**2 * F.kl_div(q, p, reduction="batchmean", log_target=True)


def features(student: Tensor, teacher: Tensor, kind: str = "cosine") -> Tensor:
    """Reproduce the teacher's embedding float[B, d]: 1 − cos, or with kind "mse" the mean squared difference."""
    student, teacher = student.float(), teacher.detach().float()
    return (
        F.mse_loss(student, teacher)
        if kind == "mse"
        else (1 - F.cosine_similarity(student, teacher)).mean()
    )


def l2_sp(model: nn.Module, start: dict[str, Tensor]) -> Tensor:
    """Half the squared distance of a network's parameters from where fine-tuning began (Li et al. 2018); parameters not in `start` are free."""
    return 0.5 * sum(
        (p - start[name]).square().sum() for name, p in model.named_parameters() if name in start
    )


def averaged(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """A copy of `new` whose floating point weights are (1 − share) · old + share · new (WiSE-FT, Wortsman et al. 2022)."""
    mixed, before = copy.deepcopy(new), old.state_dict()
    mixed.load_state_dict(
        {
            k: torch.lerp(before[k], v, share) if v.is_floating_point() else v
            for k, v in new.state_dict().items()
        }
    )
    return mixed


def balanced(losses: Sequence[Tensor], shares: Sequence[float], shared: Tensor) -> Tensor:
    """A sum of losses whose gradients at a shared tensor have norms in fixed proportion, whatever the losses' own sizes.

    The weights keep the sum of the gradients' norms. A loss without gradient there (already perfect) gets weight 0, and the rest theirs.

    Args:
        losses: scalars that depend on `shared`, the embedding both tasks see. shares: for instance (0.5, 0.5). shared: float[B, d], requires grad.
    """
    norms = torch.stack(
        [torch.autograd.grad(loss, shared, retain_graph=True)[0].norm() for loss in losses]
    )
    share = torch.tensor(shares, device=norms.device) * (norms > 0)
    weights = share / share.sum().clamp(min=1e-12) * norms.sum() / norms.clamp(min=1e-12)
    return sum(w * loss for w, loss in zip(weights, losses))


class GradNorm:
    """Weights of losses that learn to keep the gradients' norms level, faster tasks held back (after Chen et al. 2018).

    Args:
        count: of losses. alpha: how strongly a task that learns fast is held back. rate: step of the weights per call.
    """

    def __init__(self, count: int, alpha: float = 0.5, rate: float = 0.05):
        self.weights, self.alpha, self.rate = torch.ones(count), alpha, rate
        self.first: Tensor | None = None

    def __call__(self, losses: Sequence[Tensor], shared: Tensor) -> Tensor:
        """The weighted sum of the losses, as in `balanced`, after a step of the weights towards their goal."""
        norms = torch.stack(
            [torch.autograd.grad(loss, shared, retain_graph=True)[0].norm() for loss in losses]
        ).cpu()
        values = torch.stack([loss.detach() for loss in losses]).cpu().clamp(min=1e-8)
        self.first = values if self.first is None else self.first
        speed = values / self.first
        goal = (self.weights * norms).mean() * (speed / speed.mean()) ** self.alpha
        # In the logarithm, so that weights stay positive: up where the weighted norm is under its goal.
        step = torch.sign(goal - self.weights * norms)
        self.weights = self.weights * torch.exp(self.rate * step)
        self.weights = self.weights * len(self.weights) / self.weights.sum()
        return sum(w.item() * loss for w, loss in zip(self.weights, losses))
