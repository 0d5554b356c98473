"""Pictures in grey and at another size, rectangles, and boxes cut out straight."""

import cv2
import numpy as np

LONGEST_WARP = 32_000  # pixels: OpenCV cuts nothing out of longer pictures


def as_grey(image: np.ndarray) -> np.ndarray:
    """A picture uint8[H, W] or uint8[H, W, 3], RGB, as uint8[H, W]."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners float32[4, 2] of an upright rectangle, clockwise from the upper left."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def resized(image: np.ndarray, scale: float, way: int) -> np.ndarray:
    """A picture scaled by a factor, both sides at least a pixel long."""
    h, w = image.shape[:2]
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    return cv2.resize(image, size, interpolation=way)


def crop(
    image: np.ndarray, corners: np.ndarray, margin: float = 0.12, beside: float = 0.3
) -> np.ndarray:
    """Cut a box out of a picture, turned level: uint8[H, W(, 3)].

    Args:
        image: uint8[H, W] or uint8[H, W, 3].
        corners: float32[4, 2] of the box, clockwise from the upper left.
        margin: above and below it, in parts of its height.
        beside: on its left and right, likewise: a cut letter is worse than a little white.
    """
    width = float(np.linalg.norm(corners[1] - corners[0]))
    height = float(np.linalg.norm(corners[3] - corners[0]))
    x, y = beside * height, margin * height
    size = (max(4, round(width + 2 * x)), max(4, round(height + 2 * y)))
    source = corners[:3].astype(np.float32)
    target = np.array([[x, y], [x + width, y], [x + width, y + height]], np.float32)
    if max(*image.shape[:2], *size) > LONGEST_WARP:
        reach = x + y + 2
        low = np.maximum(corners.min(0) - reach, 0).astype(int)
        high = (corners.max(0) + reach + 1).astype(int)
        image = image[low[1] : high[1], low[0] : high[0]]
        shrink = min(1.0, LONGEST_WARP / max(*image.shape[:2], *size))
        if shrink < 1:
            size = (max(4, int(size[0] * shrink)), max(4, int(size[1] * shrink)))
            image = resized(image, shrink, cv2.INTER_AREA)
        source, target = (source - low.astype(np.float32)) * np.float32(shrink), target * shrink
        target = target.astype(np.float32)
    turn = cv2.getAffineTransform(source, target)
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, turn, size, flags=cv2.INTER_LINEAR, borderMode=border)
