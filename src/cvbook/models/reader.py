"""Read a whole picture (mailru, system S9).

The lines are detected, put in order, cut out straight and recognised.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cvbook.models import weights
from cvbook.models.cropping import LONGEST_WARP, crop, resized
from cvbook.models.detector import Detector
from cvbook.models.finding import find_lines
from cvbook.models.ink import by_ink, runs, to_the_end
from cvbook.models.layout import reading_order, slope
from cvbook.models.marks import lone_marks, without_leaders
from cvbook.models.recogniser import Recogniser, prepare, read_lines
from cvbook.models.turning import tilt_of, turn
from cvbook.models.word_shapes import Company, likely_words

DOUBTFUL = 0.85  # mean confidence below which a picture may be the wrong way round
QUARTERS = (0, 90, 180, 270)
# Confidence below which something is taken for no text. Set on photographs that came with
# scikit-image, and on words and digits that stand alone.
LEAST = 0.4


@dataclass
class ReadLine:
    """A line that was read.

    Attributes:
        text: what it says.
        corners: float32[4, 2], in pixels of the picture, clockwise from the upper left.
        confidence: what share of its characters is right, as such lines go; 0 to 1.
        row: pieces of one row have the same number.
        turned: degrees by which the picture was turned clockwise to read it.
    """

    text: str
    corners: np.ndarray
    confidence: float
    row: int
    turned: float = 0.0


def cut_long(line: np.ndarray, longest: int = 1100) -> list[np.ndarray]:
    """A prepared line uint8[32, W] in parts no longer than training saw, cut where it is blank."""
    parts = []
    while line.shape[1] > longest:
        window = line[:, longest // 2 : longest].astype(np.float32)
        ink = np.abs(window - np.median(line)).max(0)
        starts, ends = runs(ink < 0.25 * max(ink.max(), 1))
        at = longest
        if len(starts):  # in the middle of the widest gap
            widest = int(np.argmax(ends - starts))
            at = longest // 2 + int(starts[widest] + ends[widest]) // 2
        parts.append(line[:, :at])
        line = line[:, at:]
    return [*parts, line]


class Reader:
    """Detector and recogniser together.

    Args:
        detector, recogniser: models; None loads the shipped ones.
    """

    def __init__(self, detector: Detector | None = None, recogniser: Recogniser | None = None):
        self.detector = detector or weights.detector()
        self.recogniser = recogniser or weights.recogniser()

    def recognise(
        self, crops: list[np.ndarray], margin: int = 0, page: bool = False
    ) -> list[tuple[str, float]]:
        """Text and confidence of each line picture uint8[H, W(, 3)]; the margin is `collate`'s.

        Lines of one page bear witness to each other's script, the long ones first. The confidence
        is what share of the characters is right, as such lines go.
        """
        parts = [cut_long(prepare(c, longest=LONGEST_WARP)) for c in crops]
        texts, sure = read_lines(
            self.recogniser,
            [part for line in parts for part in line],
            margin=margin,
            settle=Company() if page else likely_words,
        )
        at, right = np.asarray(self.recogniser.calibration, float)
        found, first = [], 0
        for line in parts:
            own = slice(first, first + len(line))
            first += len(line)
            lengths = [max(len(text), 1) for text in texts[own]]
            mean = float(np.average(sure[own], weights=lengths))
            text = " ".join(text.strip() for text in texts[own]).strip()
            found.append((text, float(np.interp(mean, at, right))))
        return found

    def read(self, image: np.ndarray, least: float = LEAST) -> list[ReadLine]:
        """Lines of a picture in reading order; an empty list if none is found.

        Where the text makes no sense, the picture is turned, and read again the way that makes the
        most of it.

        Args:
            image: uint8[H, W, 3] RGB or uint8[H, W] grey.
            least: confidence below which a line is taken for no text.
        """
        found, slant, share = self._read_at(image, 0.0)
        if (_quality(found) < DOUBTFUL or abs(slant) > 8) and image.std() > 4:
            angle = self._upright(image, share)
            if angle:
                found, _, _ = self._read_at(image, angle)
        return [line for line in found if line.confidence >= least]

    def _read_at(self, image: np.ndarray, angle: float) -> tuple[list[ReadLine], float, float]:
        """What is read of a picture turned clockwise by an angle in degrees.

        Then how the turned picture slants, and what share of its boxes could be read.
        """
        turned, back = turn(image, angle)
        boxes, words = find_lines(self.detector, turned)
        clean, lines = without_leaders(turned, boxes)
        lines += lone_marks(clean, lines)
        rows = reading_order(*by_ink(clean, lines, words))
        placed = [(to_the_end(clean, b.corners), row) for row, m in enumerate(rows) for b in m]
        read = self.recognise([crop(clean, corners) for corners, _ in placed], page=True)
        found = [
            ReadLine(text, cv2.transform(corners[None], back)[0], sure, row, angle)
            for (corners, row), (text, sure) in zip(placed, read, strict=True)
            if text
        ]
        slant = float(np.degrees(slope(boxes)))
        return found, slant, _share([corners for corners, _ in placed], read)

    def _upright(self, image: np.ndarray, share: float) -> float:
        """By how many degrees a picture should be turned clockwise; 0 if it is best as it is.

        A small picture of it is turned all ways, and a few of its lines are read.

        Args:
            share: of its boxes that could be read as it is.
        """
        h, w = image.shape[:2]
        # Of a long strip a part in its middle tells.
        most = 3 * min(h, w)
        part = image[max(0, (h - most) // 2) :, max(0, (w - most) // 2) :][:most, :most]
        small = resized(part, min(1.0, 1600 / max(part.shape[:2])), cv2.INTER_AREA)
        tilt = tilt_of(small)
        # Lines that nearly are level are cut out level.
        tilt = tilt if abs(tilt) > 2 and max(h, w) < LONGEST_WARP / 2 else 0.0
        best, best_angle = share + 0.08, 0.0
        for angle in sorted(
            {start + quarter for start in (0.0, tilt % 90) for quarter in QUARTERS}
        ):
            turned, _ = turn(small, angle)
            boxes, _ = find_lines(self.detector, turned)
            boxes = sorted(boxes, key=lambda b: -b.width)[:10]
            level = [b for b in boxes if abs(b.corners[1, 1] - b.corners[0, 1]) < 0.5 * b.width]
            read = self.recognise([crop(turned, b.corners) for b in level])
            share = _share([b.corners for b in level], read, sum(b.width for b in boxes))
            # A few letters look like others when they stand on their head.
            if share > best and sum(len(text) for text, _ in read) >= 12:
                best, best_angle = share, angle
        return best_angle


def _quality(lines: list[ReadLine]) -> float:
    """Mean confidence over all characters; 0 for no text."""
    lengths = [len(line.text) for line in lines]
    return float(np.average([r.confidence for r in lines], weights=lengths)) if lines else 0.0


def _share(
    boxes: list[np.ndarray], read: list[tuple[str, float]], length: float | None = None
) -> float:
    """Mean confidence over the length of boxes, of which those without text have none."""
    widths = [float(np.linalg.norm(corners[1] - corners[0])) for corners in boxes]
    sure = sum(w * c for w, (text, c) in zip(widths, read, strict=True) if text)
    return sure / max(sum(widths) if length is None else length, 1e-6)


def page_text(lines: list[ReadLine]) -> str:
    """The text of a page: one line per row, pieces of a row joined by spaces."""
    rows: dict[int, list[str]] = {}
    for line in lines:
        rows.setdefault(line.row, []).append(line.text)
    return "\n".join(" ".join(pieces) for pieces in rows.values())
