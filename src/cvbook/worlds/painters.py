"""Textures that are painted when they are needed, by name.

So a scene description stays a few kilobytes.
"""

from collections.abc import Callable

import cv2
import numpy as np

from cvbook.images import load_image
from cvbook.text.fonts import coverage, draw_text
from cvbook.worlds.backdrop import backdrop
from cvbook.worlds.people import cloth, skin
from cvbook.worlds.shelves import packaging
from cvbook.worlds.surfaces import photo, tiles, wood


def picture(path: str) -> np.ndarray:
    """A picture file of your own, at most 512 pixels on its longer side.

    Raises:
        ImageError: what is wrong with the file.
    """
    image = load_image(path)
    scale = min(1.0, 512 / max(image.shape[:2]))
    if scale == 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def tag(text: str, font: str, paper: list[float]) -> np.ndarray:
    """A price tag: the price in large type over bars, uint8[96, 192, 3]."""
    sheet = np.full((96, 192, 3), np.clip(255 * np.array(paper), 0, 255), np.uint8)
    ink, _, _ = draw_text("".join(c for c in text if c in coverage(font)) or "0", font, 62)
    scale = min(170 / ink.shape[1], 58 / ink.shape[0])
    ink = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    y, x = 10, (192 - ink.shape[1]) // 2
    part = sheet[y : y + ink.shape[0], x : x + ink.shape[1]]
    part[:] = part * (1 - ink[..., None] / 255)
    bars = np.random.default_rng(len(text)).random(40) < 0.5
    sheet[78:90, 12:92] = np.repeat(np.where(bars, 30, 255), 2)[None, :, None]
    return sheet


PAINTERS: dict[str, Callable[..., np.ndarray]] = {
    "label": packaging.label,
    "tag": tag,
    "wood": wood,
    "tiles": tiles,
    "photo": photo,
    "picture": picture,
    "skin": skin.skin,
    "eye": skin.eye,
    "cloth": cloth.cloth,
    "strands": cloth.strands,
    "backdrop": backdrop,
}


def paint(spec: dict) -> np.ndarray:
    """The texture of a description {"paint": name, …arguments}: uint8[H, W, 3].

    Raises:
        ValueError: an unknown painter.
    """
    spec = dict(spec)
    name = spec.pop("paint", None)
    if name not in PAINTERS:
        raise ValueError(f"There is no painter {name!r}; there are {', '.join(PAINTERS)}.")
    return PAINTERS[name](**spec)
