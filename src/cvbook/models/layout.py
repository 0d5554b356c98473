"""In which order the lines of a page are read: columns, tables, headings over columns."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cvbook.models.detector import Box

SPACE = 0.25  # of a line's height: what lies closer together is one word, or two with a space
SHARE = 0.35  # of the lines may run across a gutter, such as headings
FEW = 0.45  # of the lines that cross, up to which a gutter is beyond doubt


@dataclass(frozen=True, eq=False)
class Piece:
    """A line, or a part of one, on a page that was turned level.

    Attributes:
        box: in pixels of the picture.
        left, right, middle, height: on the level page, pixels.
        gaps: float[n, 2], where white divides its words.
        words: how many.
    """

    box: Box
    left: float
    right: float
    middle: float
    height: float
    gaps: np.ndarray
    words: int

    def split(self, left: float, right: float) -> tuple["Piece", "Piece"]:
        """What lies on either side of a gap of it, from left to right on the level page."""
        span = self.right - self.left
        a, b = (left - self.left) / span, (right - self.left) / span
        share = round(self.words * (a + b) / 2)
        first, second = self.gaps[self.gaps[:, 1] <= left], self.gaps[self.gaps[:, 0] >= right]
        return (
            replace(self, box=part(self.box, 0, a), right=left, gaps=first, words=share),
            replace(
                self, box=part(self.box, b, 1), left=right, gaps=second, words=self.words - share
            ),
        )


def part(box: Box, start: float, end: float) -> Box:
    """A box between two parts of its width."""
    upper, lower = box.corners[[0, 1]], box.corners[[3, 2]]
    at = np.array([[1 - start, start], [1 - end, end]], np.float32)
    return Box(np.concatenate([at @ upper, (at @ lower)[::-1]]), box.score)


def slope(boxes: list[Box]) -> float:
    """The median slope of long boxes, in radians; clockwise is positive.

    What lines so short cannot show is none.
    """
    long = [b for b in boxes if b.width > 2 * b.height]
    if not long:
        return 0.0
    angles = [np.arctan2(rise, run) for run, rise in (b.corners[1] - b.corners[0] for b in long)]
    angle = float(np.median(angles))
    seen = abs(np.tan(angle)) * np.median([b.width for b in long])
    return angle if seen > 0.1 * np.median([b.height for b in long]) else 0.0


def pieces(lines: list[Box], words: list[Box]) -> list[Piece]:
    """Lines with the gaps between their words, on a page turned level by its median slope."""
    angle = slope(lines)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = np.stack([b.corners for b in lines]) @ turn.T  # n,4,2
    left, right = points[..., 0].min(1), points[..., 0].max(1)
    # The true height, not that of the turned bounding box, which grows with a sloping line.
    middle, height = points[..., 1].mean(1), np.array([b.height for b in lines])
    inner = np.stack([b.corners for b in words]) @ turn.T if words else np.zeros((0, 4, 2))
    first, last, level = inner[..., 0].min(1), inner[..., 0].max(1), inner[..., 1].mean(1)
    centre, found = (first + last) / 2, []
    for box, x0, x1, y, h in zip(lines, left, right, middle, height, strict=True):
        own = np.flatnonzero((abs(level - y) < 0.4 * h) & (x0 < centre) & (centre < x1))
        own = own[np.argsort(first[own])]
        reach = np.maximum.accumulate(last[own])
        white = np.stack([reach[:-1], first[own][1:]], 1) if len(own) else np.zeros((0, 2))
        white = white[white[:, 1] - white[:, 0] > SPACE * h].clip(x0, x1)
        found.append(Piece(box, x0, x1, y, h, white, max(1, len(own))))
    return found


def rows(which: list[Piece]) -> list[list[Piece]]:
    """Pieces that stand beside each other, from top to bottom and from left to right."""
    found: list[list[Piece]] = []
    for piece in sorted(which, key=lambda p: p.middle):
        if found:
            off = abs(piece.middle - np.mean([p.middle for p in found[-1]]))
            tall = float(np.mean([p.height for p in found[-1]]))
            if off < 0.5 * min(piece.height, tall):
                found[-1].append(piece)
                continue
        found.append([piece])
    return [sorted(row, key=lambda p: p.left) for row in found]


def _gutter(which: list[Piece], unit: float) -> tuple[float, float] | None:
    """The white strip from top to bottom that the fewest lines cross; None if there is none.

    Few lines leave a strip free by chance, many do not: so it may be narrower where there are many.
    """
    left, right, middle = (
        np.array([getattr(p, side) for p in which]) for side in ("left", "right", "middle")
    )
    level = np.round(middle / unit).astype(int)
    least = unit * (0.4 if len(np.unique(level)) >= 8 else 1.0)
    owner = np.repeat(np.arange(len(which)), [len(p.gaps) for p in which])
    opens, closes = np.concatenate([p.gaps for p in which]).T
    best, found = (SHARE, 0.0), None
    ends = np.unique(np.round(np.concatenate([right, opens]) / (0.25 * unit))) * 0.25 * unit
    for x in ends + 0.5 * least:
        on_left, on_right, divided = right <= x, left >= x, (opens <= x) & (x <= closes)
        start = np.concatenate([right[on_left], opens[divided]]).max(initial=-np.inf)
        end = np.concatenate([left[on_right], closes[divided]]).min(initial=np.inf)
        if not np.isfinite(end - start) or end - start < least:
            continue
        crosses = ~on_left & ~on_right
        crosses[owner[divided]] = False
        on_left[owner[divided]] = on_right[owner[divided]] = True
        # Runs of lines that nothing crosses, and how high each is on its lower side.
        run = np.searchsorted(np.sort(middle[crosses]), middle, "right")
        heights = [
            np.bincount(
                np.unique(np.stack([run, level])[:, side], axis=1)[0], minlength=run.max() + 1
            )
            for side in (on_left, on_right)
        ]
        longest = np.minimum(*heights).max()
        # Fewest crossings first, then the widest.
        case = (float(crosses.mean()), float(start - end))
        if longest >= _least_run(end - start, unit) and case < best:
            best, found = case, (float(start), float(end))
    return found


def _least_run(width: float, unit: float) -> int:
    """How many lines a gutter must have on both sides: a narrow one may be a river of spaces."""
    return 3 if width >= 1.2 * unit else 5


def _running(side: list[Piece]) -> bool:
    """Whether columns hold running text: lines of several words that fill them."""
    edge, room = float(np.percentile([p.right for p in side], 90)), []
    for row in rows(side):
        ends = [*(p.left for p in row[1:]), max(edge, row[-1].right)]
        room += [
            (p.right - p.left) / max(end - p.left, 1) for p, end in zip(row, ends, strict=True)
        ]
    return bool(np.mean(room) > 0.6 and np.mean([p.words for p in side]) >= 3)


def _aligned(one: list[Piece], other: list[Piece], unit: float) -> bool:
    """Whether the shorter of two columns has its lines at the heights of the other's."""
    short, long = sorted(([p.middle for p in side] for side in (one, other)), key=len)
    near = np.abs(np.subtract.outer(short, long)).min(1) < 0.35 * unit
    return bool(near.mean() > 0.7)


def reading_order(lines: list[Box], words: list[Box] | None = None) -> list[list[Box]]:
    """Rows of boxes, in reading order.

    A page is cut recursively, as in the XY-cut of Nagy and Seth (1984): columns of running text one
    after the other, what runs across them in between, and everything else, tables and forms too,
    row by row. A line that was found across a gutter is divided there.

    Args:
        lines: of a page.
        words: of the same page; without them lines are not divided.
    """
    if not lines:
        return []
    every = pieces(lines, words or [])
    unit = float(np.median([p.height for p in every]))

    def blocks(which: list[Piece]) -> list[list[Piece]]:
        order = sorted(which, key=lambda p: p.middle - 0.4 * p.height)
        reach = np.maximum.accumulate([p.middle + 0.4 * p.height for p in order])
        tops = np.array([p.middle - 0.4 * p.height for p in order])
        cuts = np.flatnonzero(tops[1:] - reach[:-1] > 0.9 * unit) + 1
        return [order[a:b] for a, b in pairwise([0, *cuts, len(order)])]

    def cut(which: list[Piece]) -> list[list[Piece]]:
        gutter = _gutter(which, unit) if len(which) > 5 else None
        if gutter:
            columns = cut_at(which, *gutter)
            if columns:
                return columns
        parts = blocks(which)
        if len(parts) > 1:
            return [row for part in parts for row in cut(part)]
        return rows(which)

    def cut_at(which: list[Piece], start: float, end: float) -> list[list[Piece]]:
        """Columns on both sides of a gutter, with what crosses it in between; none for a table."""
        x = (start + end) / 2
        one: list[Piece] = []
        other: list[Piece] = []
        crossing: list[Piece] = []
        for piece in which:
            white = piece.gaps[(piece.gaps[:, 0] <= x) & (x <= piece.gaps[:, 1])]
            if piece.right <= x or piece.left >= x:
                (other if piece.left >= x else one).append(piece)
            elif len(white):
                for side, part in zip((one, other), piece.split(*white[0]), strict=True):
                    side.append(part)
            else:
                crossing.append(piece)
        if not (_running(one) and _running(other)) and _aligned(one, other, unit):
            return []
        found: list[list[Piece]] = []
        edges = sorted(p.middle for p in crossing)
        # Where much runs across, columns are short and rivers likely.
        least = _least_run(end - start, unit) if len(crossing) > FEW * len(which) else 1
        for above, below in pairwise([-np.inf, *edges, np.inf]):
            here, there = ([p for p in side if above <= p.middle < below] for side in (one, other))
            run = min(len(rows(here)), len(rows(there)))
            if run >= least:
                found += cut(here) + cut(there)
            else:
                found += rows(here + there)
            found += [[p] for p in crossing if p.middle == below]
        return found

    return [[p.box for p in row] for row in cut(every)]
