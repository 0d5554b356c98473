"""How much of a network's gradients FP16 would round to zero."""

from typing import Any

from torch import Tensor, nn

SMALLEST = 2.0**-24  # of FP16's numbers; up to half of it is rounded to 0


class Underflow:
    """Counts the gradients that come back to a network's maps, all backward passes together.

    Meant for training in FP32, where the small ones are still there. The maps are the outputs of
    convolutions and linear layers; of each, every `every`-th value is counted.

    Attributes:
        seen: how many gradients other than 0.
        lost: how many of them FP16 would round to 0, for each factor on the loss.
    """

    def __init__(self, model: nn.Module, factors: tuple[float, ...] = (1.0,), every: int = 7):
        self.seen, self.lost, self.every = 0, dict.fromkeys(factors, 0), every
        for module in model.modules():
            if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
                module.register_forward_hook(self._watch)

    def _watch(self, module: nn.Module, arguments: Any, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(self._count)

    def _count(self, gradient: Tensor) -> None:
        sizes = gradient.detach().abs().flatten()[:: self.every]
        sizes = sizes[sizes > 0]
        self.seen += sizes.numel()
        for factor in self.lost:
            self.lost[factor] += int((sizes * factor <= SMALLEST / 2).sum())

    def share(self, factor: float = 1.0) -> float:
        """The lost among the gradients other than 0; 0 where none was seen."""
        return self.lost[factor] / max(1, self.seen)
