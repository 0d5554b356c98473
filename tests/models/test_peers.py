"""A comparison with peers is fair only if they are called correctly.

Each must read plain lines in order, and a page with boxes.
"""

import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from cvbook.models import peers
from cvbook.paths import DATA
from cvbook.text.fonts import fonts


def drawn(text: str, width: int = 420, height: int = 48) -> np.ndarray:
    face = next(f for f in fonts("train") if f.style == "sans")
    font = ImageFont.truetype(str(DATA / "fonts" / face.file), 28)
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((12, 6), text, "black", font)
    return np.asarray(image)


@pytest.mark.parametrize("read", [peers.tesseract_lines, peers.rapidocr_lines])
def test_lines_come_back_in_order(read):
    found = read([drawn("Hello world"), drawn("Total 1250")])
    # RapidOCR's standard model loses spaces between words.
    assert [text.replace(" ", "") for text in found] == ["Helloworld", "Total1250"]


@pytest.mark.parametrize(
    "read",
    [
        peers.tesseract_page,
        peers.rapidocr_page,
        partial(peers.tesseract_page, scale=3),
        partial(peers.tesseract_page, mode=6),
        partial(peers.tesseract_page, mode=11),
    ],
)
def test_a_page_has_boxes_where_the_text_is(read):
    page = np.full((300, 500, 3), 255, np.uint8)
    page[40:88, 40:460] = drawn("First line here")
    page[180:228, 40:460] = drawn("Second line here")
    found = read(page)
    assert [text.replace(" ", "") for text, _ in found] == ["Firstlinehere", "Secondlinehere"]
    for (_, corners), (top, bottom) in zip(found, ((40, 88), (180, 228)), strict=True):
        assert corners.shape == (4, 2)
        assert top - 8 <= corners[:, 1].min() < corners[:, 1].max() <= bottom + 8
        assert corners[:, 0].min() < 80


def test_an_empty_page_has_no_text():
    blank = np.full((200, 300, 3), 255, np.uint8)
    assert peers.tesseract_page(blank) == []
    assert peers.rapidocr_page(blank) == []


def test_missing_tesseract_is_one_clear_sentence(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="apt-get install tesseract-ocr"):
        peers.tesseract_lines([drawn("x")])
