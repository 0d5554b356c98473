"""Whether the weights of a file, which may hold anything, are those of a network."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


def check_fit(make: Callable[[], nn.Module], state: Mapping[str, Tensor]) -> None:
    """Compare names and sizes on torch's "meta" device, which takes no memory.

    So a small file cannot ask for a large network.

    Args:
        make: builds the network.
        state: weights by name.

    Raises:
        RuntimeError: names or sizes do not fit.
        ValueError: a weight is not finite, or has more numbers than the file holds of it.
    """
    for name, value in state.items():
        # A view may repeat one number a billion times.
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError(f"{name} has more numbers than the file holds")
    with torch.device("meta"):
        make().load_state_dict(state, assign=True)
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} holds numbers that are not finite")
