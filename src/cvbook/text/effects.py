"""The effects of the text generator: one small pure function each.

Each has a strength from 0 (none) to 1 (brutal). Five kinds are applied in the order in which
a real picture comes about: **ink** on the stencil of the letters, printed rules on the **sheet**, a
**warp** of the sheet (which moves the ground truth along), **surface** under and around the ink,
**camera**. `EFFECTS` is the table of all of them. Source: mailru, system S3;
strengths and odds are this book's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from cvbook.images import load_image
from cvbook.paths import data_path

Rng = np.random.Generator


def _brighten(image: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Add grey levels float32[H, W] to all channels of uint8[H, W, 3], rounded and clipped."""
    return np.asarray(cv2.add(image, cv2.merge([change] * image.shape[2]), dtype=cv2.CV_8U))


# ---- ink: uint8[H, W] stencil → uint8[H, W]
def bleed(ink: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Ink that has run: strokes grow and round off."""
    radius = strength * ink.shape[0] * 0.045
    soft = cv2.GaussianBlur(ink, (0, 0), max(radius, 0.3))
    return cv2.convertScaleAbs(soft, alpha=1 + 1.2 * strength)


def dropout(ink: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A dry printer or a worn sheet: ink missing in blots."""
    h, w = ink.shape
    coarse = rng.random((max(2, h // 3), max(2, w // 3)), dtype=np.float32)
    blots = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    keep = np.clip((blots - 0.42 * strength) * 8 + 0.5, 1 - 0.9 * strength, 1)
    return (ink * keep).astype(np.uint8)


def thin(ink: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Strokes worn thin, as on a copy of a copy."""
    worn = cv2.erode(ink, np.ones((2, 2), np.uint8))
    return cv2.addWeighted(ink, 1 - 0.75 * strength, worn, 0.75 * strength, 0)


def outline(ink: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Contour letters: the inside fades as the strength grows."""
    inside = cv2.erode(ink, np.ones((3, 3), np.uint8))
    return cv2.subtract(ink, cv2.convertScaleAbs(inside, alpha=0.5 + 0.5 * strength))


def underline(ink: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A rule through the foot of the letters."""
    out = ink.copy()
    h, w = out.shape
    y = int(h * rng.uniform(0.84, 0.96))
    rows = slice(y, y + max(1, round(h * 0.06 * strength)))
    out[rows, int(w * 0.02) : int(w * 0.98)] = int(rng.integers(140, 256))
    return out


# ---- sheet: uint8[H, W] stencil with its margins → uint8[H, W]
def rules(ink: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Printed rules in the margins: the frame of a table cell, a line under a heading."""
    out = ink.copy()
    thick = int(rng.integers(1, 3 + int(3 * strength)))
    for side in range(4):
        if rng.random() < 0.4:
            strip = np.rot90(out, side)
            at = int(rng.integers(0, max(1, min(5, len(strip) // 12))))
            strip[at : at + thick] = 255
    return out


# ---- warp: uint8[H, W] stencil and float32[..., 2] points → the same, on a larger canvas
Warped = tuple[np.ndarray, np.ndarray]


def _corners(ink: np.ndarray) -> np.ndarray:
    """Those of a stencil, float32[4, 2], clockwise from the upper left one."""
    h, w = ink.shape
    return np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)


def _homography(ink: np.ndarray, points: np.ndarray, matrix: np.ndarray) -> Warped:
    corners = np.asarray(cv2.perspectiveTransform(_corners(ink)[None], matrix))[0]
    low = np.floor(corners.min(0))
    width, height = np.ceil(corners.max(0) - low).astype(int)
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ matrix
    # OpenCV puts pixel centres at whole numbers, the points count from the pixel's edge: shift by
    # half a pixel.
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    shifted, size = half @ matrix @ np.linalg.inv(half), (int(width), int(height))
    out = cv2.warpPerspective(ink, shifted, size, flags=cv2.INTER_LINEAR)
    lifted = np.concatenate([points, np.ones_like(points[..., :1])], -1) @ matrix.T  # ..., 3
    return out, (lifted[..., :2] / lifted[..., 2:]).astype(np.float32)


def slant(ink: np.ndarray, points: np.ndarray, strength: float, rng: Rng) -> Warped:
    """Shear to either side, by at most 27 degrees."""
    shear = strength * 0.5 * rng.choice([-1.0, 1.0])
    return _homography(ink, points, np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1.0]]))


def rotate(ink: np.ndarray, points: np.ndarray, strength: float, rng: Rng) -> Warped:
    """Rotate so that the ends of the line part by at most 1.2 line heights and 8 degrees."""
    h, w = ink.shape
    angle = strength * min(1.2 * h / w, 0.14) * rng.choice([-1.0, 1.0])
    c, s = np.cos(angle), np.sin(angle)
    return _homography(ink, points, np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]))


def perspective(ink: np.ndarray, points: np.ndarray, strength: float, rng: Rng) -> Warped:
    """Move each corner by up to a quarter of the height, sideways and up or down."""
    h, w = ink.shape
    corners = _corners(ink)
    moved = corners + strength * 0.25 * h * rng.uniform(-1, 1, (4, 2)).astype(np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners, moved), np.float64)
    return _homography(ink, points, matrix)


def curve(ink: np.ndarray, points: np.ndarray, strength: float, rng: Rng) -> Warped:
    """Bend the baseline along a slow wave, as on a page near the spine of a book."""
    h, w = ink.shape
    amplitude = strength * min(0.35 * h, 0.03 * w + 0.05 * h)
    # At most one turn in eight heights: the wave is the sheet's, it does not bend single letters.
    phase, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2) * min(1.0, w / (8 * h))

    def lift(x: np.ndarray) -> np.ndarray:
        return amplitude * (1 + np.sin(phase + 2 * np.pi * turns * x / w))

    height = h + int(np.ceil(2 * amplitude))
    xs = np.broadcast_to(np.arange(w, dtype=np.float32), (height, w))
    ys = np.arange(height, dtype=np.float32)[:, None] - lift(np.arange(w) + 0.5).astype(np.float32)
    out = cv2.remap(ink, np.ascontiguousarray(xs), ys, cv2.INTER_LINEAR)
    moved = points.astype(np.float32).copy()
    moved[..., 1] += lift(moved[..., 0])
    return out, moved


# ---- surface: uint8[H, W, 3] paper → uint8[H, W, 3]
def gradient(paper: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A colour that changes across the sheet."""
    h, w = paper.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, w)[None] * np.cos(angle)
    ramp = across + np.linspace(-1, 1, h)[:, None] * np.sin(angle)
    shift = rng.uniform(-1, 1, 3) * 60 * strength
    return np.clip(paper + ramp[..., None] * shift, 0, 255).astype(np.uint8)


def fibres(paper: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """The grain of paper: noise at three scales."""
    h, w = paper.shape[:2]
    # Uniform bytes cost a fifth of normal numbers, and nobody can tell which of the two a grain was
    # drawn from.
    grain = rng.integers(0, 256, (h, w), np.uint8) * np.float32(0.0136) - np.float32(1.73)
    for step in (3, 12):
        coarse = rng.standard_normal((h // step + 2, w // step + 2), dtype=np.float32)
        grain += cv2.resize(coarse, (w, h), interpolation=cv2.INTER_LINEAR)
    return _brighten(paper, grain * np.float32(11 * strength))


@lru_cache
def _tiles(split: str) -> tuple[np.ndarray, ...]:
    files = sorted(data_path("textures").glob(f"{split}-*.jpg"))
    return tuple(load_image(file) for file in files)


def texture(paper: np.ndarray, strength: float, rng: Rng, split: str = "train") -> np.ndarray:
    """A photographed surface (brick, grass, a table …) behind the text.

    It is flattened towards the paper's colour.
    """
    h, w = paper.shape[:2]
    tiles = _tiles(split)
    tile = tiles[rng.integers(len(tiles))]
    side = int(rng.integers(64, 257))
    y, x = rng.integers(0, 257 - side, 2)
    square = cv2.resize(tile[y : y + side, x : x + side], (max(h, w), max(h, w)))
    patch = square[:h, :w].astype(np.float32)
    patch -= patch.mean((0, 1))
    return np.clip(paper + patch * (0.75 * strength), 0, 255).astype(np.uint8)


def show_through(paper: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Mirrored strokes of the page behind: bars and blobs with the rhythm of a text line."""
    h, w = paper.shape[:2]
    rows = rng.random((max(2, h // 10), max(2, w // 4))) < 0.45
    rows[::2] = False
    bars = cv2.resize(rows.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR)
    ghost = cv2.GaussianBlur(bars, (0, 0), 1.2)
    return np.clip(paper - (ghost * strength * 70)[..., None], 0, 255).astype(np.uint8)


def ruling(paper: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Ruled or squared paper, or the lines of a form."""
    out = paper.copy()
    pitch = int(rng.integers(12, 48))
    tone = (np.median(paper, (0, 1)) * (1 - 0.6 * strength)).astype(np.uint8)
    out[int(rng.integers(pitch)) :: pitch] = tone
    if rng.random() < 0.4:
        out[:, int(rng.integers(pitch)) :: pitch] = tone
    return out


# ---- camera: uint8[H, W, 3] picture → uint8[H, W, 3]
def defocus(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A lens out of focus; sigma up to 5 % of the height."""
    return cv2.GaussianBlur(image, (0, 0), max(0.05, strength * 0.05 * image.shape[0]))


def motion_blur(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A hand that shakes: a straight smear of up to 16 % of the height, in any direction."""
    length = strength * 0.16 * image.shape[0]
    size = 2 * int(np.ceil(length / 2)) + 1
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((size, size), np.float32)
    for t in np.linspace(-length / 2, length / 2, 4 * size):
        y, x = size // 2 + t * np.sin(angle), size // 2 + t * np.cos(angle)
        kernel[int(round(y)), int(round(x))] += 1
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def noise(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Sensor noise in the brightness, standard deviation up to 38 grey levels."""
    grain = rng.standard_normal(image.shape[:2], dtype=np.float32)
    return _brighten(image, grain * np.float32(38 * strength))


def jpeg(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """JPEG compression, quality 90 down to 12."""
    _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(90 - 78 * strength)])
    return cv2.imdecode(code, cv2.IMREAD_COLOR)


def resample(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Taken too small: shrunk by up to 2.9 times and enlarged again."""
    h, w = image.shape[:2]
    scale = 1 - 0.65 * strength
    size = max(4, int(w * scale)), max(4, int(h * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ways = cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST
    return cv2.resize(small, (w, h), interpolation=ways[rng.integers(3)])


def uneven_light(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A lamp to one side and a shadow: brightness falls by up to 75 %."""
    h, w = image.shape[:2]
    field = cv2.resize(rng.random((2, 3), dtype=np.float32), (w, h), interpolation=cv2.INTER_LINEAR)
    return (image * (1 - 0.75 * strength * field)[..., None]).astype(np.uint8)


def exposure(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """Too dark or too light, by a gamma between 1/2.2 and 2.2."""
    gamma = np.exp(strength * rng.uniform(-0.8, 0.8))
    return cv2.LUT(image, (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8))


def binarise(image: np.ndarray, strength: float, rng: Rng) -> np.ndarray:
    """A fax or a black-and-white scan; a strength under 1 leaves some grey."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    hard = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)[1]
    mix = cv2.addWeighted(grey, 1 - min(1.0, strength * 2), hard, min(1.0, strength * 2), 0)
    return cv2.cvtColor(mix, cv2.COLOR_GRAY2RGB)


@dataclass(frozen=True)
class Effect:
    """A row of the table.

    Attributes:
        function: the effect.
        kind: ink, sheet, warp, surface or camera, which fixes its place and signature.
        odds: how often it is used at difficulty 1.
    """

    function: Callable
    kind: str
    odds: float


# In the order in which they are applied.
EFFECTS = {
    e.function.__name__: e
    for e in (
        Effect(outline, "ink", 0.04),
        Effect(underline, "ink", 0.08),
        Effect(thin, "ink", 0.12),
        Effect(bleed, "ink", 0.25),
        Effect(dropout, "ink", 0.25),
        Effect(rules, "sheet", 0.15),
        Effect(slant, "warp", 0.25),
        Effect(curve, "warp", 0.35),
        Effect(rotate, "warp", 0.4),
        Effect(perspective, "warp", 0.35),
        Effect(gradient, "surface", 0.3),
        Effect(texture, "surface", 0.35),
        Effect(fibres, "surface", 0.3),
        Effect(ruling, "surface", 0.08),
        Effect(show_through, "surface", 0.12),
        Effect(uneven_light, "camera", 0.35),
        Effect(motion_blur, "camera", 0.25),
        Effect(defocus, "camera", 0.35),
        Effect(resample, "camera", 0.4),
        Effect(exposure, "camera", 0.4),
        Effect(noise, "camera", 0.5),
        Effect(binarise, "camera", 0.12),
        Effect(jpeg, "camera", 0.5),
    )
}


def choose(difficulty: float, rng: Rng) -> list[tuple[str, float]]:
    """Which effects a picture gets at a difficulty from 0 to 1, and how strong each is.

    Both the odds and the strengths grow with the difficulty; at 0 nothing is drawn.

    Returns:
        (name, strength) of each, in the table's order.
    """
    chosen = []
    for name, effect in EFFECTS.items():
        used, strength = rng.random(), difficulty * rng.uniform(0.4, 1.0)
        if used < effect.odds * min(1.0, 2 * difficulty):
            chosen.append((name, float(strength)))
    return chosen
