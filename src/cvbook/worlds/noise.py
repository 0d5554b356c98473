"""Smooth noise for painted textures."""

import cv2
import numpy as np

SIDE = 1024


def cloud(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Noise float32[SIDE, SIDE], smooth between `cells` × `cells` normal draws."""
    knots = rng.standard_normal((cells, cells)).astype(np.float32)
    return cv2.resize(knots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
