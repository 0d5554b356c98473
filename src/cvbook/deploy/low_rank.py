"""Low rank: a layer becomes two thin ones, by singular values."""

from typing import Any

import torch
from torch import nn


@torch.no_grad()
def factorised(layer: nn.Linear | nn.Conv2d, rank: int) -> nn.Sequential:
    """Two layers whose product is the nearest matrix of a rank to the layer's.

    By Eckart and Young (1936). A linear layer becomes two; a convolution becomes one with `rank`
    filters of its size and a 1 × 1 convolution that mixes them (Zhang et al. 2016).

    Raises:
        ValueError: a grouped convolution, or a rank that is not between 1 and the full one.
    """
    if isinstance(layer, nn.Conv2d) and layer.groups != 1:
        raise ValueError("A grouped convolution is thin already.")
    matrix = layer.weight.flatten(1)  # out,in or out,in,h,w → out,in·h·w
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"The rank is {rank}; this layer's can be 1 to {min(matrix.shape)}.")
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    down, up = s[:rank].sqrt()[:, None] * v[:rank], u[:, :rank] * s[:rank].sqrt()
    out, bias = matrix.shape[0], layer.bias is not None
    first: nn.Linear | nn.Conv2d
    second: nn.Linear | nn.Conv2d
    if isinstance(layer, nn.Conv2d):
        # By their type these are tuples of any length, which by its type the constructor refuses.
        kept = ("kernel_size", "stride", "padding", "dilation")
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
    return nn.Sequential(first, second).to(layer.weight)


@torch.no_grad()
def rank_for(layer: nn.Linear | nn.Conv2d, energy: float) -> int:
    """The smallest rank that keeps a share of the squared singular values, above 0 to 1."""
    squares = torch.linalg.svdvals(layer.weight.flatten(1)).square()
    lacking = squares.cumsum(0) < energy * squares.sum() * (1 - 1e-6)
    return min(int(lacking.sum()) + 1, len(squares))


def factorise(model: nn.Module, energy: float) -> int:
    """Replace in place what has fewer weights as two thin layers: linear layers and convolutions.

    Returns:
        How many were replaced.

    Raises:
        ValueError: the energy is not above 0 and at most 1.
    """
    if not 0 < energy <= 1:
        raise ValueError(f"The energy to keep is {energy}; it must be above 0 and at most 1.")
    replaced = 0
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if not isinstance(layer, nn.Linear | nn.Conv2d) or getattr(layer, "groups", 1) != 1:
                continue
            rank = rank_for(layer, energy)
            if rank * sum(layer.weight.flatten(1).shape) < layer.weight.numel():
                setattr(parent, name, factorised(layer, rank))
                replaced += 1
    return replaced
