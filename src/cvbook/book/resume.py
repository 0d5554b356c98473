"""Long runs that were interrupted go on where they stopped."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cvbook.files import replacing
from cvbook.machine import commit

PLAIN = (type(None), bool, int, float, str, bytes, torch.device, torch.dtype, np.generic)


def _parts(value: object) -> Iterator[bytes]:
    """All that a value holds, so that different values give different bytes."""
    yield f"<{type(value).__name__}>".encode()
    if isinstance(value, PLAIN):
        yield repr(value).encode(errors="backslashreplace")
    elif isinstance(value, Tensor):
        yield f"{value.dtype}{tuple(value.shape)}".encode()
        yield value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield from _parts(key)
            yield from _parts(value[key])
    elif isinstance(value, list | tuple | np.ndarray):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, nn.Module):
        own = {k: v for k, v in vars(value).items() if isinstance(v, PLAIN)}
        yield from _parts(own | dict(value.state_dict()))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _parts({field.name: getattr(value, field.name) for field in fields(value)})
    else:
        raise TypeError(f"A {type(value).__name__} cannot be told from another one.")
    yield b"</>"


def digest(value: object) -> str:
    """A hash of what a value holds, the same in each process.

    Args:
        value: numbers, text, arrays, tensors, networks, dataclasses, and lists and dictionaries of
            these.

    Raises:
        TypeError: it holds something else.
    """
    total = hashlib.sha256()
    for part in _parts(value):
        total.update(f"{len(part)}:".encode() + part)
    return total.hexdigest()


def kept(name: str, make: Callable[[], Any], on: object = None) -> Any:
    """What an earlier, interrupted run of this chapter has computed, or else `make()`.

    A result is kept in the run's folder, and is taken by the very same commit only, and only if it
    was computed on the same. None is kept while there are uncommitted changes, nor in the `ci`
    profile, which is there to compute. A file that was damaged is computed anew.

    Args:
        name: of the result, unique in the chapter.
        make: computes it: tensors, numbers, text, and lists and dictionaries of these.
        on: what it depends on besides the code: data, settings, a network to begin with; see
            `digest`.

    Raises:
        TypeError: `on` holds what cannot be compared.
    """
    folder, version = os.environ.get("CVBOOK_RUN_DIR"), commit()
    if (
        not folder
        or os.environ.get("CVBOOK_PROFILE") == "ci"
        or version == "unknown"
        or version.endswith("-dirty")
    ):
        return make()
    # The readable part may be the same for many names, or empty; the hash is not.
    readable = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    file = Path(folder) / "kept" / f"{readable}-{digest([name, on])[:16]}.pt"
    if file.exists():
        try:
            found = torch.load(file, weights_only=True)
            if found["commit"] == version:
                return found["result"]
        except Exception as error:  # on a damaged file torch raises nearly anything
            print(f"{file.name} is damaged ({type(error).__name__}): it is computed anew.")
    result = make()
    with replacing(file) as part, part.open("wb") as out:
        torch.save({"commit": version, "result": result}, out)
    return result
