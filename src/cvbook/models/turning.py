"""Pictures that do not lie straight: by how much, and turning them."""

import cv2
import numpy as np

from cvbook.models.cropping import as_grey, resized


def turn(image: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture turned clockwise by an angle in degrees, and the way back, float64[2, 3]."""
    if angle % 360 == 0:
        return image, np.eye(2, 3)
    h, w = image.shape[:2]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    width, height = (round(abs(c) * a + abs(s) * b) for a, b in ((w, h), (h, w)))
    there = np.array([[c, -s], [s, c]])
    shift = np.array([(width - 1) / 2, (height - 1) / 2]) - there @ [(w - 1) / 2, (h - 1) / 2]
    way = np.column_stack([there, shift])
    if angle % 90 == 0:
        turned = np.ascontiguousarray(np.rot90(image, -int(angle // 90)))
    else:
        # Of the whole picture, not of its edges: what a page was photographed on is not its paper.
        paper = np.median(image.reshape(-1, *image.shape[2:]), 0).tolist()
        turned = cv2.warpAffine(image, way, (width, height), borderValue=paper)
    return turned, cv2.invertAffineTransform(way)


def tilt_of(image: np.ndarray) -> float:
    """By how many degrees clockwise a picture must be turned for its lines to be level or upright.

    From −45 to 45. At the right angle rows of ink and of white paper alternate most sharply
    (projection profiles, Postl 1986).
    """
    grey = as_grey(image)
    grey = resized(grey, min(1.0, 800 / max(grey.shape)), cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(grey, (0, 0), 12)
    ink = cv2.absdiff(grey, blurred).astype(np.float32)

    def sharpness(angle: float) -> float:
        h, w = ink.shape
        side = int(np.hypot(h, w)) + 1
        way = np.asarray(cv2.getRotationMatrix2D((w / 2, h / 2), -angle, 1), float)
        way[:, 2] += (side - w) / 2, (side - h) / 2
        turned = cv2.warpAffine(ink, way, (side, side))
        return max(float((np.diff(turned.sum(axis)) ** 2).sum()) for axis in (0, 1))

    coarse = max(np.arange(-45, 45, 1.5), key=sharpness)
    return float(max(np.arange(coarse - 1.5, coarse + 1.6, 0.25), key=sharpness))
