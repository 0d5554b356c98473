"""Write under a temporary name, then rename; keep to a folder what belongs in it; show any name.

Whoever looks at a file that is being written sees the old one or the new one.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path`, which takes its place when the block ends well.

    The name is new each time, so that two processes, or two threads, which write the same file do
    not write into each other's. If the block fails, `path` stays as it was and nothing is left.
    Folders above `path` are made if need be.

    Yields:
        A path that does not exist yet; its name ends in ".tmp".
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A long name keeps its beginning only: most file systems stop at 255 bytes.
    part = path.with_name(f".{path.name[:50]}-{os.getpid()}-{uuid4().hex[:8]}.tmp")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def inside(folder: Path | str, name: str) -> Path:
    """The path of a file that a list, such as an index or a table of annotations, names.

    Lists come from strangers, so a name counts only as what lies in the folder: no absolute path,
    no "..", and no symbolic link that leads out.

    Args:
        folder: where the list's files are.
        name: of a file, relative to the folder.

    Raises:
        ValueError: the path leaves the folder.
    """
    shown = repr(name)[:100]
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{shown} is not the name of a file in {folder}.")
    path = Path(folder) / name
    try:
        # An absolute name replaces the folder; the rest is for the file system to say.
        within = path.resolve().is_relative_to(Path(folder).resolve())
    except (OSError, RuntimeError) as error:  # a link to itself
        raise ValueError(f"{shown} leads nowhere in {folder} ({str(error)[:100]}).") from None
    if ".." in Path(name).parts or not within:
        raise ValueError(f"{shown} lies outside of {folder}: it is not opened.")
    return path


# Control characters, line ends, marks that turn the direction of writing, and bytes of a name that
# are no UTF-8.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(name: object) -> str:
    """A file's name as one line that any terminal and page can show, odd characters as escapes."""
    return UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], str(name))
