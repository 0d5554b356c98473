"""Pages of documents: of PDF files, of TIFF files, of folders with all sorts of files."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cvbook.images import MAX_PIXELS, SUFFIXES, ImageError, TooLarge, check_file, head, pictures
from cvbook.pdf import Page, render, render_apart

TOGETHER = 4  # pages as large as one may be, which an upload may hold


def load_any(
    path: str | Path, failed: Callable[[ImageError], None] | None = None
) -> Iterator[tuple[str, np.ndarray]]:
    """Pictures of a file, a PDF or a folder: (name, uint8[H, W, 3]).

    Of a folder those are its pictures and PDFs, sorted by name, but not its subfolders'.

    Args:
        path: file or folder.
        failed: told of each file or page that cannot be read, so that the rest goes on.

    Raises:
        ImageError: a file or a page cannot be read, and nobody is told; a folder holds no pictures.
    """
    path = Path(path)
    for file in files_of(path)[0] if is_folder(path) else [path]:
        for name, page in pages(file):
            if not isinstance(page, ImageError):
                yield name, page
            elif failed is None:
                raise page
            else:
                failed(page)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; a name that no file system has is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def files_of(folder: Path) -> tuple[list[Path], list[Path]]:
    """A folder's pictures and PDFs, and all else in it that is not hidden, each sorted by name.

    Raises:
        ImageError: it holds no pictures, or may not be looked into.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.name[:1] != ".")
        wanted = [p for p in files if p.suffix.lower() in SUFFIXES | {".pdf"} and p.is_file()]
    except OSError as error:
        raise ImageError(f"{folder} cannot be opened: {error.strerror or error}.") from None
    if not wanted:
        raise ImageError(
            f"{folder} holds no pictures: put PNG, JPEG, TIFF, WebP or PDF files directly into it."
        )
    return wanted, [p for p in files if p not in set(wanted)]


def pages(
    source: Path | io.BytesIO, limit: int = MAX_PIXELS, most: int | None = None
) -> Iterator[tuple[str, Page]]:
    """All pages of a picture or a PDF: (name, with a page's number from the second on, page).

    Where a page is damaged the others of a PDF go on; other files end there.

    Args:
        source: a file, or its bytes.
        limit: pixels of one page; where `most` is given, all pages together may have `TOGETHER`
            times as many.
        most: pages that a document may have; None for any number.
    """
    name = str(source) if isinstance(source, Path) else "The upload"
    many = TooLarge(f"{name} has more than {most} pages: send fewer at a time.")
    left, number = TOGETHER * limit, 0
    try:
        if isinstance(source, Path):
            check_file(source)
        is_pdf = b"%PDF-" in head(source)
        for number, page in enumerate(
            _pdf_pages(source, name, limit) if is_pdf else pictures(source, name, limit), 1
        ):
            if most is not None and number > most:
                raise many
            if most is not None and not isinstance(page, ImageError):
                left -= page.shape[0] * page.shape[1]
                if left < 0:
                    allowed = f"{TOGETHER * limit / 1e6:.3g} million pixels together"
                    raise TooLarge(f"{name} has pages of over {allowed}: send fewer at a time.")
            yield (f"{name}, page {number}" if is_pdf or number > 1 else name), page
    except ImageError as error:
        yield (f"{name}, page {number + 1}" if number else name), error


def _pdf_pages(source: Path | io.BytesIO, name: str, limit: int) -> Iterator[Page]:
    if isinstance(source, Path):
        return render_apart(source, limit)
    return render(source, name, limit)  # uploads are in a process apart already
