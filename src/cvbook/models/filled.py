"""Fill a network with weights out of a file that may hold anything."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def filled(make: Callable[[], Network], state: Mapping[str, Tensor]) -> Network:
    """A network with the weights of a file.

    Names and sizes are compared on torch's "meta" device first, which takes no memory: a small file
    cannot ask for a large network.

    Args:
        make: builds the network.
        state: its weights by name.

    Raises:
        RuntimeError: names or sizes do not fit.
        ValueError: a weight is not finite.
    """
    with torch.device("meta"):
        make().load_state_dict(state, assign=True)
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    network = make()
    network.load_state_dict(state)
    return network
