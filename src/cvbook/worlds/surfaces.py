"""Surfaces of rooms and shelves: boards, tiles, and photographed ones."""

import cv2
import numpy as np

from cvbook.images import load_image
from cvbook.paths import data_path


def wood(seed: int, color: list[float]) -> np.ndarray:
    """Boards of wood-like grain, uint8[256, 256, 3]."""
    rng = np.random.default_rng([seed, 11])
    wide = rng.standard_normal((256, 8)).astype(np.float32)
    stretched = cv2.resize(wide, (256, 256), interpolation=cv2.INTER_CUBIC)
    rings = np.sin(np.linspace(0, rng.uniform(20, 60), 256)[:, None] + 2.5 * stretched)
    grain = 1 + 0.10 * rings[..., None] + 0.05 * rng.standard_normal((256, 256, 1))
    return np.clip(255 * (np.array(color) * grain), 0, 255).astype(np.uint8)


def tiles(seed: int, color: list[float]) -> np.ndarray:
    """Floor tiles with joints, each of a slightly different tone, uint8[256, 256, 3]."""
    rng = np.random.default_rng([seed, 12])
    across, joint = 4, 0.03  # tiles along an edge; a joint's share of a tile
    step = 256 // across
    tone = np.kron(1 + 0.06 * rng.standard_normal((across, across)), np.ones((step, step)))
    tone += 0.03 * cv2.resize(rng.standard_normal((64, 64)).astype(np.float32), (256, 256))
    edge = np.minimum.outer(np.arange(256) % step, np.arange(256) % step) < joint * step
    tone = np.where(edge, 0.55, tone)
    return np.clip(255 * tone[..., None] * np.array(color), 0, 255).astype(np.uint8)


def photo(name: str) -> np.ndarray:
    """A photographed surface of `data/textures`, uint8[256, 256, 3]."""
    return load_image(data_path("textures", name))
