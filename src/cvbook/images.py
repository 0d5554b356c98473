"""Read pictures as people have them.

They may be rotated by EXIF, have 16 bits or transparency, be grey, lie in PDF pages, or be broken.
"""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".pgm", ".ppm"}
# What is opened at all. Left to itself, Pillow asks forty decoders, and the one for PostScript
# starts Ghostscript on whatever bytes it is given.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
# About an A3 page at 800 dpi; a larger file is more likely a decompression bomb.
MAX_PIXELS = 120_000_000
PDF_DPI = 200


class ImageError(ValueError):
    """A picture that cannot be used, with one sentence that says why and what to do."""


class TooLarge(ImageError):
    """A picture with more pixels than are allowed."""


def to_rgb(picture: Image.Image) -> np.ndarray:
    """Any PIL picture as uint8[H, W, 3].

    It is turned upright, laid over white where it is transparent, and scaled by its own range to 8
    bits where it has more.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(picture, dtype=np.float64)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        grey = (values - low) / (high - low) * 255 if high > low else np.zeros_like(values)
        return np.repeat(np.nan_to_num(grey).astype(np.uint8)[..., None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        sheet = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(sheet, picture)
    return np.array(picture.convert("RGB"))


def load_image(path: str | Path) -> np.ndarray:
    """Read one picture file as uint8[H, W, 3], RGB.

    Raises:
        ImageError: the file is missing, a folder, empty, not a picture, truncated, or larger than
            120 megapixels.
    """
    path = Path(path)
    if not path.exists():
        raise ImageError(f"{path} does not exist: check the path.")
    if path.is_dir():
        raise ImageError(f"{path} is a folder: name a picture in it, or use load_folder.")
    if not path.stat().st_size:
        raise ImageError(f"{path} is empty (0 bytes): copy or download it again.")
    return _decoded(path, str(path), MAX_PIXELS)


def decode_image(data: bytes, limit: int = MAX_PIXELS) -> np.ndarray:
    """A picture file that lies in memory, such as an upload, as uint8[H, W, 3], RGB.

    Args:
        data: the file's bytes.
        limit: of pixels. They are counted before anything is unpacked, so a small file that would
            unpack to gigabytes costs nothing.

    Raises:
        ImageError: it is empty, not a picture, truncated or too large.
    """
    if not data:
        raise ImageError("The picture is empty (0 bytes): send its bytes as the body.")
    return _decoded(io.BytesIO(data), "The picture", limit)


def _decoded(source: Path | io.BytesIO, name: str, limit: int) -> np.ndarray:
    allowed = f"the limit of {limit / 1e6:.3g} million: scale it down."
    try:
        with Image.open(source, formats=FORMATS) as picture:
            if picture.width * picture.height > limit:
                size = f"{picture.width} × {picture.height}"
                raise TooLarge(f"{name} has {size} pixels, over {allowed}")
            return to_rgb(picture)
    except ImageError:
        raise
    except Image.DecompressionBombError:  # so large that PIL will not even open it
        raise TooLarge(f"{name} has far more pixels than {allowed}") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not a picture that can be read; PNG, JPEG, TIFF, WebP, BMP and GIF can."
        ) from None
    except Exception as error:  # on broken files the decoders raise nearly anything
        raise ImageError(f"{name} is damaged ({error}): copy or download it again.") from None


def data_uri(image: np.ndarray, side: int) -> str:
    """A thumbnail of uint8[H, W, 3] as text that an HTML page can show without another file.

    It is at most `side` pixels wide and high.
    """
    small, out = Image.fromarray(image), io.BytesIO()
    small.thumbnail((side, side))
    small.save(out, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def pdf_pages(path: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    """Render each page of a PDF at 200 dpi: (name with page number, uint8[H, W, 3]).

    Raises:
        ImageError: pypdfium2 is not installed, or the file is not a PDF that opens without a
            password.
    """
    try:
        import pypdfium2
    except ImportError:
        raise ImageError("Reading PDF files needs pypdfium2: pip install pypdfium2.") from None
    try:
        document = pypdfium2.PdfDocument(str(path))
    except pypdfium2.PdfiumError as error:
        raise ImageError(
            f"{path} cannot be opened as a PDF ({error}); a password must be removed first."
        ) from None
    with document:
        for number in range(len(document)):
            page = document[number].render(scale=PDF_DPI / 72)
            yield f"{path}, page {number + 1}", to_rgb(page.to_pil())


def load_any(path: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    """Pictures of a file, a PDF or a folder: (name, uint8[H, W, 3]).

    Of a folder those are its pictures and PDFs, sorted by name, but not its subfolders'.

    Raises:
        ImageError: as `load_image`; also for a folder without pictures.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES | {".pdf"})
        if not files:
            raise ImageError(
                f"{path} holds no pictures: put PNG, JPEG, TIFF, WebP or PDF files directly into "
                "it."
            )
        for file in files:
            yield from load_any(file)
    elif path.suffix.lower() == ".pdf" and path.exists() and path.stat().st_size:
        yield from pdf_pages(path)
    else:
        yield str(path), load_image(path)
