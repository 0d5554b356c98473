import numpy as np
import pytest

from cvbook.text import lines


def test_lines_are_the_same_in_any_order_and_differ_by_seed():
    a = [lines.make_line(1, i).image for i in (0, 1, 2)]
    b = [lines.make_line(1, i).image for i in (2, 1, 0)][::-1]
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not np.array_equal(a[0], lines.make_line(2, 0).image)


def test_words_have_their_own_outlines():
    line = lines.make_line(0, 0, 0.0, text="ab  cd e")
    assert [w for w, _ in line.words] == ["ab", "cd", "e"]
    assert line.words[0][1][:, 0].max() < line.words[1][1][:, 0].min()
    assert line.polygon.shape == (2 * (len(line.text) + 1), 2)


def test_make_line_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="0 to 1"):
        lines.make_line(0, 0, 1.5)
    with pytest.raises(ValueError, match="alphabet"):
        lines.make_line(0, 0, text="日本")
