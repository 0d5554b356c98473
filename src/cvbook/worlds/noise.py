"""Smooth noise for painted textures."""

import cv2
import numpy as np

SIDE = 1024


def cloud(rng: np.random.Generator, cells: int) -> np.ndarray:
    return cv2.resize(
        rng.standard_normal((cells, cells)).astype(np.float32),
        (SIDE, SIDE),
        interpolation=cv2.INTER_CUBIC,
    )
