"""What is behind a person, painted and out of focus."""

import cv2
import numpy as np

from cvbook.worlds.surfaces import photo


def backdrop(seed: int, kind: str) -> np.ndarray:
    """What is behind a person, out of focus: "indoor", "street", "park", "wall" or "studio"; uint8[256, 384, 3]."""
    rng = np.random.default_rng([seed, 64])
    h, w = 256, 384
    y = np.linspace(0, 1, h)[:, None, None]
    if kind in ("street", "park"):
        sky = (
            np.array([0.55, 0.70, 0.90]) * rng.uniform(0.7, 1.1) * (1 - y)
            + np.array([0.9, 0.9, 0.88]) * y
        )
        sheet = np.repeat(sky, w, axis=1)
        horizon = int(h * rng.uniform(0.45, 0.7))
        ground = np.array([0.25, 0.38, 0.14]) if kind == "park" else np.array([0.42, 0.41, 0.40])
        for _ in range(rng.integers(5, 14)):
            x, breadth, tall = (
                rng.integers(-40, w),
                int(rng.integers(30, 120)),
                int(rng.integers(40, 190)),
            )
            if kind == "street":
                color = rng.uniform(0.25, 0.8) * np.array(
                    [1, rng.uniform(0.85, 1), rng.uniform(0.7, 1)]
                )
                sheet[max(0, horizon - tall) : horizon, max(0, x) : max(0, x + breadth)] = color
                for wy in range(max(4, horizon - tall + 8), horizon - 8, 16):
                    for wx in range(max(0, x + 6), min(w - 8, x + breadth - 8), 14):
                        sheet[wy : wy + 9, wx : wx + 7] = color * rng.uniform(
                            0.35, 0.7
                        ) + rng.uniform(0, 0.15)
            else:
                cv2.circle(
                    sheet,
                    (int(x), horizon - tall // 2),
                    breadth // 2,
                    (np.array([0.14, 0.30, 0.10]) * rng.uniform(0.6, 1.7)).tolist(),
                    -1,
                )
        sheet[horizon:] = ground * (0.8 + 0.4 * (y[horizon:] - horizon / h))
    elif kind == "indoor":
        sheet = (
            np.ones((h, w, 3))
            * rng.uniform(0.45, 0.9)
            * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.8, 1)])
        )
        for _ in range(rng.integers(4, 12)):  # shelves, pictures, lamps, doors
            x, y0, breadth, tall = (
                rng.integers(-30, w),
                rng.integers(-20, h),
                int(rng.integers(20, 130)),
                int(rng.integers(15, 120)),
            )
            sheet[max(0, y0) : max(0, y0 + tall), max(0, x) : max(0, x + breadth)] = rng.uniform(
                0.05, 0.95, 3
            ) * rng.uniform(0.4, 1)
    elif kind == "wall":
        tile = (
            photo(
                str(rng.choice(["train-brick.jpg", "train-coffee.jpg", "train-grass.jpg"]))
            ).astype(np.float32)
            / 255
        )
        sheet = cv2.resize(tile, (w, h)) * rng.uniform(0.6, 1.2, 3)
    elif kind == "studio":
        middle = np.hypot(np.linspace(-1, 1, w)[None], np.linspace(-1, 1, h)[:, None])[..., None]
        sheet = rng.uniform(0.25, 0.85, 3) * (1.15 - 0.45 * middle)
    else:
        raise ValueError(
            f"There is no backdrop {kind!r}; there are indoor, street, park, wall, studio."
        )
    blurred = cv2.GaussianBlur(
        np.clip(sheet, 0, 1).astype(np.float32), (0, 0), float(rng.uniform(1.0, 7.0))
    )
    return np.clip(255 * blurred, 0, 255).astype(np.uint8)
