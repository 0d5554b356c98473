"""Pruning: single weights become zero, by size or by movement, or whole channels go, which every processor notices."""

import itertools
from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from cvbook.models.embedder import Embedder
from cvbook.models.recogniser import EncoderLayer, Residual


def sparsity_at(step: int, steps: int, final: float) -> float:
    """Share of weights that are zero at a step: fast at first, then slower, as the cube of what is left (Zhu and Gupta 2017)."""
    return final * (1 - (1 - min(step / steps, 1.0)) ** 3)


class _Masked(torch.autograd.Function):
    """weight · mask. A masked weight does not learn; the score of *every* weight gets the gradient that the masked product got, times the weight."""

    @staticmethod
    def forward(ctx, weight: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(weight, mask)
        return weight * mask

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        weight, mask = ctx.saved_tensors
        return gradient * mask, gradient * weight, None


class _Mask(nn.Module):
    def __init__(self, weight: Tensor):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros_like(weight))
        self.register_buffer("mask", torch.ones_like(weight))

    def forward(self, weight: Tensor) -> Tensor:
        return _Masked.apply(weight, self.scores, self.mask)


def weighty(model: nn.Module) -> list[nn.Module]:
    """Layers whose weights are worth pruning or quantising: convolutions and linear layers."""
    return [m for m in model.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear)]


class Pruner:
    """Masks over the weights of convolutions and linear layers, set anew by `prune` while the network trains.

    "magnitude" drops the smallest weights of the whole network (Han et al. 2015). "movement" drops, in each layer, those that training moves towards
    zero (Sanh et al. 2020): each weight has a score that learns by gradient descent, S ← S − rate · ∂L/∂W′ · W.

    Args:
        model: changed in place. method: see above.
    """

    def __init__(self, model: nn.Module, method: Literal["magnitude", "movement"] = "magnitude"):
        if method not in ("magnitude", "movement"):
            raise ValueError(f"method is {method!r}; choose 'magnitude' or 'movement'.")
        self.layers, self.method, self.handle = weighty(model), method, None
        if not self.layers:
            raise ValueError(
                f"{type(model).__name__} has no convolution and no linear layer: there is nothing to prune."
            )
        self.masks = [_Mask(layer.weight) for layer in self.layers]
        for layer, mask in zip(self.layers, self.masks):
            mask.scores.requires_grad_(method == "movement")
            parametrize.register_parametrization(layer, "weight", mask)

    @torch.no_grad()
    def prune(self, share: float) -> None:
        """Set the masks so that a share of the weights is zero, 0 to 1. A weight may come back later."""
        if not 0 <= share < 1:
            raise ValueError(
                f"The share of weights to drop is {share}; it must be at least 0 and below 1."
            )
        values = [
            m.scores if self.method == "movement" else layer.parametrizations.weight.original.abs()
            for m, layer in zip(self.masks, self.layers)
        ]
        flat = [v.flatten() for v in values]
        pools = flat if self.method == "movement" else [torch.cat(flat)]
        kept = torch.cat(
            [
                torch.ones_like(p).index_fill_(
                    0, p.topk(round(share * len(p)), largest=False).indices, 0.0
                )
                for p in pools
            ]
        )  # so many, ties or not
        for mask, part in zip(self.masks, kept.split([len(v) for v in flat])):
            mask.mask.copy_(part.view_as(mask.mask))

    def schedule(self, steps: int, share: float) -> None:
        """From now on prune before every training step, as `sparsity_at` says, until a share is gone after so many steps; then the masks stay.

        In the first tenth nothing goes, so that scores can form.
        """
        done, first = itertools.count(1), steps // 10

        def before(layer: nn.Module, _: tuple[Tensor, ...]) -> None:
            if layer.training and (step := next(done)) <= steps:
                self.prune(sparsity_at(max(step - first, 0), steps - first, share))

        self.handle = self.layers[0].register_forward_pre_hook(before)

    def finish(self) -> None:
        """Make the zeros part of the weights, and drop masks, scores and schedule."""
        if self.handle:
            self.handle.remove()
        for layer in self.layers:
            parametrize.remove_parametrizations(layer, "weight")


class Couple(NamedTuple):
    """Two layers that only share hidden channels: a channel that goes leaves rows of `first` and `norm`, and columns of `second`."""

    first: nn.Conv2d | nn.Linear
    norm: nn.BatchNorm2d | None
    second: nn.Conv2d | nn.Linear


def couples(model: nn.Module) -> list[Couple]:
    """The couples of this book's networks: an embedder's chain, the inside of residual blocks, and the hidden layers of MLPs, timm's included."""
    found = []
    for module in model.modules():
        if isinstance(module, Embedder):
            layers = [*((block[0], block[1]) for block in module.body), (module.head, None)]
            found += [Couple(*one, other[0]) for one, other in zip(layers, layers[1:])]
        elif isinstance(module, Residual):
            found.append(Couple(module.first[0], module.first[1], module.second[0]))
        elif isinstance(module, EncoderLayer):
            found.append(Couple(module.mlp[0], None, module.mlp[2]))
        elif isinstance(getattr(module, "fc1", None), nn.Linear) and isinstance(
            getattr(module, "fc2", None), nn.Linear
        ):
            found.append(Couple(module.fc1, None, module.fc2))
    return found


def importance(couple: Couple, by: Literal["filters", "norms"] = "filters") -> Tensor:
    """How much each hidden channel matters, float32[C]: the sum of its filter's absolute weights (Li et al. 2017), or batch norm's factor (Liu et al. 2017)."""
    if by == "norms" and couple.norm is not None:
        return couple.norm.weight.detach().abs()
    return couple.first.weight.detach().abs().flatten(1).sum(1)


@torch.no_grad()
def remove_channels(couple: Couple, keep: Tensor) -> None:
    """Keep these hidden channels, int64[K], in the order given; the layers become smaller in place."""

    def cut(module: nn.Module, name: str, dim: int) -> None:
        value = getattr(module, name, None)
        if isinstance(value, Tensor):
            part = value.index_select(dim, keep)
            setattr(
                module,
                name,
                nn.Parameter(part, value.requires_grad)
                if isinstance(value, nn.Parameter)
                else part,
            )

    first, norm, second = couple
    for name in ("weight", "bias"):
        cut(first, name, 0)
    if norm is not None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            cut(norm, name, 0)
        norm.num_features = len(keep)
    cut(second, "weight", 1)
    for module, attribute in ((first, "out"), (second, "in")):
        kind = "channels" if isinstance(module, nn.Conv2d) else "features"
        setattr(module, f"{attribute}_{kind}", len(keep))


def narrow(model: nn.Module, share: float, by: Literal["filters", "norms"] = "filters") -> None:
    """Drop a share of the hidden channels of every couple, the least important ones; at least one stays.

    Raises:
        ValueError: the network has no couples, or a share outside of 0 to 1.
    """
    if not 0 <= share < 1:
        raise ValueError(
            f"The share of channels to drop is {share}; it must be at least 0 and below 1."
        )
    every = couples(model)
    if not every:
        raise ValueError(
            f"{type(model).__name__} has no hidden channels that this book knows how to remove."
        )
    ranks = [
        importance(couple, by) for couple in every
    ]  # all of them before anything is cut, for a layer may be in two couples
    for couple, rank in zip(every, ranks):
        count = max(1, round((1 - share) * len(rank)))
        remove_channels(couple, rank.topk(count).indices.sort().values)


@torch.no_grad()
def multiply_adds(model: nn.Module, *inputs: Tensor) -> tuple[int, int]:
    """Multiplications of convolutions and linear layers for one call: all of them, and those with a weight that is not zero.

    The products inside of attention, which have no weights, are not counted.
    """
    total, needed, handles = 0, 0, []

    def count(layer: nn.Module, _: Iterable[Tensor], output: Tensor) -> None:
        nonlocal total, needed
        weight = layer.weight
        places = output.numel() // weight.shape[0]  # every weight is used once at each of them
        total += places * weight.numel()
        needed += places * int(weight.count_nonzero())

    for layer in weighty(model):
        handles.append(layer.register_forward_hook(count))
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return total, needed
