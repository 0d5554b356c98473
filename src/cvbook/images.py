"""Read pictures as people have them.

They may be rotated by EXIF, have 16 bits or transparency, be grey, or be broken.
"""

import base64
import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".pgm", ".ppm"}
# What is opened at all. Left to itself, Pillow asks forty decoders, and the one for PostScript
# starts Ghostscript on whatever bytes it is given.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
# About an A3 page at 800 dpi; a larger file is more likely a decompression bomb.
MAX_PIXELS = 120_000_000
SUBFILE, REDUCED = 254, 1  # a tag of TIFF, and its bit for a thumbnail of another page
ORIENTATION = 274  # a tag of EXIF; from 5 on, width and height change places
# What files that are no pictures begin with, and what to do about them.
_OTHERS = (
    (b"%PDF", "a PDF, not a picture that can be read here: save the page you mean as PNG."),
    (b"%!PS", "PostScript (EPS)"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
)
_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}


class ImageError(ValueError):
    """A picture that cannot be used, with one sentence that says why and what to do."""


class TooLarge(ImageError):
    """A picture with more pixels than are allowed."""


def _grey(values: np.ndarray) -> np.ndarray:
    """Values float[H, W] of any range as uint8[H, W], scaled by their own.

    What is not finite takes no part in the range, nor do a few pixels that lie far from all others:
    one hot pixel of a camera would leave the rest black.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.zeros(values.shape, np.uint8)
    spare = min(8 + int(2e-5 * len(finite)), len(finite) // 50)
    places = np.array([0, spare, -1 - spare, -1]) % len(finite)
    low, inner_low, inner_high, high = np.partition(finite, places)[places].tolist()
    # Far: the few take up more of the range than all others.
    if 0 < inner_high - inner_low < high - inner_high:
        high = inner_high
    if 0 < inner_high - inner_low < inner_low - low:
        low = inner_low
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low).clip(low, high)
    return (255 * ((values - low) / (high - low))).astype(np.uint8)


def _ground(picture: Image.Image) -> str:
    """The colour to lay a transparent picture RGBA over: white, or black under white drawings."""
    small = np.asarray(picture.resize([min(512, side) for side in picture.size], 0), np.float32)
    alpha, light = small[..., 3], small[..., :3].mean(2)
    if not alpha.any() or alpha.min() == 255:
        return "white"
    return "black" if np.average(light, weights=alpha) > 255 - 64 else "white"


def _squared(image: np.ndarray, dots: object) -> np.ndarray:
    """A picture whose pixels are not square, such as a fax, stretched where it has fewer."""
    try:
        across, down = (float(n) for n in dots)  # type: ignore[attr-defined]
        ratio = across / down
    except (TypeError, ValueError, ZeroDivisionError):
        return image
    h, w = image.shape[:2]
    if not 1.2 < max(ratio, 1 / ratio if ratio > 0 else 0) < 4:  # nan too
        return image
    size = (w, round(h * ratio)) if ratio > 1 else (round(w / ratio), h)
    if math.prod(size) > MAX_PIXELS:
        return image
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def to_rgb(picture: Image.Image) -> np.ndarray:
    """Any PIL picture as uint8[H, W, 3].

    It is turned upright, and given square pixels where it says that it has others. Where it is
    transparent it is laid over white, or over black if what it shows is white itself. Where it has
    more than 8 bits it is scaled by its own range.
    """
    dots = picture.info.get("dpi") if picture.format in ("TIFF", "PNG", "JPEG") else None
    with contextlib.suppress(Exception):
        if dots and picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
            dots = dots[::-1]
    picture.load()  # what is wrong with its pixels is told
    with contextlib.suppress(Exception):  # where EXIF says nonsense, it lies as it lies
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        # 24 bits hold 16, and are half as large as 53.
        grey = _grey(np.asarray(picture, np.float64 if picture.mode == "I" else np.float32))
        return _squared(np.repeat(grey[..., None], 3, axis=2), dots)
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, _ground(picture)), picture)
    return _squared(np.array(picture.convert("RGB")), dots)


def load_image(path: str | Path, side: int = 0) -> np.ndarray:
    """Read one picture file, or the first page of it, as uint8[H, W, 3], RGB.

    Args:
        path: of the file.
        side: to how many pixels the longer side will be scaled; 0 if that is not known. A JPEG is
            then decoded at a half, a quarter or an eighth of its size, as long as its longer side
            keeps four times as many: that costs less time and memory, and smaller pictures come
            out as ever.

    Raises:
        ImageError: the file is missing, a folder, empty, not a picture, truncated, or larger than
            120 megapixels.
    """
    path = Path(path)
    check_file(path)
    return next(pictures(path, str(path), MAX_PIXELS, side))


def check_file(path: Path) -> None:
    """Raise ImageError unless a path is a file with something in it that may be read."""
    try:
        if not path.exists():
            raise ImageError(f"{path} does not exist: check the path.")
        if path.is_dir():
            raise ImageError(f"{path} is a folder: name a picture in it.")
        if not path.is_file():  # a pipe would keep its reader waiting
            raise ImageError(f"{path} is not a file: copy its content into one.")
        if not path.stat().st_size:
            raise ImageError(f"{path} is empty (0 bytes): copy or download it again.")
        with path.open("rb"):
            pass
    except OSError as error:  # a name that is too long, a folder that one may not look into
        raise ImageError(f"{path} cannot be opened: {error.strerror or error}.") from None


def pictures(
    source: Path | io.BytesIO, name: str, limit: int, side: int = 0
) -> Iterator[np.ndarray]:
    """The pages of a TIFF, the frames of a GIF or WebP, or the one picture of any other file.

    Frames that repeat the one before are left out, and so are a TIFF's thumbnails.

    Args:
        source: a file, or its bytes.
        name: of it, for the error.
        limit: pixels of one page.
        side: as for `load_image`.

    Yields:
        uint8[H, W, 3] each, at least one.

    Raises:
        ImageError: as for `load_image`; pages before the one that is damaged come first.
    """
    allowed = f"the limit of {limit / 1e6:.3g} million: scale it down."
    before: np.ndarray | None = None
    try:
        with Image.open(source, formats=FORMATS) as picture:
            several = picture.format in ("TIFF", "GIF", "WEBP")
            number = 0
            while True:
                if number:
                    try:
                        picture.seek(number)
                    except EOFError:
                        break
                number += 1
                if before is not None and _is_thumbnail(picture):
                    continue
                if picture.width * picture.height > limit:
                    size = f"{picture.width} × {picture.height}"
                    raise TooLarge(f"{name} has {size} pixels, over {allowed}")
                if side:
                    share = 4 * side / max(picture.size)
                    width, height = (math.ceil(share * length) for length in picture.size)
                    picture.draft(None, (width, height))
                image = to_rgb(picture)
                if before is None or not np.array_equal(before, image):
                    yield image
                before = image
                if not several:
                    break
    except ImageError:
        raise
    except Image.DecompressionBombError:  # so large that PIL will not even open it
        raise TooLarge(f"{name} has far more pixels than {allowed}") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is {_what(source)}") from None
    except MemoryError:
        raise TooLarge(f"{name} takes more memory to open than there is: scale it down.") from None
    except Exception as error:  # on broken files the decoders raise nearly anything
        raise ImageError(f"{name} is damaged ({error}): copy or download it again.") from None


def _is_thumbnail(picture: Image.Image) -> bool:
    tags = getattr(picture, "tag_v2", None)
    kind = tags.get(SUBFILE, 0) if isinstance(tags, TiffImagePlugin.ImageFileDirectory_v2) else 0
    return isinstance(kind, int) and bool(kind & REDUCED)


def head(source: Path | io.BytesIO, size: int = 1024) -> bytes:
    """The first bytes of a file, or of bytes in memory."""
    if isinstance(source, io.BytesIO):
        return source.getbuffer()[:size].tobytes()
    with source.open("rb") as file:
        return file.read(size)


def _what(source: Path | io.BytesIO) -> str:
    """What a file is that no decoder knows, as the end of a sentence."""
    first = head(source).lstrip(b"\xef\xbb\xbf \t\r\n")
    kinds = [kind for magic, kind in _OTHERS if first.startswith(magic)]
    if first[:1] == b"<" and b"<svg" in first.lower():
        kinds.append("an SVG drawing")
    if first[4:8] == b"ftyp" and _BRANDS & {first[i : i + 4] for i in range(8, 40, 4)}:
        kinds.append("HEIC or AVIF")
    if not kinds:
        return "not a picture that can be read; PNG, JPEG, TIFF, WebP, BMP and GIF can."
    if kinds[0].endswith("."):
        return kinds[0]
    return f"{kinds[0]}, not a picture that can be read here: save it as PNG or JPEG first."


def data_uri(image: np.ndarray, side: int) -> str:
    """A thumbnail of uint8[H, W, 3] as text that an HTML page can show without another file.

    It is at most `side` pixels wide and high.
    """
    small, out = Image.fromarray(image), io.BytesIO()
    small.thumbnail((side, side))
    small.save(out, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
