"""The one file of a search index: names of pictures, what each held, and their vectors.

It is read as a stranger's: nothing in it is run, no more memory is taken than the file is large,
and whatever does not fit together is one sentence.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cvbook.files import replacing
from cvbook.images import SUFFIXES, ImageError

FILE = "index.safetensors"
MOST = 2048  # pixels of a square's side
AGAIN = "run `cvbook search build` again, which makes it anew"


def pictures(folder: Path, trouble: dict[str, str]) -> list[str]:
    """Names of all pictures under a folder, sorted; links to folders are not followed.

    Args:
        folder: of the pictures.
        trouble: gets the names of subfolders that cannot be looked into, and why.
    """

    def note(error: OSError) -> None:
        name = os.path.relpath(error.filename, folder)
        trouble[name] = f"{error.filename} cannot be looked into ({error.strerror})."

    found = [
        (Path(root) / name).relative_to(folder)
        for root, _, names in os.walk(folder, onerror=note)
        for name in names
    ]
    return [path.as_posix() for path in sorted(found) if path.suffix.lower() in SUFFIXES]


def digest(path: Path) -> bytes:
    """SHA-256 of a file; raises ImageError if it is none, OSError if it cannot be read."""
    if not path.is_file():
        raise ImageError(f"{path} does not exist, or is no file: check the path.")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@dataclass(frozen=True)
class Stored:
    """What an index holds; n pictures, each with a vector of d numbers.

    Attributes:
        about: "folder" of the pictures, absolute; "model", the network's name; "side" of the
            squares in pixels; "files", n names relative to the folder.
        stamps: int64[n, 2], size in bytes and time of the last change in nanoseconds.
        digests: uint8[n, 32], SHA-256 of the files.
        vectors: float32[n, d], of length 1.
        probe: float32[d], what the network says of one picture that is the same everywhere.
    """

    about: dict
    stamps: np.ndarray
    digests: np.ndarray
    vectors: np.ndarray
    probe: np.ndarray

    def check(self) -> None:
        """Raise ValueError, TypeError or KeyError if something is not as described."""
        about, n = self.about, len(self.vectors)
        texts = [about["folder"], about["model"], *about["files"]]
        if type(about["files"]) is not list or not all(isinstance(text, str) for text in texts):
            raise ValueError("names are no text")
        if type(about["side"]) is not int or not 1 <= about["side"] <= MOST:
            raise ValueError(f"the side of its squares is not between 1 and {MOST} pixels")
        if not n or n != len(about["files"]):
            raise ValueError(f"{len(about['files'])} names for {n} vectors")
        wanted = {
            "stamps": (np.int64, (n, 2)),
            "digests": (np.uint8, (n, 32)),
            "vectors": (np.float32, (n, *self.probe.shape)),
            "probe": (np.float32, (self.vectors.shape[-1],)),
        }
        for name, (kind, shape) in wanted.items():
            array = getattr(self, name)
            if array.dtype != kind or array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{name} are not {np.dtype(kind)} of shape {shape}, and finite")


def write(folder: Path, stored: Stored) -> None:
    """Write an index, whole or not at all; raises OSError where that fails."""
    # Escapes of ASCII hold any name that a file can have, also one that is not UTF-8.
    about = np.frombuffer(json.dumps(stored.about).encode("ascii"), np.uint8)
    arrays = {k: np.ascontiguousarray(v) for k, v in vars(stored).items() if k != "about"}
    with replacing(folder / FILE) as part:
        try:
            save_file({"about": about, **arrays}, part)
        except SafetensorError as error:
            raise OSError(f"{folder / FILE} could not be written: {error}.") from None


def read(folder: Path) -> Stored:
    """The index in a folder.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not an index: make one with `cvbook search build FOLDER`."
        )
    try:
        arrays = load_file(path)
        about = json.loads(arrays.pop("about").tobytes())
        stored = Stored(about, **arrays)
        stored.check()
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({str(error)[:100]}): {AGAIN}.") from None
    except RecursionError:
        raise ValueError(f"{path} is damaged (lists within lists): {AGAIN}.") from None
    return stored
