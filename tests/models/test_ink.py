"""Boxes against the ink in them."""

import cv2
import numpy as np
import pytest

from cvbook.models.detector import Box
from cvbook.models.ink import by_ink, each_line, to_the_end
from cvbook.models.layout import reading_order
from cvbook.text.fonts import draw_text

FONT, SIZE = "arimo-regular.ttf", 30


def box(left: float, top: float, right: float, bottom: float) -> Box:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return Box(np.array(corners, np.float32), 0.9)


def page(*said: tuple[str, int, int], size: tuple[int, int] = (400, 900)) -> np.ndarray:
    """Black texts on white, each with its left and its top."""
    image = np.full(size, 255, np.uint8)
    for text, x, y in said:
        ink = draw_text(text, FONT, SIZE)[0]
        image[y : y + ink.shape[0], x : x + ink.shape[1]] -= ink
    return image


def spans(boxes: list[Box]) -> list[tuple[int, int]]:
    return [(round(b.corners[0, 0]), round(b.corners[1, 0])) for b in boxes]


def right_of(text: str, left: int) -> int:
    return left + draw_text(text, FONT, SIZE)[0].shape[1]


def test_blank_ends_go_and_white_divides_words():
    image = page(("two words", 50, 40))
    end = right_of("two words", 50)
    ((low, high),) = spans(by_ink(image, [box(50, 38, 600, 70)], [])[0])
    assert low == 50 and abs(high - end) < 2
    words = spans(by_ink(image, [box(50, 38, 600, 70)], [])[1])
    assert len(words) == 2 and words[0][0] == 50
    assert abs(words[0][1] - right_of("two", 50)) < 3 and abs(words[1][1] - end) < 3
    # A margin is left as it is.
    assert spans(by_ink(image, [box(42, 38, end + 9, 70)], [])[0]) == [(42, end + 9)]


@pytest.mark.parametrize("colours", [(), (3,)])
def test_blank_boxes_go_and_faint_ones_stay(colours):
    image = np.full((100, 300, *colours), 200, np.uint8)
    image[20:40, 30:90] = 185
    kept, words = by_ink(image, [box(20, 15, 100, 45), box(150, 15, 280, 45)], [])
    assert spans(kept) == [(20, 100)] and spans(words) == [(30, 90)]


def test_underlined_words_stay_as_they_were_found():
    image = page(("underlined words are here", 50, 40))
    image[66:69, 40:500] = 0
    line, word = box(50, 36, 480, 74), box(50, 36, 190, 74)
    kept, words = by_ink(image, [line], [word, box(600, 36, 700, 74)])
    assert spans(kept) == [(50, 480)] and len(words) == 1 and words[0] is word


def test_a_tilted_box_is_cut_along_itself():
    image = page(("level", 300, 180))
    turn = cv2.getRotationMatrix2D((450, 200), 8, 1.0)
    tilted = cv2.warpAffine(image, turn, (900, 400), borderValue=255)
    corners = cv2.transform(box(300, 176, 700, 214).corners[None], turn)[0]
    (kept,), _ = by_ink(tilted, [Box(corners, 0.9)], [])
    assert abs(kept.width - (right_of("level", 300) - 300)) < 6
    assert np.allclose(kept.corners[0], corners[0], atol=1e-3)


def test_lines_found_across_a_gutter_are_read_column_by_column():
    left = ["one two three four", "five six seven eight", "nine ten eleven", "so it goes on here"]
    right = [
        "then comes the next",
        "of its two columns",
        "down to the last of",
        "all the eight lines",
    ]
    said = [(t, 40, 30 + 45 * i) for i, t in enumerate(left + left[:2])]
    said += [(t, 380, 30 + 45 * i) for i, t in enumerate(right + right[:2])]
    image = page(*said, size=(330, 760))
    # Every other line is found as one with its neighbour; no word is found at all.
    lines = []
    for i in range(6):
        y = 30 + 45 * i
        if i % 2:
            lines.append(box(40, y - 2, right_of(said[6 + i][0], 380), y + 31))
        else:
            lines += [box(40, y - 2, 378, y + 31), box(380, y - 2, 700, y + 31)]
    lines.append(box(330, 30, 370, 60))  # nothing is there
    rows = reading_order(*by_ink(image, lines, []))
    assert [len(row) for row in rows] == [1] * 12
    starts = [round(row[0].corners[0, 0]) for row in rows]
    assert all(s < 60 for s in starts[:6]) and all(s > 350 for s in starts[6:])


def test_a_box_that_begins_inside_its_first_letter_grows():
    image = page(("Mill", 100, 50))
    end = right_of("Mill", 100)
    grown = to_the_end(image, box(112, 48, end - 4, 82).corners)
    assert abs(grown[0, 0] - 100) < 3 and abs(grown[1, 0] - end) < 3
    # White is no letter, and a rule is none.
    image[:, 90:93] = 0
    assert abs(to_the_end(image, box(100, 48, end, 82).corners)[0, 0] - 100) < 2


def drawn(lines: list[str], leading: int) -> np.ndarray:
    return page(*((text, 30, 20 + leading * i) for i, text in enumerate(lines)), size=(200, 700))


@pytest.mark.parametrize("colour", [False, True])
def test_a_box_around_lines_that_touch_is_divided(colour):
    lines = ["a few words here", "gone under the sea", "so we go on now"]
    image = drawn(lines, SIZE)
    image = 255 - image if colour else image
    found = each_line([box(25, 15, 330, 20 + 3 * SIZE)], image)
    assert len(found) == 3
    for i, part in enumerate(found):
        middle = part.corners[:, 1].mean()
        assert abs(middle - (20 + SIZE * i + 12)) < 6
        assert 0.6 * SIZE < part.height < 1.2 * SIZE
        assert part.corners[0, 0] == 25 and part.corners[1, 0] == 330


@pytest.mark.parametrize(
    "text", ["Hello", "EEEE FEFE ZZ", "====", "Ёлка и Йод", "ÄÖÜ ŻŹŚ", "2 = 2 = 2", "::::", "g"]
)
def test_one_line_stays_one(text):
    image = page((text, 30, 30))
    whole = box(25, 22, right_of(text, 30) + 5, 72)
    (found,) = each_line([whole], image)
    assert found is whole


def test_a_line_with_parts_of_its_neighbours_stays_one():
    image = drawn(["words above", "words in it", "words below"], SIZE)
    middle = box(25, 44, 250, 88)
    assert each_line([middle], image) == [middle]


def test_nothing_is_divided_in_a_blank_or_filled_box():
    image = np.full((100, 300), 128, np.uint8)
    assert len(each_line([box(10, 10, 200, 60)], image)) == 1
    image[::2] = 0  # a pattern of stripes
    assert len(each_line([box(10, 10, 200, 60)], image)) == 1
