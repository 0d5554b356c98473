"""How wrong the reading of a page is, whatever order an engine reads its blocks in."""

from collections.abc import Sequence
from heapq import heappop, heappush
from math import ceil

import numpy as np

from cvbook.metrics.text import edit_distance

LEAST = 4  # characters of a piece that may be found inside of another line
Place = tuple[int, int]  # of a piece: its line, and where in it
# A pair of pieces: its score, negative, which is a bound until the flag says that they were
# aligned; the places of both; then edits, start and end of the match.
Pair = tuple[int, bool, Place, Place, int, int, int]


def _last_row(part: np.ndarray, whole: np.ndarray, anywhere: bool) -> np.ndarray:
    """Edits of a text to each beginning of another, or to what ends there and starts anywhere."""
    places = np.arange(len(whole) + 1)
    row = np.zeros_like(places) if anywhere else places
    for i, x in enumerate(part, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + (whole != x))
        row = np.minimum.accumulate(np.concatenate([[i], best]) - places) + places
    return row


def find_part(part: str, whole: str) -> tuple[int, int, int]:
    """Where in a text another one is found best, by edits: how many, start and end (Sellers)."""
    a, b = (np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in (part, whole))
    ends = _last_row(a, b, True)
    end = int(ends.argmin())
    starts = _last_row(a[::-1], b[:end][::-1], False)
    return int(ends[end]), end - int(starts.argmin()), end


def _most(a: str, b: str) -> int:
    """No pair of pieces scores more than this: a wrong letter spoils three trigrams at most."""
    part, whole = sorted((a, b), key=len)
    if len(part) < LEAST:
        return len(part) if part == whole else 0
    missing = sum(part[i : i + 3] not in whole for i in range(len(part) - 2))
    return len(part) - 2 * ceil(missing / 3)


def _in_any_order(truths: Sequence[str], readings: Sequence[str]) -> int:
    """Edits after pieces of truth and reading that match were taken out, the best ones first.

    The shorter of two pieces is found in the longer one, and what is left of that goes back. A
    match scores its length less twice its edits; what scores nothing stays, and is compared in its
    own order in the end.
    """
    sides: list[dict[Place, str]] = [
        {(i, 0): text for i, text in enumerate(side) if text} for side in (truths, readings)
    ]
    heap: list[Pair] = []

    def offer(i: Place, j: Place) -> None:
        most = _most(sides[0][i], sides[1][j])
        if most > 0:
            heappush(heap, (-most, False, i, j, 0, 0, 0))

    for i in sides[0]:
        for j in sides[1]:
            offer(i, j)
    edits = 0
    while heap:
        _, aligned, i, j, wrong, start, end = heappop(heap)
        if i not in sides[0] or j not in sides[1]:
            continue
        texts = sides[0][i], sides[1][j]
        longer = int(len(texts[1]) > len(texts[0]))
        if not aligned:
            wrong, start, end = find_part(texts[1 - longer], texts[longer])
            score = len(texts[1 - longer]) - 2 * wrong
            if score > 0:
                heappush(heap, (-score, True, i, j, wrong, start, end))
            continue
        edits += wrong
        del sides[0][i], sides[1][j]
        line, offset = (i, j)[longer]
        for at, rest in ((0, texts[longer][:start]), (end, texts[longer][end:])):
            if rest := rest.strip():
                place = line, offset + at
                sides[longer][place] = rest
                for other in sides[1 - longer]:
                    offer(*((other, place) if longer else (place, other)))
    left = [" ".join(side[place] for place in sorted(side)) for side in sides]
    return edits + edit_distance(*left)


def page_edits(truths: Sequence[str], readings: Sequence[str]) -> int:
    """Edits between the lines of a page and those that were read, in the order kinder to them.

    Columns and tables may be read in more than one order, and engines differ in it. So a reading
    is compared as it stands and, as flexible measures do, piece by piece in whatever order; the
    smaller number counts. No reading costs more than an empty one.

    Args:
        truths: lines as printed; a column's or a cell's lines apart.
        readings: lines as read.

    Raises:
        ValueError: the truths hold no character.
    """
    length = len(" ".join(truths))
    if not length:
        raise ValueError("There is no text to compare with: the transcription is empty.")
    as_read = edit_distance(" ".join(truths), " ".join(readings))
    return min(as_read, _in_any_order(truths, readings), length)
