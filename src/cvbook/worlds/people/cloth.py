"""Fabrics, and hair as streaks of tufts."""

from collections.abc import Callable

import cv2
import numpy as np

from cvbook.worlds.noise import cloud


def cloth(seed: int, kind: str, colors: list[list[float]]) -> np.ndarray:
    """A fabric, uint8[512, 512, 3], of a kind that `pattern` lists, in two sRGB colours 0 to 1.

    Raises:
        ValueError: an unknown kind.
    """
    rng = np.random.default_rng([seed, 62])
    n = 512
    y, x = np.mgrid[:n, :n].astype(np.float32) / n
    first, second = (np.array(c, np.float32) for c in colors[:2])
    step = float(rng.uniform(16, 34))

    def wave(along: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * step * along)

    pattern: dict[str, Callable[[], np.ndarray]] = {
        "plain": lambda: np.zeros_like(x),
        "stripes": lambda: wave(y) > 0,
        "pinstripes": lambda: np.mod(x * step * 1.5, 1) < 0.12,
        "checks": lambda: 0.5 * (wave(y) > 0.1) + 0.5 * (wave(x) > 0.1),
        "dots": lambda: (np.mod(x * step, 1) - 0.5) ** 2 + (np.mod(y * step, 1) - 0.5) ** 2 < 0.07,
        "flowers": lambda: cloud(rng, 40)[:n, :n] > 1.0,
        "print": lambda: (
            (np.hypot(x - 0.5, y - 0.18) < 0.085)
            & (np.sin(30 * np.arctan2(y - 0.18, x - 0.5) / rng.integers(2, 7)) > -0.3)
        ),
        "denim": lambda: 0.25 + 0.25 * rng.random((n, n)) + 0.12 * cloud(rng, 12)[:n, :n],
        "knit": lambda: 0.5 + 0.5 * np.sin(2 * np.pi * 90 * x) * np.sin(2 * np.pi * 70 * y),
    }
    if kind not in pattern:
        raise ValueError(f"There is no cloth {kind!r}; there are {', '.join(pattern)}.")
    share = np.asarray(pattern[kind](), np.float32)[..., None]
    weave = 1 + 0.03 * rng.standard_normal((n, n, 1)) + 0.05 * cloud(rng, 10)[:n, :n, None]
    return np.clip(255 * (first + share * (second - first)) * weave, 0, 255).astype(np.uint8)


def strands(seed: int, color: list[float], grey: float) -> np.ndarray:
    """Hair as vertical streaks of lighter and darker tufts, uint8[256, 256, 3].

    Args:
        seed: of the tufts.
        color: sRGB, 0 to 1.
        grey: share of white hairs.
    """
    rng = np.random.default_rng([seed, 63])
    tint = 1 + 0.22 * rng.standard_normal(256) + 0.1 * np.sin(np.arange(256) / 5)
    # At this scale no strand is seen alone: each column is a tuft, in which white hairs have mixed
    # with the rest.
    silver = np.clip(grey + grey * (1 - grey) * rng.normal(0, 0.6, 256), 0, 1)[:, None]
    colored = np.clip(np.array(color) * tint[:, None], 0, 1) * (1 - silver)
    tufts = colored + silver * rng.normal(0.62, 0.04, (256, 1))
    patches = cv2.resize(rng.standard_normal((40, 40)).astype(np.float32), (256, 256))
    sheet = np.repeat(tufts[None], 256, axis=0) * (1 + 0.08 * patches[..., None])
    return np.clip(255 * sheet, 0, 255).astype(np.uint8)
