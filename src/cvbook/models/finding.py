"""Find the lines of a picture of any size."""

import cv2
import numpy as np

from cvbook.models.cropping import as_grey, rectangle
from cvbook.models.detector import Box, Detector, detect
from cvbook.models.ink import contrast_to_paper, each_line

INK_HEIGHT = 20.0  # pixels: the height of a line at which the detector is at its best
LONGEST_SIDE = 2600  # pixels: larger pages are searched at this size
MOST_PIXELS = 60_000_000  # of a picture that is searched
MOST_SHORT = 400  # short boxes that are looked at one by one
THINNEST = 4  # pixels: a picture that is thinner holds no text


def find_lines(model: Detector, image: np.ndarray) -> tuple[list[Box], list[Box]]:
    """Lines and words of a picture of any size.

    A first look tells how tall the text is; a second one is taken at the right scale.
    """
    if min(image.shape[:2]) < THINNEST:
        return [], []
    # What counts is the longest side of a page; a roll of paper is several pages in a row.
    side = min(max(image.shape[:2]), 1.5 * min(image.shape[:2]))
    scale, largest = min(1.0, 1280 / side), LONGEST_SIDE / side
    for _ in range(2):
        lines, words = _detect_at(model, image, scale)
        if not lines:
            # Nothing found: the text may be too small to see. Look once more, closer.
            wanted = min(2.0 * scale, largest, 3.0)
        else:
            lengths = np.array([b.width for b in lines])
            heights = np.array([b.height for b in lines])
            # Long lines count for more: specks and page numbers do not decide the scale.
            order = np.argsort(heights)
            middle = heights[order][np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)]
            wanted = float(np.clip(INK_HEIGHT / middle, 0.05, min(largest, 4.0)))
        if 0.75 < wanted / scale < 1.33:
            break
        scale = wanted
    else:
        lines, words = _detect_at(model, image, scale)
    if not lines and min(image.shape[:2]) > 64:  # or too large: once more, from further away
        lines, words = _detect_at(model, image, 0.25 * min(1.0, 1280 / side))
    return lines or _few_marks(image), words


def _few_marks(image: np.ndarray) -> list[Box]:
    """A box around all ink of a picture that holds next to nothing, such as a 1 that stands alone.

    No box if there are more than a few marks, or if they reach the edges.
    """
    grey = as_grey(image)
    contrast = contrast_to_paper(grey)
    ink = (contrast > max(40, 0.5 * float(contrast.max()))).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink)
    x, y, w, h = cv2.boundingRect(ink)
    inside = x > 0 and y > 0 and x + w < grey.shape[1] and y + h < grey.shape[0]
    if not 2 <= count <= 5 or not inside or h < 6 or w > 4 * h:
        return []
    return [Box(rectangle(x, y, x + w, y + h), 0.5)]


def _detect_at(model: Detector, image: np.ndarray, scale: float) -> tuple[list[Box], list[Box]]:
    h, w = image.shape[:2]
    scale = min(scale, (MOST_PIXELS / (h * w)) ** 0.5)
    # A strip is made thicker, and therefore shorter.
    width, height = (min(max(16, round(n * scale)), MOST_PIXELS // 16) for n in (w, h))
    size = (width, height)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, size, interpolation=way)
    grey = as_grey(small)
    lines, words = detect(model, grey)
    lines = whole(each_line(lines, grey), grey)
    back = np.array([w / size[0], h / size[1]], np.float32)
    lines, words = ([Box(b.corners * back, b.score) for b in boxes] for boxes in (lines, words))
    return lines, words


def whole(boxes: list[Box], grey: np.ndarray) -> list[Box]:
    """Boxes, the short ones among them grown to the letters that they touch.

    A net that looks for lines finds a large digit that stands alone by a piece of it, or by two.

    Args:
        boxes: in a picture.
        grey: the picture, uint8[H, W].
    """
    short = [b for b in boxes if b.width <= 2.5 * b.height]
    if len(short) > MOST_SHORT:  # a pattern, or a page that lies on its side
        return boxes
    found = [b for b in boxes if b.width > 2.5 * b.height]
    taken = np.zeros((0, 2, 2))
    for box in sorted(short, key=lambda b: -b.width * b.height):
        corners = _letters_under(box, grey)
        low, high = corners[0], corners[2]
        shared = (np.minimum(high, taken[:, 1]) - np.maximum(low, taken[:, 0])).clip(0).prod(1)
        if shared.max(initial=0) < 0.6 * np.prod(high - low):
            taken = np.concatenate([taken, [[low, high]]])
            found.append(Box(corners, box.score))
    return found


def _letters_under(box: Box, grey: np.ndarray) -> np.ndarray:
    """Corners float32[4, 2] of the connected ink that a short box touches, or its own."""
    low, high = box.corners.min(0), box.corners.max(0)
    for least in (40, 160, 160):  # a dot above its letter is reached in a later round
        reach = max(2 * float(max(high - low)), least)
        x0, y0 = np.maximum(low - reach, 0).astype(int)
        x1, y1 = np.minimum(high + reach + 1, grey.shape[::-1]).astype(int)
        patch = grey[y0:y1, x0:x1]
        if min(patch.shape) < 3:
            return box.corners
        few = patch[:: max(1, patch.shape[0] // 64), :: max(1, patch.shape[1] // 64)]
        paper = int(np.median(few))
        contrast = cv2.absdiff(patch, np.full_like(patch, paper))
        inner = contrast[
            int(low[1] - y0) : int(high[1] - y0) + 2, int(low[0] - x0) : int(high[0] - x0) + 2
        ]
        if inner.max(initial=0) < 20:
            return box.corners
        ink = (contrast > max(0.5 * inner.max(), 20)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
        a, b = np.floor(low - (x0, y0)).astype(int).clip(0), np.ceil(high - (x0, y0)).astype(int)
        touched = [i for i in np.unique(labels[a[1] : b[1] + 1, a[0] : b[0] + 1]) if i]
        left, top, wide, tall = stats[touched, :4].T if touched else np.zeros((4, 0))
        # What goes on beyond the patch is a rule, a frame or a picture, or larger than expected.
        inside = (left > 0) & (top > 0)
        inside &= (left + wide < patch.shape[1]) & (top + tall < patch.shape[0])
        if not inside.any():
            if least == 40:
                continue
            return box.corners
        low = np.array([left[inside].min() + x0, top[inside].min() + y0], float)
        high = np.array([(left + wide)[inside].max() + x0, (top + tall)[inside].max() + y0], float)
        if least == 40 and inside.all():
            break
    return rectangle(*low, *high)
