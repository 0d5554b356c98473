"""Write under a temporary name, then rename: whoever looks sees the old file or the new one."""

import os
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
