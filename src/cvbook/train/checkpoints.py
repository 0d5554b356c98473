"""Where an interrupted training goes on: weights, the optimiser's state and the log in one file."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from cvbook.files import replacing


def save(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    recipe: dict[str, Any],
    log: list[dict],
    following: int,
) -> None:
    """Write what `resume` reads; a run killed while it saves leaves the last good file.

    Args:
        recipe: how the model is trained, as plain values.
        following: number of the picture with which training is to go on.
    """
    content = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "next": following,
        "log": log,
        "recipe": recipe,
    }
    with replacing(path) as part, part.open("wb") as file:
        torch.save(content, file)


def resume(
    path: Path | None, model: nn.Module, optimiser: torch.optim.Optimizer, recipe: dict[str, Any]
) -> tuple[int, list[dict]]:
    """Take up where a file leaves off, if there is one.

    Returns:
        The number of the picture with which to go on, and the log so far.

    Raises:
        ValueError: the file is damaged, or was made with another recipe.
    """
    if path is None or not path.exists():
        return 0, []
    device = next(model.parameters()).device
    try:
        saved = torch.load(path, weights_only=True, map_location=device)
        made, following, log = saved["recipe"], saved["next"], saved["log"]
        if type(following) is not int or following < 0 or not isinstance(log, list):
            raise TypeError("it does not say where to go on")
        if made == recipe:
            model.load_state_dict(saved["model"])
            optimiser.load_state_dict(saved["optimiser"])
    except Exception as error:  # on a damaged file torch raises nearly anything
        raise ValueError(
            f"{path} is damaged, or no training's ({str(error)[:100] or type(error).__name__}): "
            "delete it to begin anew."
        ) from None
    if made != recipe:
        raise ValueError(f"{path} was made with another recipe; delete it or name another file.")
    return following, log
