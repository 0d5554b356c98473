"""A camera's own marks: what a photograph has and a rendered picture lacks."""

import numpy as np

from cvbook.text import effects


def shoot(image: np.ndarray, rng: np.random.Generator, strength: float = 0.5) -> np.ndarray:
    """What a hand-held camera makes of a perfect picture uint8[H, W, 3]; no pixel moves.

    There is blur now and then, by up to 6 pixels of motion and by a defocus of sigma up to 1.6
    pixels at strength 1, and always grain and JPEG blocks.
    """
    height = image.shape[0]
    if rng.random() < 0.3:
        length = float(rng.uniform(0, 6 * strength))
        image = effects.motion_blur(image, length / (0.16 * height), rng)
    if rng.random() < 0.3:
        sigma = float(rng.uniform(0, 1.6 * strength))
        image = effects.defocus(image, sigma / (0.05 * height), rng)
    image = effects.noise(image, float(rng.uniform(0, 0.25 * strength)), rng)
    return effects.jpeg(image, float(rng.uniform(0, 0.7 * strength)), rng)
