"""Read a whole picture (mailru, system S9).

The lines are detected, put in order, cut out straight and recognised.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cvbook.models import weights
from cvbook.models.detector import Box, Detector, detect
from cvbook.models.recogniser import Recogniser, prepare, read_lines

INK_HEIGHT = 20.0  # pixels: the height of a line at which the detector is at its best
LONGEST_SIDE = 2600  # pixels: larger pictures are searched at this size


@dataclass
class ReadLine:
    """A line that was read.

    Attributes:
        text: what it says.
        corners: float32[4, 2], in pixels of the picture, clockwise from the upper left.
        confidence: mean probability of its characters.
        row: pieces of one row have the same number.
    """

    text: str
    corners: np.ndarray
    confidence: float
    row: int


def find_lines(model: Detector, image: np.ndarray) -> list[Box]:
    """Lines of a picture of any size.

    A first look tells how tall the text is; a second one is taken at the right scale.
    """
    longest = max(image.shape[:2])
    scale = min(1.0, 1280 / longest)
    for _ in range(2):
        boxes = _detect_at(model, image, scale)
        if not boxes:
            # Nothing found: the text may be too small to see. Look once more, closer.
            wanted = min(2.0 * scale, LONGEST_SIDE / longest, 3.0)
        else:
            lengths = np.array([b.width for b in boxes])
            heights = np.array([b.height for b in boxes])
            # Long lines count for more: specks and page numbers do not decide the scale.
            order = np.argsort(heights)
            middle = heights[order][np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)]
            wanted = float(np.clip(INK_HEIGHT / middle, 0.05, min(LONGEST_SIDE / longest, 4.0)))
        if 0.75 < wanted / scale < 1.33:
            break
        scale = wanted
    else:
        boxes = _detect_at(model, image, scale)
    return boxes


def _detect_at(model: Detector, image: np.ndarray, scale: float) -> list[Box]:
    h, w = image.shape[:2]
    size = (max(16, round(w * scale)), max(16, round(h * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    lines, _ = detect(model, cv2.resize(image, size, interpolation=way))
    back = np.array([w / size[0], h / size[1]], np.float32)
    return [Box(b.corners * back, b.score) for b in lines]


def reading_order(boxes: list[Box]) -> list[list[int]]:
    """Rows of box numbers, in reading order.

    Columns go from left to right, rows from top to bottom, pieces of a row from left to right. The
    page is turned level first (by the median slope of its lines), then cut recursively: where a
    white strip crosses it from side to side or from top to bottom (XY-cut, Nagy and Seth 1984).
    """
    if not boxes:
        return []
    slopes = []
    for box in boxes:
        if box.width > 2 * box.height:
            run, rise = box.corners[1] - box.corners[0]
            slopes.append(np.arctan2(rise, run))
    angle = float(np.median(slopes)) if slopes else 0.0
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = np.stack([b.corners for b in boxes]) @ turn.T  # n,4,2
    low, high = points.min(1), points.max(1)  # n,2
    # The true height, not that of the turned bounding box, which grows with a sloping line.
    middle = points[..., 1].mean(1)
    tall = np.array([b.height for b in boxes])
    low[:, 1], high[:, 1] = middle - 0.4 * tall, middle + 0.4 * tall
    unit = float(np.median(tall))

    def beside(i: int, row: list[int]) -> bool:
        off = abs(middle[i] - np.mean(middle[row]))
        return off < 0.5 * min(tall[i], np.mean(tall[row]))

    def rows(which: np.ndarray) -> list[list[int]]:
        found: list[list[int]] = []
        for i in which[np.argsort(middle[which])]:
            if found and beside(i, found[-1]):
                found[-1].append(int(i))
            else:
                found.append([int(i)])
        return [sorted(row, key=lambda i: low[i, 0]) for row in found]

    def gaps(which: np.ndarray, axis: int, least: float) -> list[np.ndarray]:
        order = which[np.argsort(low[which, axis])]
        reach = np.maximum.accumulate(high[order, axis])
        cuts = np.flatnonzero(low[order[1:], axis] - reach[:-1] > least) + 1
        return np.split(order, cuts)

    def cut(which: np.ndarray) -> list[list[int]]:
        columns = gaps(which, 0, 1.2 * unit)
        # A gap beside a row or two is a wide space, not a gutter: both sides of a gutter have
        # several rows.
        if len(columns) > 1 and min(len(rows(c)) for c in columns) >= 3:
            return [row for column in columns for row in cut(column)]
        blocks = gaps(which, 1, 0.9 * unit)
        if len(blocks) > 1:
            return [row for block in blocks for row in cut(block)]
        return rows(which)

    return cut(np.arange(len(boxes)))


def crop(image: np.ndarray, corners: np.ndarray, margin: float = 0.12) -> np.ndarray:
    """Cut a box out of a picture, turned level: uint8[H, W(, 3)].

    Args:
        image: uint8[H, W] or uint8[H, W, 3].
        corners: float32[4, 2] of the box, clockwise from the upper left.
        margin: around it, in parts of its height.
    """
    width = float(np.linalg.norm(corners[1] - corners[0]))
    height = float(np.linalg.norm(corners[3] - corners[0]))
    pad = margin * height
    size = (max(4, round(width + 2 * pad)), max(4, round(height + 2 * pad)))
    source = corners[:3].astype(np.float32)
    target = np.array([[pad, pad], [pad + width, pad], [pad + width, pad + height]], np.float32)
    turn = cv2.getAffineTransform(source, target)
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, turn, size, flags=cv2.INTER_LINEAR, borderMode=border)


class Reader:
    """Detector and recogniser together.

    Args:
        detector, recogniser: models; None loads the shipped ones.
    """

    def __init__(self, detector: Detector | None = None, recogniser: Recogniser | None = None):
        self.detector = detector or weights.detector()
        self.recogniser = recogniser or weights.recogniser()

    def lines(self, image: np.ndarray) -> list[tuple[np.ndarray, int, np.ndarray]]:
        """Where the lines of a picture are, in reading order.

        Args:
            image: uint8[H, W, 3] RGB or uint8[H, W] grey.

        Returns:
            For each line its corners float32[4, 2], its row, and its picture, cut out and turned
            level.
        """
        boxes = find_lines(self.detector, image)
        return [
            (boxes[i].corners, row, crop(image, boxes[i].corners))
            for row, members in enumerate(reading_order(boxes))
            for i in members
        ]

    def recognise(self, crops: list[np.ndarray], margin: int = 0) -> list[tuple[str, float]]:
        """Text and confidence of each line picture uint8[H, W(, 3)]; the margin is `collate`'s."""
        texts, confidences = read_lines(self.recogniser, [prepare(c) for c in crops], margin=margin)
        return [(text.strip(), sure) for text, sure in zip(texts, confidences, strict=True)]

    def read(self, image: np.ndarray) -> list[ReadLine]:
        """Lines of a picture in reading order; an empty list if none is found.

        Args:
            image: uint8[H, W, 3] RGB or uint8[H, W] grey.
        """
        found = self.lines(image)
        read = self.recognise([picture for _, _, picture in found])
        return [
            ReadLine(text, corners, confidence, row)
            for (corners, row, _), (text, confidence) in zip(found, read, strict=True)
            if text
        ]


def page_text(lines: list[ReadLine]) -> str:
    """The text of a page: one line per row, pieces of a row joined by spaces."""
    rows: dict[int, list[str]] = {}
    for line in lines:
        rows.setdefault(line.row, []).append(line.text)
    return "\n".join(" ".join(pieces) for pieces in rows.values())
