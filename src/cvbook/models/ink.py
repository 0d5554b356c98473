"""What the ink says about boxes: where lines begin and end, and what divides them."""

import cv2
import numpy as np

from cvbook.models.cropping import as_grey, crop
from cvbook.models.detector import Box
from cvbook.models.layout import part

FAINT = 8  # levels of grey: a box with less contrast holds nothing
APART = 0.25  # of a line's height: white as wide lies between words
BLANK = 0.5  # of a line's height: more white at an end is no margin


def contrast_to_paper(grey: np.ndarray) -> np.ndarray:
    """How much each pixel of a picture uint8[H, W] differs from the commonest grey: uint8[H, W]."""
    return cv2.absdiff(grey, np.full_like(grey, int(np.median(grey))))


def is_ink(grey: np.ndarray) -> np.ndarray:
    """Where a line uint8[H, W] has ink, bool[H, W]: half as dark as its darkest, and visible."""
    contrast = contrast_to_paper(grey)
    return np.asarray(contrast > max(0.5 * float(np.percentile(contrast, 98)), 20))


def runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where runs of True in bool[N] begin, and where they have ended."""
    turns = np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]])))
    return turns[::2], turns[1::2]


def each_line(boxes: list[Box], grey: np.ndarray) -> list[Box]:
    """Boxes of which each holds one line, where some hold two that nearly touch.

    Across a line most ink lies between the base line and the height of an x. A box with several
    such bands of one thickness, and next to nothing between them, holds several lines.

    Args:
        boxes: of lines, in a picture.
        grey: the picture, uint8[H, W].
    """
    found = []
    for box in boxes:
        edges = _edges(crop(grey, box.corners, 0.0, 0.0)) if box.width > box.height else []
        if not edges:
            found.append(box)
        upper, lower = box.corners[[0, 1]], box.corners[[3, 2]]
        for start, end in edges:
            corners = [(1 - at) * upper + at * lower for at in (start, end)]
            found.append(Box(np.concatenate([corners[0], corners[1][::-1]]), box.score))
    return found


def _edges(line: np.ndarray) -> list[tuple[float, float]]:
    """Where each of several lines in a crop uint8[H, W] begins and ends, in parts of H.

    An empty list if it may be one line.
    """
    inked = is_ink(line).mean(1)
    starts, ends = runs(inked > 0.4 * inked.max(initial=0))
    thick = ends - starts
    own = thick >= max(3, 0.6 * thick.max(initial=0))
    if own.sum() < 2:
        return []
    # What is thinner is a rule, a frame or the bar of an E, unless the box's edge cuts it.
    cut = ~own & ((starts == 0) | (ends == len(line)))
    between = [inked[a:b].min() for a, b in zip(ends[:-1], starts[1:], strict=True)]
    white = starts[1:] - ends[:-1]
    if not (own | cut).all() or max(between) > 0.3 * inked.max() or white.max() > 1.6 * thick.max():
        return []
    # What reaches above and below a band is as much again as half of it.
    middle = (ends[:-1] + starts[1:]) / 2
    tops = np.r_[max(0.0, starts[0] - 0.5 * thick[0]), middle]
    ends = np.r_[middle, min(len(line), ends[-1] + 0.5 * thick[-1])]
    return [(a / len(line), b / len(line)) for a, b in zip(tops[own], ends[own], strict=True)]


def to_the_end(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """A box made longer where ink goes on at its ends, such as that of a first letter cut in two.

    Args:
        image: uint8[H, W] or uint8[H, W, 3].
        corners: float32[4, 2], clockwise from the upper left.

    Returns:
        The same, at most one height longer at each end.
    """
    height = float(np.linalg.norm(corners[3] - corners[0]))
    width = float(np.linalg.norm(corners[1] - corners[0]))
    grey = as_grey(crop(image, corners, 0.0, 1.0))
    contrast = contrast_to_paper(grey).astype(np.float32)
    # A column that is ink from top to bottom is a rule or a frame.
    filled = np.asarray(contrast > max(0.4 * float(np.percentile(contrast, 98)), 20)).mean(0)
    some = (filled > 0.04) & (filled < 0.95)
    pad, letters_apart = min(round(height), len(some) // 2), max(1, round(0.12 * height))
    if pad < letters_apart:
        return corners
    along = (corners[1] - corners[0]) / max(width, 1e-6)
    grown = corners.copy()
    for side, columns in ((-1, some[:pad][::-1]), (1, some[-pad:])):
        # Up to the first gap as wide as those between letters.
        white = np.convolve(~columns, np.ones(letters_apart), "valid")
        gaps = np.flatnonzero(white >= letters_apart)
        more = float(gaps[0]) if len(gaps) else 0.0
        grown[[0, 3] if side < 0 else [1, 2]] += side * more * along
    return grown


def by_ink(image: np.ndarray, lines: list[Box], words: list[Box]) -> tuple[list[Box], list[Box]]:
    """Lines without blank ends, and their words as white divides them; blank lines are left out.

    A net that looks for lines goes on a little where they end, into a gutter, and may find one
    where there is none.

    Args:
        image: uint8[H, W] or uint8[H, W, 3].
        lines, words: as they were found. Words stay in lines whose ink has no gaps, such as those
            that are underlined.
    """
    kept: list[Box] = []
    divided: list[Box] = []
    solid: list[Box] = []
    for box in lines:
        # Within a column, since a photographed line may lie half in the shade.
        low, high = np.percentile(as_grey(crop(image, box.corners, 0.0, 0.0)), (3, 97), axis=0)
        span = high - low
        if span.max() < FAINT:
            continue
        usual = float(np.percentile(span, 98))
        some, any_ = (span > max(share * usual, FAINT) for share in (0.4, 0.25))
        starts, ends = runs(some)
        if not len(starts):
            kept.append(box)
            solid.append(box)
            continue
        gap = starts[1:] - ends[:-1] >= max(2.0, APART * box.height)
        starts, ends = starts[np.r_[True, gap]], ends[np.r_[gap, True]]
        inked = np.flatnonzero(any_)
        first = inked[0] if inked[0] > BLANK * box.height else 0
        last = inked[-1] + 1 if len(some) - inked[-1] > BLANK * box.height else len(some)
        kept.append(part(box, first / len(some), last / len(some)))
        if len(starts) == 1 and box.width > 8 * box.height:
            solid.append(box)
            continue
        divided += [
            part(box, a / len(some), b / len(some)) for a, b in zip(starts, ends, strict=True)
        ]
    for word in words:
        x, y = word.corners.mean(0).tolist()
        if any(cv2.pointPolygonTest(b.corners, (x, y), False) >= 0 for b in solid):
            divided.append(word)
    return kept, divided
