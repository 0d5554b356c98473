"""Rows of dots, blanks to fill in, and characters that stand alone."""

import numpy as np
import pytest

from cvbook.models import marks
from cvbook.models.detector import Box
from cvbook.models.marks import lone_marks, without_leaders
from cvbook.models.reader import Reader, page_text
from cvbook.text.fonts import draw_text

FONT, SIZE = "arimo-regular.ttf", 30
HEIGHT, BASE = 44, 38  # of a line on the pages, and of its base line


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def write(image: np.ndarray, text: str, left: int, row: int) -> Box:
    """A box around a text that is drawn black on white, its height that of a line."""
    ink, _, ascent = draw_text(text, FONT, SIZE)
    top = row + BASE - ascent
    image[top : top + ink.shape[0], left : left + ink.shape[1]] -= ink
    right = left + ink.shape[1]
    corners = [(left, row + 6), (right, row + 6), (right, row + HEIGHT), (left, row + HEIGHT)]
    return Box(np.array(corners, np.float32), 0.9)


def sheet(height: int = 400, width: int = 900) -> np.ndarray:
    return np.full((height, width), 255, np.uint8)


@pytest.mark.parametrize("leader", ["." * 40, "- " * 20, "…" * 12, "_" * 24, "—" * 12])
def test_what_leads_to_a_number_divides_a_line_and_goes(leader):
    image = sheet()
    box = write(image, f"Chapter {leader} 117", 40, 40)
    clean, parts = without_leaders(image, [box])
    first, last = (draw_text(text, FONT, SIZE)[0].shape[1] for text in ("Chapter", "117"))
    assert len(parts) == 2
    right, left = 40 + first, box.corners[1, 0] - last
    assert right - 3 <= parts[0].corners[1, 0] <= right + 14
    assert left - 16 <= parts[1].corners[0, 0] <= left + 3
    assert clean[:, right + 12 : round(left) - 16].min() == 255
    assert image[:, right + 12 : round(left) - 16].min() == 0, "the picture itself stays"


@pytest.mark.parametrize(
    "text", ["and so on...", "a.b.c.d.e.f.g", "10.20.30.40.50", "i i i i i i", "a - b - c - d - e"]
)
def test_other_dots_and_dashes_are_text(text):
    image = sheet()
    lines = [write(image, f"{text} and the rest of it", 40, 40)]
    clean, parts = without_leaders(image, lines)
    assert clean is image and parts[0] is lines[0] and len(parts) == 1


def test_underlined_words_are_no_blank():
    image = sheet()
    line = write(image, "underlined words are here", 40, 40)
    image[80:82, 40:380] = 0
    clean, parts = without_leaders(image, [line])
    assert clean is image and len(parts) == 1


def test_a_row_of_dots_alone_is_nothing():
    image = sheet()
    clean, parts = without_leaders(image, [write(image, "." * 50, 40, 40)])
    assert not parts and clean.min() == 255


@pytest.mark.parametrize("colours", [(), (3,)])
@pytest.mark.parametrize("mark", ["1", "I", "7", "11"])
def test_a_mark_beside_a_line_is_found(mark, colours):
    image = sheet()
    lines = [write(image, "Children", 40, 40), write(image, "and their rooms", 40, 200)]
    true = write(image, mark, 600, 40)
    shown = np.repeat(image[..., None], 3, 2) if colours else image
    (found,) = lone_marks(shown, lines)
    ink = np.flatnonzero(image[40:84, 560:].min(0) < 128) + 560
    assert abs(found.corners[0, 0] - ink[0]) < 4 and abs(found.corners[1, 0] - ink[-1]) < 4
    assert found.corners[0, 1] < true.corners[3, 1] and found.height > 15


def test_what_is_no_character_beside_a_line_is_not_found():
    image = sheet()
    lines = [write(image, "Children", 40, 40)]
    write(image, "7", 600, 240)  # on no line's height
    write(image, ".", 700, 40)  # a speck
    image[10:300, 800] = 0  # a rule
    image[50:54, 400:500] = 0
    assert lone_marks(image, lines) == []
    assert lone_marks(image, []) == []


def test_a_letter_close_to_a_line_is_the_lines_own():
    image = sheet()
    box = write(image, "Total", 40, 40)
    cut = Box(box.corners + np.float32([[22, 0], [0, 0], [0, 0], [22, 0]]), 0.9)
    assert lone_marks(image, [cut]) == []


def test_a_pattern_is_no_text(monkeypatch):
    """A row of bars as tall as letters, beside a line: more than a page would have."""
    image = sheet(900, 4000)
    lines = [write(image, "Children", 40, 40)]
    image[50:72, 300:3900][:, ::8] = 0
    image[50:72, 300:3900][:, 1::8] = 0
    assert lone_marks(image, lines) == []
    monkeypatch.setattr(marks, "MOST_MARKS", 10_000)
    assert lone_marks(image, lines) != []


def test_a_table_of_contents_and_its_page_numbers(reader):
    image = sheet(320, 1000)
    said = []
    for row, (text, number) in enumerate([("Introduction", 1), ("Methods", 11), ("Results", 127)]):
        write(image, text, 40, 40 + 80 * row)
        left = 40 + draw_text(text, FONT, SIZE)[0].shape[1] + 10
        write(image, "." * ((860 - left) // 9), left, 40 + 80 * row)
        write(image, str(number), 900, 40 + 80 * row)
        said.append(f"{text} {number}")
    assert page_text(reader.read(image)) == "\n".join(said)
