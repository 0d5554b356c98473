"""A page's edits: what order must not cost, and what must."""

import numpy as np
import pytest

from cvbook.metrics.pages import find_part, page_edits
from cvbook.metrics.text import edit_distance

LEFT = ["The quick brown fox", "jumps over the lazy", "dog, and is gone."]
RIGHT = ["Съешь же ещё этих", "мягких французских", "булок, да выпей чаю."]
PAGE = LEFT + RIGHT


def test_a_part_is_found_with_as_few_edits_as_can_be():
    assert find_part("brown", "the quick brown fox") == (0, 10, 15)
    assert find_part("brawn", "the quick brown fox") == (1, 10, 15)
    assert find_part("xyz", "")[0] == 3 and find_part("", "abc")[0] == 0
    rng = np.random.default_rng(0)
    for _ in range(60):
        a, b = ("".join(rng.choice(list("abc"), n)) for n in rng.integers(1, 9, 2))
        wrong, start, end = find_part(a, b)
        every = [b[i:j] for i in range(len(b) + 1) for j in range(i, len(b) + 1)]
        assert wrong == edit_distance(a, b[start:end]) == min(edit_distance(a, p) for p in every)


def test_the_order_of_blocks_costs_nothing():
    across = [f"{a} {b}" for a, b in zip(LEFT, RIGHT, strict=True)]
    for read in (PAGE, RIGHT + LEFT, PAGE[::-1], across, [" ".join(PAGE)]):
        assert page_edits(PAGE, read) == 0, read
    pieces = [word for line in RIGHT + LEFT for word in line.split()]
    # Short words stay, and are compared in their order.
    assert page_edits(PAGE, pieces) <= 40
    assert page_edits(["1", "2", "3", "a form"], ["a form", "3", "1", "2"]) == 0


def test_wrong_lost_and_invented_letters_are_counted():
    assert page_edits(PAGE, [*RIGHT, "The quick brawn fox", *LEFT[1:]]) == 1
    assert page_edits(PAGE, RIGHT + LEFT[1:]) == len(LEFT[0])
    assert page_edits(PAGE, ["invented words", *PAGE]) == len("invented words")
    assert page_edits(PAGE, ["|", *PAGE]) in (1, 2)


def test_no_reading_costs_more_than_an_empty_one():
    length = len(" ".join(PAGE))
    assert page_edits(PAGE, []) == page_edits(PAGE, [""]) == length
    assert page_edits(PAGE, ["~" * 900]) == length
    with pytest.raises(ValueError, match="no text"):
        page_edits([], ["read"])


def test_letters_are_not_picked_one_by_one():
    """A reading of the right letters in the wrong places is wrong."""
    truth = ["abcdefghijklmnopqrstuvwxyz"]
    assert page_edits(truth, ["zyxwvutsrqponmlkjihgfedcba"]) > 20
    assert page_edits(truth, list("zyxwvutsrqponmlkjihgfedcba")) > 20


def test_free_order_is_never_above_the_plain_distance():
    rng = np.random.default_rng(1)
    for _ in range(20):
        read = [line for line in PAGE if rng.random() < 0.8]
        read = ["".join(c for c in line if rng.random() < 0.9) for line in read]
        rng.shuffle(read)
        assert page_edits(PAGE, read) <= edit_distance(" ".join(PAGE), " ".join(read))
