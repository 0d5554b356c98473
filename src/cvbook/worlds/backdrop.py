"""What is behind a person, painted and out of focus."""

from collections.abc import Callable

import cv2
import numpy as np

from cvbook.worlds.surfaces import photo

Rng = np.random.Generator
H, W = 256, 384
WALLS = ["train-brick.jpg", "train-coffee.jpg", "train-grass.jpg"]


def _outdoors(
    rng: Rng, ground: tuple[float, float, float], put: Callable[[Rng, np.ndarray, int], None]
) -> np.ndarray:
    """A sky over the ground, with things that `put` sets on the horizon, given in pixels."""
    y = np.linspace(0, 1, H)[:, None, None]
    zenith = np.array([0.55, 0.70, 0.90]) * rng.uniform(0.7, 1.1)
    sheet = np.repeat(zenith * (1 - y) + np.array([0.9, 0.9, 0.88]) * y, W, axis=1)
    horizon = int(H * rng.uniform(0.45, 0.7))
    for _ in range(rng.integers(5, 14)):
        put(rng, sheet, horizon)
    sheet[horizon:] = np.array(ground) * (0.8 + 0.4 * (y[horizon:] - horizon / H))
    return sheet


def _spot(rng: Rng) -> tuple[int, int, int]:
    """Where something stands, its breadth and its height, pixels."""
    return int(rng.integers(-40, W)), int(rng.integers(30, 120)), int(rng.integers(40, 190))


def _house(rng: Rng, sheet: np.ndarray, horizon: int) -> None:
    x, breadth, tall = _spot(rng)
    brightness = rng.uniform(0.25, 0.8)
    color = brightness * np.array([1, rng.uniform(0.85, 1), rng.uniform(0.7, 1)])
    sheet[max(0, horizon - tall) : horizon, max(0, x) : max(0, x + breadth)] = color
    for top in range(max(4, horizon - tall + 8), horizon - 8, 16):
        for left in range(max(0, x + 6), min(W - 8, x + breadth - 8), 14):
            window = color * rng.uniform(0.35, 0.7) + rng.uniform(0, 0.15)
            sheet[top : top + 9, left : left + 7] = window


def _tree(rng: Rng, sheet: np.ndarray, horizon: int) -> None:
    x, breadth, tall = _spot(rng)
    green = (np.array([0.14, 0.30, 0.10]) * rng.uniform(0.6, 1.7)).tolist()
    cv2.circle(sheet, (x, horizon - tall // 2), breadth // 2, green, -1)


def street(rng: Rng) -> np.ndarray:
    """Houses with windows."""
    return _outdoors(rng, (0.42, 0.41, 0.40), _house)


def park(rng: Rng) -> np.ndarray:
    """Trees on a lawn."""
    return _outdoors(rng, (0.25, 0.38, 0.14), _tree)


def indoor(rng: Rng) -> np.ndarray:
    """A wall with shelves, pictures, lamps and doors."""
    light = np.ones((H, W, 3)) * rng.uniform(0.45, 0.9)
    sheet = light * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.8, 1)])
    for _ in range(rng.integers(4, 12)):
        x, y = rng.integers(-30, W), rng.integers(-20, H)
        breadth, tall = int(rng.integers(20, 130)), int(rng.integers(15, 120))
        color = rng.uniform(0.05, 0.95, 3) * rng.uniform(0.4, 1)
        sheet[max(0, y) : max(0, y + tall), max(0, x) : max(0, x + breadth)] = color
    return sheet


def wall(rng: Rng) -> np.ndarray:
    """A photographed surface."""
    tile = photo(str(rng.choice(WALLS))).astype(np.float32) / 255
    return cv2.resize(tile, (W, H)) * rng.uniform(0.6, 1.2, 3)


def studio(rng: Rng) -> np.ndarray:
    """A paper background that is lighter in the middle."""
    far = np.hypot(np.linspace(-1, 1, W)[None], np.linspace(-1, 1, H)[:, None])[..., None]
    return rng.uniform(0.25, 0.85, 3) * (1.15 - 0.45 * far)


KINDS: dict[str, Callable[[Rng], np.ndarray]] = {
    "indoor": indoor,
    "street": street,
    "park": park,
    "wall": wall,
    "studio": studio,
}


def backdrop(seed: int, kind: str) -> np.ndarray:
    """What is behind a person, out of focus: uint8[256, 384, 3].

    Args:
        seed: of everything that is drawn.
        kind: a key of KINDS; another one raises ValueError.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no backdrop {kind!r}; there are {', '.join(KINDS)}.")
    rng = np.random.default_rng([seed, 64])
    sheet = np.clip(KINDS[kind](rng), 0, 1).astype(np.float32)
    blurred = cv2.GaussianBlur(sheet, (0, 0), float(rng.uniform(1.0, 7.0)))
    return np.clip(255 * blurred, 0, 255).astype(np.uint8)
