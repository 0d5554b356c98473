"""Reading order, crops and the real page."""

import cv2
import numpy as np
import pytest
import torch

from cvbook.data.scans import scans
from cvbook.metrics.text import cer
from cvbook.models import weights
from cvbook.models.detector import Box
from cvbook.models.reader import Reader, crop, page_text, reading_order
from cvbook.models.recogniser import SIGHT
from cvbook.text.alphabet import fold_typography
from cvbook.text.lines import make_line


def box(x, y, w, h=20, slope=0.0):
    right, fall = x + w, slope * w
    corners = np.float32([[x, y], [right, y + fall], [right, y + h + fall], [x, y + h]])
    return Box(corners, 1.0)


@pytest.fixture(scope="module")
def reader():
    torch.set_num_threads(1)
    return Reader()


def test_reading_order_of_two_columns_under_a_heading():
    columns = [box(x, 60 + 30 * i, 220) for x in (10, 270) for i in range(4)]
    boxes = [box(10, 10, 480), *columns]
    shuffled = np.random.default_rng(0).permutation(9)
    rows = reading_order([boxes[i] for i in shuffled])
    assert [shuffled[i] for row in rows for i in row] == list(range(9))


def test_pieces_of_a_row_are_joined_even_on_a_sloping_page():
    row = [(10, 10, 100), (130, 16, 100), (300, 24.5, 150)]
    boxes = [box(*place, slope=0.05) for place in (*row, (10, 50, 440))]
    assert reading_order(boxes) == [[0, 1, 2], [3]]
    assert reading_order([]) == []


def test_crop_is_level_and_keeps_the_size():
    image = np.zeros((100, 200), np.uint8)
    image[40:60, 50:150] = 255
    cut = crop(image, np.float32([[50, 40], [150, 40], [150, 60], [50, 60]]), margin=0.0)
    assert cut.shape == (20, 100) and cut.mean() > 250
    assert crop(image, np.float32([[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]])).shape[0] >= 4


def test_shipped_recogniser_is_as_good_as_its_card_says(reader):
    """Its number was measured on 1 000 lines; 120 more must agree within their own spread."""
    lines = [make_line(77, i, 0.3, split="test") for i in range(120)]
    read = [text for text, _ in reader.recognise([line.image for line in lines])]
    rate = cer([line.text for line in lines], read)
    assert rate < weights.card("recogniser")["measured"]["cer@0.3"] + 0.025


def test_the_photographed_page_is_read(reader):
    page = scans()[0]
    text = " ".join(r.text for r in reader.read(page.image) if page.counts(r.corners))
    assert cer([fold_typography(" ".join(page.lines))], [fold_typography(text)]) <= 0.05


def test_grey_rgb_tiny_and_blank_pictures(reader):
    page = scans()[0].image
    assert page_text(reader.read(page[..., 0])) == page_text(reader.read(page))
    assert reader.read(np.full((300, 200, 3), 255, np.uint8)) == []
    assert reader.read(np.zeros((5, 5, 3), np.uint8)) == []
    assert page_text([]) == ""


def test_two_runs_agree(reader):
    image = scans()[4].image
    assert page_text(reader.read(image)) == page_text(reader.read(image))


def test_batching_does_not_change_a_reading(reader):
    images = [make_line(5, i, 0.2).image for i in range(12)]
    together = [t for t, _ in reader.recognise(images)]
    alone = [reader.recognise([image])[0][0] for image in images]
    assert sum(a == b for a, b in zip(together, alone, strict=True)) >= 11


def test_with_a_margin_a_line_does_not_notice_its_company(reader):
    lines = [make_line(17, i, 0.3, split="test").image for i in range(16)]
    # Such widths are padded by little or nothing.
    lines = [cv2.resize(line, (width, 32)) for line in lines for width in (61, 64, 96)]
    wide = np.full((32, 400), 255, np.uint8)
    for margin, near in ((SIGHT, True), (0, False)):
        moved = []
        for line in lines:
            ((text, sure),) = reader.recognise([line], margin=margin)
            beside = reader.recognise([line, wide], margin=margin)[0]
            moved.append(abs(beside[1] - sure) if beside[0] == text else 1.0)
        assert (max(moved) < 1e-4) == near
