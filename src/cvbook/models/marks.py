"""Small marks: rows of dots, which are no text, and single characters, which a net overlooks."""

import cv2
import numpy as np

from cvbook.models.cropping import as_grey, crop, rectangle, resized
from cvbook.models.detector import Box
from cvbook.models.ink import is_ink, runs
from cvbook.models.layout import part, slope

DOTS = 5  # in a row: an ellipsis has fewer
MOST_MARKS = 400  # that stand alone: more are a pattern
HEIGHT = 20.0  # pixels: the usual height of a line in the picture that is searched for marks


def without_leaders(image: np.ndarray, lines: list[Box]) -> tuple[np.ndarray, list[Box]]:
    """A picture without rows of dots and blanks to fill in, and its lines divided there.

    Args:
        image: uint8[H, W] or uint8[H, W, 3].
        lines: in it.

    Returns:
        The same picture if there are none, or a copy, and the boxes of what else is there.
    """
    found, clean = [], image
    for box in lines:
        if box.width < 4 * box.height:
            found.append(box)
            continue
        leaders, letters, paper = _leaders(crop(image, box.corners, 0.0, 0.0))
        if not leaders:
            found.append(box)
            continue
        edge, long, clean = 0.0, len(letters), image.copy() if clean is image else clean
        for start, end in [*leaders, (long, long)]:
            if letters[round(edge) : round(start)].any():
                found.append(part(box, edge / long, start / long))
            edge = end
            if end > start:
                blank = part(box, start / long, end / long).corners
                cv2.fillPoly(clean, [np.round(blank).astype(np.int32)], paper)
    return clean, found


def _leaders(line: np.ndarray) -> tuple[list[tuple[float, float]], np.ndarray, list[int]]:
    """Where rows of dots and rules without letters begin and end in a line uint8[H, W(, 3)].

    Then the columns with letters, bool[W], and the colour of the paper.
    """
    grey = as_grey(line)
    ink = is_ink(grey).astype(np.uint8)
    _, labels, stats, centres = cv2.connectedComponentsWithStats(ink)
    tall, (left, _, wide, high) = len(grey), stats[:, :4].T
    dot, rule = (wide < 0.4 * tall) & (high < 0.25 * tall), (wide > tall) & (high < 0.15 * tall)
    dot[0] = rule[0] = False
    letters = np.asarray(ink * ~(dot | rule)[labels], bool).any(0)
    rules = zip(left[rule], (left + wide)[rule], strict=True)
    found = [(float(a), float(b)) for a, b in rules if not letters[a:b].any()]
    found += _rows_of_dots(centres[dot], letters, tall)
    paper = np.median(line.reshape(grey.size, -1), axis=0)  # H*W,C
    return sorted(found), letters, [int(value) for value in paper]


def _rows_of_dots(centres: np.ndarray, letters: np.ndarray, tall: int) -> list[tuple[float, float]]:
    """Where rows of dots begin and end in a line.

    Args:
        centres: of dots, float64[n, 2], pixels.
        letters: bool[W], the columns in which there is other ink.
        tall: the height of the line.
    """
    if len(centres) < DOTS:
        return []
    x, y = centres[np.argsort(centres[:, 0])].T
    step, before = np.diff(x), np.cumsum(letters)[x.astype(int)]
    usual = float(np.median(step))
    goes_on = (step < tall) & (abs(step - usual) < max(1.5, 0.3 * usual))
    goes_on &= (abs(np.diff(y)) < 0.1 * tall) & (np.diff(before) == 0)
    return [
        (max(0.0, float(x[a]) - 0.5 * usual), min(float(len(letters)), float(x[b]) + 0.5 * usual))
        for a, b in zip(*runs(goes_on), strict=True)
        if b - a >= DOTS - 1
    ]


def lone_marks(image: np.ndarray, lines: list[Box]) -> list[Box]:
    """Boxes of marks that no line covers and that stand beside one: a 1 in a cell of a table.

    Args:
        image: uint8[H, W] or uint8[H, W, 3].
        lines: in it.
    """
    if not lines:
        return []
    scale = min(1.0, HEIGHT / float(np.median([b.height for b in lines])))
    grey = as_grey(resized(image, scale, cv2.INTER_AREA))
    size = np.array([grey.shape[1] / image.shape[1], grey.shape[0] / image.shape[0]], np.float32)
    corners = np.stack([b.corners for b in lines]) * size  # n,4,2
    heights = np.array([b.height for b in lines]) * scale
    covered = np.zeros_like(grey)
    for box in corners:
        cv2.fillPoly(covered, [np.round(box).astype(np.int32)], [1])
    usual = float(np.median(heights))
    # What stands as close to a line as a letter does is the line's own.
    covered = cv2.dilate(covered, np.ones((1, 2 * round(0.4 * usual) + 1), np.uint8))
    around = 2 * round(2 * usual) + 1
    contrast = cv2.absdiff(grey, cv2.blur(grey, (around, around)))
    few = contrast[:: max(1, grey.shape[0] // 512), :: max(1, grey.shape[1] // 512)]
    least = max(24.0, 0.4 * float(np.percentile(few, 99)))
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.asarray(contrast > least, np.uint8))
    wide, tall = stats[1:, 2:4].T
    fits = (tall > 0.45 * heights.min()) & (tall < 1.2 * heights.max()) & (wide < 1.5 * tall)
    angle, centres, marks = slope(lines), corners.mean(1), []
    for x, y, w, h in stats[1:, :4][fits] if fits.sum() < 40 * MOST_MARKS else ():
        if covered[y : y + h, x : x + w].any():
            continue
        off = np.array([x + w / 2, y + h / 2]) - centres
        level = np.abs(off[:, 1] * np.cos(angle) - off[:, 0] * np.sin(angle)) < 0.3 * heights
        if (level & (h > 0.45 * heights) & (h < 1.2 * heights)).any():
            marks.append((x, y, x + w, y + h))
    if len(marks) > MOST_MARKS:
        return []
    return [Box(rectangle(*mark) / size, 0.5) for mark in _joined(marks)]


def _joined(marks: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Marks (left, top, right, bottom), those of one row that nearly touch as one."""
    joined: list[tuple[int, int, int, int]] = []
    for x0, y0, x1, y1 in sorted(marks):
        a, b, c, d = joined[-1] if joined else (x0, y0, x1, y1)
        if joined and x0 - c < 0.5 * (y1 - y0) < min(d, y1) - max(b, y0):
            joined[-1] = (a, min(b, y0), max(c, x1), max(d, y1))
        else:
            joined.append((x0, y0, x1, y1))
    return joined
