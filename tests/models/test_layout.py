"""Columns, tables, headings, and lines found across a gutter."""

import time

import numpy as np
import pytest

from cvbook.models.detector import Box
from cvbook.models.layout import reading_order, slope


def box(x, y, w, h=20, slope=0.0):
    right, fall = x + w, slope * w
    corners = np.float32([[x, y], [right, y + fall], [right, y + h + fall], [x, y + h]])
    return Box(corners, 1.0)


def line(x, y, words, size=20, slope=0.0, space=6):
    """A line of words of these widths: its box, and theirs."""
    found, at = [], x
    for w in words:
        found.append(box(at, y + slope * (at - x), w, size, slope))
        at += w + space
    return box(x, y, at - space - x, size, slope), found


def order(given, seed=0):
    """Numbers of lines, (line, words) each, as they are read: a list for each row."""
    shuffled = np.random.default_rng(seed).permutation(len(given))
    words = [w for _, inner in given for w in inner]
    rows = reading_order([given[i][0] for i in shuffled], words)
    known = {id(given[i][0]): int(i) for i in shuffled}
    return [[known.get(id(b), b) for b in row] for row in rows]


def text(rng, x, y, width, count, pitch=30):
    """Lines of running text, ragged on the right."""
    found = []
    for row in range(count):
        words: list[int] = []
        while sum(words) + 6 * len(words) < width - 60:
            words.append(int(rng.integers(20, 60)))
        found.append(line(x, y + pitch * row, words))
    return found


@pytest.mark.parametrize("gutter", [14, 20, 40, 100])
@pytest.mark.parametrize("columns", [2, 3])
def test_columns_one_after_the_other(columns, gutter):
    rng = np.random.default_rng(gutter)
    given = [t for c in range(columns) for t in text(rng, 50 + c * (420 + gutter), 50, 420, 20)]
    assert order(given) == [[i] for i in range(len(given))]


def test_a_heading_over_two_columns_and_one_between_them():
    rng = np.random.default_rng(0)
    head = line(50, 20, [80, 120, 90, 100, 110, 100, 80, 60])
    between = line(50, 70 + 30 * 10, [90, 90, 90, 90, 90, 90, 100, 90])
    upper = [t for x in (50, 470) for t in text(rng, x, 50, 400, 10)]
    lower = [t for x in (50, 470) for t in text(rng, x, 100 + 30 * 10, 400, 10)]
    given = [head, *upper, between, *lower]
    assert order(given) == [[i] for i in range(len(given))]


@pytest.mark.parametrize("columns", [2, 3, 5])
def test_a_table_row_by_row(columns):
    rng = np.random.default_rng(0)
    given = [
        line(50 + 200 * c, 50 + 40 * r, [int(rng.integers(20, 90))])
        for r in range(8)
        for c in range(columns)
    ]
    rows = np.arange(8 * columns).reshape(8, columns)
    assert order(given) == rows.tolist()


def test_a_form_and_a_numbered_list_row_by_row():
    rng = np.random.default_rng(1)
    form = []
    for r in range(6):
        label = line(50, 50 + 40 * r, [60, 50])
        form += [label, line(400, 50 + 40 * r, [int(rng.integers(9, 200))])]
    assert order(form) == [[2 * r, 2 * r + 1] for r in range(6)]
    numbered = []
    for r in range(6):
        numbered += [line(50, 50 + 40 * r, [12]), *text(rng, 100, 50 + 40 * r, 500, 1)]
    assert order(numbered) == [[2 * r, 2 * r + 1] for r in range(6)]


def test_one_column_of_wide_spaces_stays_one():
    """In a typewriter's grid spaces stand below each other, but not for long."""
    rng = np.random.default_rng(0)
    given = []
    for row in range(30):
        letters = rng.integers(2, 9, 9)
        given.append(line(50, 50 + 30 * row, (12 * letters).tolist(), space=12))
    assert order(given) == [[i] for i in range(30)]


def test_a_line_found_across_the_gutter_is_divided_there():
    rng = np.random.default_rng(0)
    left, right = text(rng, 50, 50, 400, 12), text(rng, 480, 50, 400, 12)
    words = [w for _, inner in left + right for w in inner]
    a, b = left[4][0], right[4][0]
    both = Box(np.float32([a.corners[0], b.corners[1], b.corners[2], a.corners[3]]), 1.0)
    boxes = [t[0] for i, t in enumerate(left + right) if i not in (4, 16)]
    rows = reading_order([*boxes, both], words)
    assert len(rows) == 24 and all(len(row) == 1 for row in rows)
    first, second = rows[4][0], rows[16][0]
    assert abs(first.corners[1, 0] - a.corners[1, 0]) < 2
    assert abs(second.corners[0, 0] - b.corners[0, 0]) < 2


def test_a_river_of_three_lines_is_no_gutter():
    """A list, and a paragraph in which spaces stand below each other in three lines."""
    given = [line(50, 50 + 30 * row, [60, 60, 50 + 3 * row]) for row in range(4)]
    for row in range(4, 12):
        y = 50 + 30 * row
        if row in (5, 6, 7):
            (first, left), (last, right) = line(50, y, [60, 70, 60]), line(272, y, [90, 80, 120])
            corners = [first.corners[0], last.corners[1], last.corners[2], first.corners[3]]
            given.append((Box(np.float32(corners), 1.0), left + right))
        else:
            given.append(line(50, y, [120, 150, 130, 90 + row], space=5))
    assert order(given) == [[i] for i in range(12)]


def test_pieces_of_a_row_are_joined_even_on_a_sloping_page():
    row = [(10, 10, 100), (130, 16, 100), (300, 24.5, 150)]
    boxes = [box(*place, slope=0.05) for place in (*row, (10, 50, 440))]
    place = {id(b): i for i, b in enumerate(boxes)}
    assert [[place[id(b)] for b in row] for row in reading_order(boxes)] == [[0, 1, 2], [3]]
    assert reading_order([]) == []


def test_a_full_page_takes_no_time():
    rng = np.random.default_rng(0)
    given = [t for c in range(3) for t in text(rng, 50 + c * 440, 50, 420, 150)]
    began = time.perf_counter()
    assert order(given) == [[i] for i in range(450)]
    assert time.perf_counter() - began < 5


def test_lines_too_short_to_show_a_slope_have_none():
    noisy = np.float32([[0, 0], [60, 1.5], [60, 21.5], [0, 20]])
    assert slope([Box(noisy + (0, 60 * i), 1.0) for i in range(5)]) == 0
    long = np.float32([[0, 0], [1200, 40], [1200, 60], [0, 20]])
    assert abs(slope([Box(long, 1.0)]) - 40 / 1200) < 1e-3
