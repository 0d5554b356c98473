"""Numbers of eight bits: scales and zero points, and training that knows it will be rounded."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from cvbook.deploy.prune import weighty


class Grid(NamedTuple):
    """Evenly spaced numbers scale · (q − zero), q an integer from low to high.

    Attributes:
        scale, zero: float32[] or [C, 1, ...]; zero holds integers.
        low, high: of q.
    """

    scale: Tensor
    zero: Tensor
    low: int
    high: int


def grid_of(low: Tensor, high: Tensor, symmetric: bool, bits: int = 8) -> Grid:
    """The grid that covers a range, widened to hold zero, which padding and ReLU need exactly.

    Args:
        low, high: of the values, float32 of any shape.
        symmetric: zero in the middle and −127 to 127, as is usual for weights; otherwise 0 to 255.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    if symmetric:
        top = 2 ** (bits - 1) - 1
        scale = torch.maximum(-low, high).clamp(min=1e-12) / top
        return Grid(scale, torch.zeros_like(scale), -top, top)
    top = 2**bits - 1
    scale = (high - low).clamp(min=1e-12) / top
    return Grid(scale, torch.round(-low / scale).clamp(0, top), 0, top)


class _Rounded(torch.autograd.Function):
    """Values moved to the grid.

    Rounding has no useful slope, so the gradient passes as if it were not there, except where
    values were cut off.
    """

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, zero: Tensor, low: int, high: int) -> Tensor:
        q = torch.round(x / scale) + zero
        ctx.save_for_backward((q >= low) & (q <= high))
        return (q.clamp(low, high) - zero) * scale

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        return gradient * ctx.saved_tensors[0], None, None, None, None


def rounded(x: Tensor, grid: Grid) -> Tensor:
    """float32 of x's shape, every value the nearest of the grid.

    The gradient is the straight-through one (Bengio et al. 2013).
    """
    return _Rounded.apply(x, *grid)


class _RoundedWeight(nn.Module):
    """A grid for each output channel, after its largest absolute weight."""

    def forward(self, weight: Tensor) -> Tensor:
        largest = weight.detach().abs().flatten(1).amax(1).view(-1, *[1] * (weight.ndim - 1))
        return rounded(weight, grid_of(-largest, largest, True))


class _RoundedInput(nn.Module):
    """One grid for a layer's input, after a moving average of the smallest and largest values."""

    range: Tensor

    def __init__(self, momentum: float):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("range", torch.full((2,), torch.nan))

    def forward(self, layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (x,) = inputs
        if self.training:
            now = torch.stack(torch.aminmax(x.detach()))
            moved = self.range + self.momentum * (now - self.range)
            self.range.copy_(torch.where(self.range.isnan(), now, moved))
        low, high = self.range
        return (rounded(x, grid_of(low, high, False)),) if self.range.isfinite().all() else inputs


class RoundedTraining:
    """Training that knows it will be rounded (Jacob et al. 2018).

    Weights and inputs of convolutions and linear layers pass through 8-bit grids.

    Args:
        model: changed in place; trains as before.
        momentum: of the inputs' ranges.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.05):
        self.layers = weighty(model)
        self.handles: list[RemovableHandle] = []
        for layer in self.layers:
            parametrize.register_parametrization(layer, "weight", _RoundedWeight())
            layer.rounded_input = _RoundedInput(momentum)
            self.handles.append(layer.register_forward_pre_hook(layer.rounded_input))

    def finish(self) -> None:
        """Take the grids away; the weights stay in FP32, to be quantised like any others."""
        for layer, handle in zip(self.layers, self.handles, strict=True):
            handle.remove()
            del layer.rounded_input
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
