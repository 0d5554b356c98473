"""Networks with the channels innermost, the order of numbers in which convolutions are fastest."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(model: Network, device: str | None = None) -> Network:
    """Move a network's weights to a device (None: where they are), channels innermost, in place.

    On a CPU a training step of MiVOLO takes a quarter less time so than in the usual order.
    """
    # Documented by torch, and missing from its types.
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
