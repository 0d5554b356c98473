"""What describes a rendered set, and how its pictures are stored."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cvbook.worlds.scene import Rendered, Scene

Row = dict[str, object]


@dataclass(frozen=True)
class RenderedSet:
    """How a set is made.

    Attributes:
        count: pictures that ship.
        seconds: about how long one takes on one core.
        scenes: the set's seed and a row's number → the row's scenes.
        row: their pictures, the seed and the number → columns; bytes become images.
        images: names of the columns that are pictures.
        views: scenes a row.
    """

    count: int
    seconds: float
    scenes: Callable[[int, int], tuple[Scene, ...]]
    row: Callable[[tuple[Rendered, ...], int, int], Row]
    images: tuple[str, ...] = ("image",)
    views: int = 1


def encode(image: np.ndarray, kind: str = "WEBP", quality: int = 82) -> bytes:
    """Picture uint8[H, W, 3] as WebP, or a mask int[H, W] as 16-bit PNG with kind "PNG"."""
    out = io.BytesIO()
    if kind == "PNG":
        Image.fromarray(image.astype(np.uint16)).save(out, "PNG", optimize=True)
    else:
        Image.fromarray(image).save(out, kind, quality=quality, method=6)
    return out.getvalue()
