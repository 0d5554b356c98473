"""Reading order, crops and the real page."""

import cv2
import numpy as np
import pytest
import torch

from cvbook.data.scans import scans
from cvbook.metrics.text import cer
from cvbook.models import weights
from cvbook.models.reader import Reader, _share, cut_long, page_text
from cvbook.models.recogniser import SIGHT
from cvbook.text.alphabet import fold_typography
from cvbook.text.fonts import draw_text
from cvbook.text.lines import make_line


@pytest.fixture(scope="module")
def reader():
    torch.set_num_threads(1)
    return Reader()


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


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (3, 40_000), (40_000, 3), (5, 33_000)])
def test_strips_of_noise_are_pictures_too(reader, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert isinstance(reader.read(noise), list)


def test_a_picture_longer_than_opencv_warps(reader):
    page = np.full((60, 33_500), 255, np.uint8)
    for x in (40, 16_000, 33_000):
        ink = draw_text("Alpha beta", "arimo-regular.ttf", 30)[0]
        page[15 : 15 + ink.shape[0], x : x + ink.shape[1]] -= ink
    assert " ".join(line.text for line in reader.read(page)) == " ".join(["Alpha beta"] * 3)


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


def rendered(text: str, size: int = 26, font: str = "roboto-regular.ttf") -> np.ndarray:
    """Lines of text, black on white, uint8[H, W]."""
    inks = [draw_text(line, font, size) for line in text.split("\n")]
    width = max(ink.shape[1] for ink, _, _ in inks)
    page = np.full((60 + 2 * size * len(inks), width + 80), 255, np.uint8)
    for row, (ink, _, baseline) in enumerate(inks):
        y = 30 + size + 2 * size * row - baseline
        page[y : y + ink.shape[0], 40 : 40 + ink.shape[1]] -= ink
    return page


LETTER = "The invoice was paid on Monday.\nPlease send the second copy\nto our office before noon."


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 20, -35, 200])
def test_a_page_is_read_whichever_way_it_lies(reader, angle):
    page = rendered(LETTER)
    h, w = page.shape
    side = int(np.hypot(h, w)) + 2
    way = cv2.getRotationMatrix2D((w / 2, h / 2), -angle, 1)
    way[:, 2] += np.array([side - w, side - h]) / 2
    lying = cv2.warpAffine(page, way, (side, side), borderValue=255)
    lines = reader.read(lying)
    assert page_text(lines) == LETTER
    assert all(abs((line.turned + angle + 180) % 360 - 180) < 4 for line in lines)
    # Corners are those of the picture as it was given, clockwise from the text's upper left.
    upright = cv2.transform(lines[0].corners[None], cv2.invertAffineTransform(way))[0]
    assert upright[0, 0] < 50 < upright[1, 0] and upright[0, 1] < upright[3, 1] < 70


def test_a_line_longer_than_any_in_training(reader):
    said = " ".join(["garden", "paper", "letter", "window"] * 12)
    assert page_text(reader.read(rendered(said))) == said


def test_long_lines_are_cut_where_they_are_blank():
    line = np.full((32, 3000), 255, np.uint8)
    line[8:24, ::4] = 0
    for gap in (900, 1800):
        line[:, gap : gap + 20] = 255
    parts = cut_long(line)
    assert all(p.shape[1] <= 1100 for p in parts)
    assert abs(parts[0].shape[1] - 910) < 4 and abs(parts[1].shape[1] - 900) < 8
    assert (np.concatenate(parts, 1) == line).all()
    assert len(cut_long(np.zeros((32, 2500), np.uint8))) == 3  # nothing blank: cut all the same


@pytest.mark.parametrize("digit", "0123456789")
def test_a_digit_alone(reader, digit):
    for size in (24, 60):
        (line,) = reader.read(rendered(digit, size))
        assert line.text == digit


def test_a_photograph_without_text_has_none(reader):
    scraps = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        photo = cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), (800, 600))
        assert reader.read(photo) == []
        scraps += reader.read(photo, least=0.0)
    assert scraps  # there was something to leave out


def test_a_roll_of_paper_is_read_to_its_end(reader):
    rows = [f"row {number} of many" for number in range(100)]
    page = np.pad(rendered("\n".join(rows), 22), ((0, 0), (0, 400)), constant_values=255)
    assert page.shape[0] > 4000
    read = page_text(reader.read(page)).split("\n")
    assert sum(a == b for a, b in zip(read, rows, strict=False)) >= 98


def test_boxes_without_text_count_against_the_way_a_page_lies():
    boxes = [np.float32([[0, 0], [w, 0], [w, 9], [0, 9]]) for w in (300, 100)]
    assert _share(boxes, [("read", 0.9), ("", 0.99)]) == pytest.approx(0.9 * 300 / 400)
    assert _share(boxes, [("read", 0.9), ("more", 0.5)], 800) == pytest.approx(0.4)
    assert _share([], []) == 0
