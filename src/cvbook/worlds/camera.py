"""A camera's own marks: what a photograph has and a rendered picture lacks."""

import numpy as np

from cvbook.text import effects


def shoot(image: np.ndarray, rng: np.random.Generator, strength: float = 0.5) -> np.ndarray:
    """What a hand-held camera makes of a perfect picture uint8[H, W, 3]: now and then blur, then grain and JPEG blocks; no pixel moves."""
    if rng.random() < 0.3:
        image = effects.motion_blur(
            image, float(rng.uniform(0, 6 * strength)) / (0.16 * image.shape[0]), rng
        )  # up to 6 pixels
    if rng.random() < 0.3:
        image = effects.defocus(
            image, float(rng.uniform(0, 1.6 * strength)) / (0.05 * image.shape[0]), rng
        )  # sigma up to 1.6 pixels
    image = effects.noise(image, float(rng.uniform(0, 0.25 * strength)), rng)
    return effects.jpeg(image, float(rng.uniform(0, 0.7 * strength)), rng)
