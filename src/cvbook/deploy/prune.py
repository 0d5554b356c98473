"""Pruning: single weights become zero, by size or by movement, or whole channels go.

Every processor notices the latter.
"""

from collections.abc import Iterable
from itertools import count
from typing import Literal, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from cvbook.models.embedder import Embedder
from cvbook.models.recogniser import EncoderLayer, Residual

Layer: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Linear
ORIGINAL = "parametrizations.weight.original"  # where torch keeps what a mask stands before


def sparsity_at(step: int, steps: int, final: float) -> float:
    """Share of weights that are zero at a step: fast at first, then slower.

    It follows the cube of what is left (Zhu and Gupta 2017).

    Raises:
        ValueError: no step, or a share that is not at least 0 and below 1.
    """
    if steps < 1 or not 0 <= final < 1:
        raise ValueError(f"Need a step and a share from 0 to below 1; got {steps} and {final}.")
    return final * (1 - (1 - min(step / steps, 1.0)) ** 3)


class _Masked(torch.autograd.Function):
    """weight · mask. A masked weight does not learn.

    The score of *every* weight gets the gradient that the masked product got, times the weight.
    """

    @staticmethod
    def forward(ctx, weight: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(weight, mask)
        return weight * mask

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        weight, mask = ctx.saved_tensors
        return gradient * mask, gradient * weight, None


class _Mask(nn.Module):
    mask: Tensor

    def __init__(self, weight: Tensor):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros_like(weight))
        self.register_buffer("mask", torch.ones_like(weight))

    def forward(self, weight: Tensor) -> Tensor:
        return _Masked.apply(weight, self.scores, self.mask)


def weighty(model: nn.Module) -> list[Layer]:
    """Layers whose weights are worth pruning or quantising: convolutions and linear layers."""
    return [m for m in model.modules() if isinstance(m, Layer)]


class Pruner:
    """Masks over the weights of convolutions and linear layers.

    `prune` sets them anew while the network trains. "magnitude" drops the smallest weights of the
    whole network (Han et al. 2015). "movement" drops, in each layer, those that training moves
    towards zero (Sanh et al. 2020): each weight has a score that learns by gradient descent,
    S ← S − rate · ∂L/∂W′ · W.

    Args:
        model: changed in place.
        method: see above.
    """

    def __init__(self, model: nn.Module, method: Literal["magnitude", "movement"] = "magnitude"):
        if method not in ("magnitude", "movement"):
            raise ValueError(f"method is {method!r}; choose 'magnitude' or 'movement'.")
        self.layers, self.method = weighty(model), method
        self.handle: RemovableHandle | None = None
        if not self.layers:
            raise ValueError(
                f"{type(model).__name__} has no convolution and no linear layer: "
                "there is nothing to prune."
            )
        self.masks = [_Mask(layer.weight) for layer in self.layers]
        for layer, mask in zip(self.layers, self.masks, strict=True):
            mask.scores.requires_grad_(method == "movement")
            parametrize.register_parametrization(layer, "weight", mask)

    @torch.no_grad()
    def prune(self, share: float) -> None:
        """Set the masks so that a share of the weights is zero, 0 to 1; one may come back later."""
        if not 0 <= share < 1:
            raise ValueError(
                f"The share of weights to drop is {share}; it must be at least 0 and below 1."
            )
        if self.method == "movement":
            flat = [mask.scores.flatten() for mask in self.masks]
            pools = flat
        else:
            whole = [layer.get_parameter(ORIGINAL) for layer in self.layers]
            flat = [weight.abs().flatten() for weight in whole]
            pools = [torch.cat(flat)]
        kept = []
        for pool in pools:
            # So many, ties or not.
            least = pool.topk(round(share * len(pool)), largest=False).indices
            kept.append(torch.ones_like(pool).index_fill_(0, least, 0.0))
        parts = torch.cat(kept).split([len(values) for values in flat])
        for mask, part in zip(self.masks, parts, strict=True):
            mask.mask.copy_(part.view_as(mask.mask))

    def schedule(self, steps: int, share: float) -> None:
        """From now on prune before every training step, as `sparsity_at` says.

        In the first tenth nothing goes, so that scores can form. After so many steps a share is
        gone, and the masks stay.
        """
        done, first = count(1), steps // 10

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
    """Two layers that only share hidden channels.

    A channel that goes leaves rows of `first` and `norm`, and columns of `second`.
    """

    first: nn.Conv2d | nn.Linear
    norm: nn.BatchNorm2d | None
    second: nn.Conv2d | nn.Linear


def _couple(module: nn.Module, first: str, norm: str | None, second: str) -> Couple:
    """A couple by the names of its layers."""
    return Couple(
        cast(nn.Conv2d | nn.Linear, module.get_submodule(first)),
        cast(nn.BatchNorm2d, module.get_submodule(norm)) if norm else None,
        cast(nn.Conv2d | nn.Linear, module.get_submodule(second)),
    )


def couples(model: nn.Module) -> list[Couple]:
    """The couples of this book's networks.

    They are in an embedder's chain, inside of residual blocks, and in MLPs, timm's included.
    """
    found = []
    for module in model.modules():
        if isinstance(module, Embedder):
            blocks = [(f"body.{i}.0", f"body.{i}.1") for i in range(len(module.body))]
            seconds = [*(first for first, _ in blocks[1:]), "head"]
            for (first, norm), second in zip(blocks, seconds, strict=True):
                found.append(_couple(module, first, norm, second))
        elif isinstance(module, Residual):
            found.append(_couple(module, "first.0", "first.1", "second.0"))
        elif isinstance(module, EncoderLayer):
            found.append(_couple(module, "mlp.0", None, "mlp.2"))
        elif all(isinstance(getattr(module, name, None), nn.Linear) for name in ("fc1", "fc2")):
            found.append(_couple(module, "fc1", None, "fc2"))
    return found


def importance(couple: Couple, by: Literal["filters", "norms"] = "filters") -> Tensor:
    """How much each hidden channel matters, float32[C].

    It is the sum of its filter's absolute weights (Li et al. 2017), or batch norm's factor (Liu et
    al. 2017).
    """
    if by == "norms" and couple.norm is not None:
        return couple.norm.weight.detach().abs()
    return couple.first.weight.detach().abs().flatten(1).sum(1)


@torch.no_grad()
def remove_channels(couple: Couple, keep: Tensor) -> None:
    """Keep these hidden channels, int64[K], in the order given; the layers shrink in place."""

    def cut(module: nn.Module, name: str, dim: int) -> None:
        value = getattr(module, name, None)
        if isinstance(value, Tensor):
            part = value.index_select(dim, keep)
            if isinstance(value, nn.Parameter):
                part = nn.Parameter(part, value.requires_grad)
            setattr(module, name, part)

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
    """Drop a share of the hidden channels of every couple, the least important; at least one stays.

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
    # All of them before anything is cut, for a layer may be in two couples.
    ranks = [importance(couple, by) for couple in every]
    for couple, rank in zip(every, ranks, strict=True):
        count = max(1, round((1 - share) * len(rank)))
        remove_channels(couple, rank.topk(count).indices.sort().values)


@torch.no_grad()
def multiply_adds(model: nn.Module, *inputs: Tensor) -> tuple[int, int]:
    """Multiplications of convolutions and linear layers for one call.

    The products inside of attention, which have no weights, are not counted.

    Returns:
        All of them, and those with a weight that is not zero.
    """
    total, needed, handles = 0, 0, []

    def add(layer: Layer, _: Iterable[Tensor], output: Tensor) -> None:
        nonlocal total, needed
        weight = layer.weight
        places = output.numel() // weight.shape[0]  # every weight is used once at each of them
        total += places * weight.numel()
        needed += places * int(weight.count_nonzero())

    for layer in weighty(model):
        handles.append(layer.register_forward_hook(add))
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return total, needed
