"""Long runs that were interrupted go on where they stopped."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cvbook.files import replacing
from cvbook.machine import commit


def kept(name: str, make: Callable[[], Any]) -> Any:
    """What an earlier, interrupted run of this chapter has computed, or else `make()`.

    A result is kept in the run's folder, and is taken by the very same commit only. None is kept
    while there are uncommitted changes, nor in the `ci` profile, which is there to compute.

    Args:
        name: of the result, unique in the chapter.
        make: computes it: tensors, numbers, text, and lists and dictionaries of these.
    """
    folder, version = os.environ.get("CVBOOK_RUN_DIR"), commit()
    if (
        not folder
        or os.environ.get("CVBOOK_PROFILE") == "ci"
        or version == "unknown"
        or version.endswith("-dirty")
    ):
        return make()
    file = Path(folder) / "kept" / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.pt"
    if file.exists():
        found = torch.load(file, weights_only=True)
        if found["commit"] == version:
            return found["result"]
    result = make()
    with replacing(file) as part:
        torch.save({"commit": version, "result": result}, part)
    return result
