"""Low rank: a layer becomes two thin ones, by singular values."""

from typing import Any

import torch
from torch import Tensor, nn


def _plain(layer: nn.Module) -> bool:
    """Whether two thin layers can stand for it: nothing but its weights says what it does."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return type(layer) in (nn.Linear, nn.Conv2d) and not any(getattr(layer, h) for h in hooks)


def _matrix(layer: nn.Linear | nn.Conv2d) -> Tensor:
    """A layer's weights, out,in or out,in,h,w → out,in·h·w, in FP32 at least."""
    matrix = layer.weight.flatten(1)
    if not matrix.isfinite().all():
        raise ValueError("A weight of the layer is not finite.")
    return matrix.to(torch.promote_types(matrix.dtype, torch.float32))


@torch.no_grad()
def factorised(layer: nn.Linear | nn.Conv2d, rank: int) -> nn.Sequential:
    """Two layers whose product is the nearest matrix of a rank to the layer's.

    By Eckart and Young (1936). A linear layer becomes two; a convolution becomes one with `rank`
    filters of its size and a 1 × 1 convolution that mixes them (Zhang et al. 2016). Both are where
    the layer is, of its type, and learn where it does.

    Raises:
        ValueError: a grouped convolution, a layer that does more than its kind (hooks, masks, a
            class of its own), a weight that is not finite, or a rank that is not between 1 and the
            full one.
    """
    if isinstance(layer, nn.Conv2d) and layer.groups != 1:
        raise ValueError("A grouped convolution is thin already.")
    if not _plain(layer):
        raise ValueError(
            f"A {type(layer).__name__} with hooks or masks, or of a class of its own, is more than "
            "its weights: take those off first."
        )
    matrix = _matrix(layer)
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"The rank is {rank}; this layer's can be 1 to {min(matrix.shape)}.")
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    down, up = s[:rank].sqrt()[:, None] * v[:rank], u[:, :rank] * s[:rank].sqrt()
    out, bias = matrix.shape[0], layer.bias is not None
    first: nn.Linear | nn.Conv2d
    second: nn.Linear | nn.Conv2d
    if isinstance(layer, nn.Conv2d):
        # By their type these are tuples of any length, which by its type the constructor refuses.
        kept = ("kernel_size", "stride", "padding", "dilation", "padding_mode")
        shape: Any = {name: getattr(layer, name) for name in kept}
        first = nn.Conv2d(layer.in_channels, rank, bias=False, **shape)
        second = nn.Conv2d(rank, out, 1, bias=bias)
    else:
        first = nn.Linear(layer.in_features, rank, bias=False)
        second = nn.Linear(rank, out, bias=bias)
    first.weight.copy_(down.view_as(first.weight))
    second.weight.copy_(up.view_as(second.weight))
    if layer.bias is not None and second.bias is not None:
        second.bias.copy_(layer.bias)
    first.weight.requires_grad_(layer.weight.requires_grad)
    second.weight.requires_grad_(layer.weight.requires_grad)
    if layer.bias is not None and second.bias is not None:
        second.bias.requires_grad_(layer.bias.requires_grad)
    return nn.Sequential(first, second).to(layer.weight).train(layer.training)


@torch.no_grad()
def rank_for(layer: nn.Linear | nn.Conv2d, energy: float) -> int:
    """The smallest rank that keeps a share of the squared singular values, above 0 to 1."""
    squares = torch.linalg.svdvals(_matrix(layer)).square()
    lacking = squares.cumsum(0) < energy * squares.sum() * (1 - 1e-6)
    return min(int(lacking.sum()) + 1, len(squares))


def factorise(model: nn.Module, energy: float) -> int:
    """Replace in place what has fewer weights as two thin layers: linear layers and convolutions.

    What is more than a plain one (hooks, masks, a class of its own) stays; a layer that is used
    in several places stays one.

    Returns:
        How many were replaced.

    Raises:
        ValueError: the energy is not above 0 and at most 1, or a weight is not finite.
    """
    if not 0 < energy <= 1:
        raise ValueError(f"The energy to keep is {energy}; it must be above 0 and at most 1.")
    thin: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, layer in list(parent._modules.items()):
            if not isinstance(layer, nn.Linear | nn.Conv2d) or not _plain(layer):
                continue
            if getattr(layer, "groups", 1) != 1:
                continue
            if layer not in thin:
                rank = rank_for(layer, energy)
                if rank * sum(layer.weight.flatten(1).shape) >= layer.weight.numel():
                    continue
                thin[layer] = factorised(layer, rank)
            setattr(parent, name, thin[layer])
    return len(thin)
