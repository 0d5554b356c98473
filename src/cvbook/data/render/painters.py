"""Textures that are painted when they are needed, by name, so that a scene description stays a few kilobytes."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from cvbook.data.images import load_image
from cvbook.data.render import labels
from cvbook.data.render.people import skin
from cvbook.data.text.fonts import coverage, draw_text
from cvbook.paths import data_path


def wood(seed: int, color: list[float]) -> np.ndarray:
    """Boards of wood-like grain, uint8[256, 256, 3]."""
    rng = np.random.default_rng([seed, 11])
    stretched = cv2.resize(rng.standard_normal((256, 8)).astype(np.float32), (256, 256), interpolation=cv2.INTER_CUBIC)
    rings = np.sin(np.linspace(0, rng.uniform(20, 60), 256)[:, None] + 2.5 * stretched)
    tone = np.array(color) * (1 + 0.10 * rings[..., None] + 0.05 * rng.standard_normal((256, 256, 1)))
    return np.clip(255 * tone, 0, 255).astype(np.uint8)


def tiles(seed: int, color: list[float], joint: float = 0.03, across: int = 4) -> np.ndarray:
    """Floor tiles with joints, each of a slightly different tone, uint8[256, 256, 3]."""
    rng = np.random.default_rng([seed, 12])
    step = 256 // across
    tone = np.kron(1 + 0.06 * rng.standard_normal((across, across)), np.ones((step, step)))
    tone += 0.03 * cv2.resize(rng.standard_normal((64, 64)).astype(np.float32), (256, 256))
    edge = np.minimum.outer(np.arange(256) % step, np.arange(256) % step) < joint * step
    tone = np.where(edge, 0.55, tone)
    return np.clip(255 * tone[..., None] * np.array(color), 0, 255).astype(np.uint8)


def photo(name: str) -> np.ndarray:
    """A photographed surface of `data/textures`, uint8[256, 256, 3]."""
    return np.asarray(Image.open(data_path("textures", name)).convert("RGB"))


def picture(path: str) -> np.ndarray:
    """A picture file of your own, at most 512 pixels on its longer side; raises ImageError with what is wrong with it."""
    image = load_image(path)
    scale = min(1.0, 512 / max(image.shape[:2]))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image


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
    "label": labels.label, "tag": tag, "wood": wood, "tiles": tiles, "photo": photo, "picture": picture,
    "skin": skin.skin, "eye": skin.eye, "cloth": skin.cloth, "strands": skin.strands, "backdrop": skin.backdrop,
}  # fmt: skip


def paint(spec: dict) -> np.ndarray:
    """The texture of a description {"paint": name, …arguments}: uint8[H, W, 3]; raises ValueError for an unknown painter."""
    spec = dict(spec)
    name = spec.pop("paint", None)
    if name not in PAINTERS:
        raise ValueError(f"There is no painter {name!r}; there are {', '.join(PAINTERS)}.")
    return PAINTERS[name](**spec)
