"""Pages of PDF files, those on a disk rendered by a process apart.

A PDF is a program of sorts: a page of a few hundred bytes can keep its renderer busy for hours, or
take all memory. A thread that does so cannot be stopped. A process can.
"""

import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import numpy as np

from cvbook.confine import confine
from cvbook.images import ImageError

DPI = 200
SECONDS = 20.0  # for a page
Page = np.ndarray | ImageError  # uint8[H, W, 3], or why it cannot be had


def render(source: Path | io.BytesIO, name: str, limit: int) -> Iterator[Page]:
    """Pages at 200 dpi, or as fine as a limit of pixels allows, with what their forms hold.

    Raises:
        ImageError: it cannot be opened, or has no pages.
    """
    try:
        import pypdfium2
    except ImportError:
        raise ImageError("Reading PDF files needs pypdfium2: pip install pypdfium2.") from None
    try:
        document = pypdfium2.PdfDocument(source)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise ImageError(
            f"{name} cannot be opened as a PDF ({str(error).rstrip('.')}). It may be damaged; a "
            "password must be removed first."
        ) from None
    with document:
        if not len(document):
            raise ImageError(f"{name} has no pages.")
        document.init_forms()
        for number in range(len(document)):
            try:
                page = document[number]
                width, height = page.get_size()  # points of 1/72 inch
                # Counted before rendering: a page may be as large as a house.
                scale = min(DPI / 72, math.sqrt(0.99 * limit / max(width * height, 1)))
                bitmap = page.render(scale=scale, rev_byteorder=True).to_numpy()
                # A page is white paper: what alpha there may be has been used up.
                yield np.ascontiguousarray(bitmap[..., :3])
                page.close()
            except (pypdfium2.PdfiumError, ValueError, OverflowError, MemoryError) as error:
                yield ImageError(
                    f"{name}, page {number + 1}, cannot be read "
                    f"({str(error) or type(error).__name__}): the rest goes on."
                )


def render_apart(path: Path, limit: int, seconds: float = SECONDS) -> Iterator[Page]:
    """As `render`, in a process that is stopped if a page takes too long.

    Args:
        path: of the file, by which errors name it.
        limit: pixels of a page.
        seconds: for a page.

    Raises:
        ImageError: it cannot be opened, has no pages, or its renderer had to be stopped or crashed.
    """
    late = False

    def stop() -> None:
        nonlocal late
        late = True
        child.kill()

    with subprocess.Popen(
        # -P: what lies in the current folder may be a stranger's, and is not imported.
        [sys.executable, "-P", "-m", "cvbook.pdf", str(path), str(limit)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as child:
        assert child.stdout
        try:
            while True:
                watch = Timer(seconds, stop)
                watch.start()
                try:
                    said = child.stdout.readline()
                    about: dict = json.loads(said) if said.endswith(b"\n") else {}
                    h, w = about.get("size", (0, 0))
                    pixels = child.stdout.read(3 * h * w)
                finally:
                    watch.cancel()
                if not about or len(pixels) < 3 * h * w:
                    reason = f"takes over {seconds:g} seconds" if late else "crashed the renderer"
                    raise ImageError(
                        f"{path}: a page {reason}, and is left out with those after it."
                    )
                if "end" in about:
                    break
                if "size" in about:
                    yield np.frombuffer(bytearray(pixels), np.uint8).reshape(h, w, 3)
                elif about["last"]:
                    raise ImageError(about["error"])
                else:
                    yield ImageError(about["error"])
        finally:
            child.kill()


def _send(path: str, limit: str) -> None:
    """The process apart: each page as a line about it, and its pixels, on standard output."""
    confine()

    def tell(pixels: memoryview | bytes = b"", **about: object) -> None:
        sys.stdout.buffer.write(json.dumps(about).encode() + b"\n")
        sys.stdout.buffer.write(pixels)
        sys.stdout.buffer.flush()

    try:
        for page in render(Path(path), path, int(limit)):
            if isinstance(page, ImageError):
                tell(error=str(page), last=False)
            else:
                tell(page.data.cast("B"), size=page.shape[:2])
    except ImageError as error:
        tell(error=str(error), last=True)
    else:
        tell(end=True)


if __name__ == "__main__":
    _send(*sys.argv[1:])
