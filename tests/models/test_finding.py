"""Boxes that cover their ink, and crops of them."""

import numpy as np

from cvbook.models.cropping import LONGEST_WARP, crop
from cvbook.models.detector import Box
from cvbook.models.finding import whole
from cvbook.text.fonts import draw_text


def box(x, y, w, h=20, slope=0.0):
    right, fall = x + w, slope * w
    corners = np.float32([[x, y], [right, y + fall], [right, y + h + fall], [x, y + h]])
    return Box(corners, 1.0)


def test_crop_is_level_and_keeps_the_size():
    image = np.zeros((100, 200), np.uint8)
    image[40:60, 50:150] = 255
    cut = crop(
        image, np.float32([[50, 40], [150, 40], [150, 60], [50, 60]]), margin=0.0, beside=0.0
    )
    assert cut.shape == (20, 100) and cut.mean() > 250
    assert crop(image, np.float32([[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]])).shape[0] >= 4


def digit(text: str, size: int) -> np.ndarray:
    ink, _, _ = draw_text(text, "roboto-regular.ttf", size)
    return 255 - np.pad(ink, 40)


def test_two_pieces_of_a_digit_are_one_box():
    page = digit("7", 60)
    ys, xs = np.where(page < 128)
    pieces = [
        box(xs.min() + 2, ys.min() + 1, 12, 8),
        box(float(xs[ys.argmax()]), ys.max() - 8, 5, 7),
    ]
    (found,) = whole(pieces, page)
    assert abs(found.corners[0] - (xs.min(), ys.min())).max() < 2
    assert abs(found.corners[2] - (xs.max(), ys.max())).max() < 2
    framed = page.copy()
    framed[:, xs.min() + 5] = 0  # a rule through it, from edge to edge
    assert whole(pieces[:1], framed)[0].corners[0, 1] >= ys.min() - 2
    long = [box(10, 10, 100)]
    assert whole(long, page)[0] is long[0]


def test_a_crop_of_a_picture_longer_than_opencv_warps():
    image = np.full((50, 40_000), 255, np.uint8)
    image[10:40, 35_000:35_100] = 0
    near = crop(image, np.float32([[34_950, 5], [35_150, 5], [35_150, 45], [34_950, 45]]), 0.0, 0.0)
    assert near.shape == (40, 200)
    assert near[20, 60:140].max() == 0 and near[:, :40].min() == near[:, 160:].min() == 255
    # A box that is longer itself comes out smaller.
    whole_line = crop(image, np.float32([[0, 5], [40_000, 5], [40_000, 45], [0, 45]]), 0.0, 0.0)
    h, w = whole_line.shape
    assert 31_000 < w <= LONGEST_WARP and h == 32
    dark = np.flatnonzero(whole_line[16] < 128)
    assert abs(dark.mean() / w - 35_050 / 40_000) < 1e-3
