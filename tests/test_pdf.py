"""PDF files of a disk, rendered by a process apart."""

import io
import os
import time
import zlib
from itertools import islice

import numpy as np
import psutil
import pytest
from PIL import Image

from cvbook.images import MAX_PIXELS, ImageError
from cvbook.pdf import render, render_apart


@pytest.fixture
def drawing(pdf):
    """Makes a PDF whose pages all have one content stream, so many times over and compressed."""

    def make(content: bytes, pages: int = 1, times: int = 1, side: int = 72) -> bytes:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = squeeze.compress(content) + squeeze.flush(zlib.Z_FULL_FLUSH)
        packed = b"\x78\xda" + packed * times + squeeze.flush()
        kids = b" ".join(b"%d 0 R" % (4 + i) for i in range(pages))
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 3 0 R>>" % (side, side)
        return pdf(
            [
                b"<</Type/Catalog/Pages 2 0 R>>",
                b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
                b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
                *[page] * pages,
            ]
        )

    return make


def renderers() -> list[psutil.Process]:
    """Processes of this one that render PDFs."""
    return [p for p in psutil.Process().children(True) if "cvbook.pdf" in p.cmdline()]


@pytest.mark.parametrize("name", ["a.pdf", "-l.pdf", "a\nb.pdf", os.fsdecode(b"caf\xe9.pdf")])
def test_pages_are_those_of_the_renderer_in_this_process(tmp_path, name, drawing):
    data = drawing(b"0.9 0 0 rg 10 10 30 20 re f", 3)
    (tmp_path / name).write_bytes(data)
    here = list(render(io.BytesIO(data), "x", MAX_PIXELS))
    apart = list(render_apart(tmp_path / name, MAX_PIXELS))
    assert len(here) == len(apart) == 3
    for a, b in zip(here, apart, strict=True):
        assert np.array_equal(a, b) and b.shape == (200, 200, 3) and b.flags.writeable
    assert 0.9 * 20_000 < next(render_apart(tmp_path / name, 20_000)).size / 3 <= 20_000


def test_an_endless_page_is_stopped(tmp_path, drawing):
    # A few KB that draw two million rectangles.
    (tmp_path / "slow.pdf").write_bytes(drawing(b"0 0 5000 5000 re f\n" * 100_000, times=20))
    began = time.perf_counter()
    with pytest.raises(ImageError, match=r"slow.pdf: a page takes over 1 seconds"):
        list(render_apart(tmp_path / "slow.pdf", MAX_PIXELS, seconds=1))
    assert time.perf_counter() - began < 8
    assert not renderers()


def test_a_page_that_wants_all_memory_is_stopped(tmp_path, drawing):
    (tmp_path / "large.pdf").write_bytes(drawing(b" " * 10_000_000, times=300))
    with pytest.raises(ImageError, match="renderer"):
        list(render_apart(tmp_path / "large.pdf", MAX_PIXELS))


def test_code_in_the_current_folder_is_not_run(tmp_path, monkeypatch, drawing):
    (tmp_path / "a.pdf").write_bytes(drawing(b"0 0 5 5 re f"))
    (tmp_path / "pypdfium2.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    assert len(list(render_apart(tmp_path / "a.pdf", MAX_PIXELS))) == 1
    assert not (tmp_path / "ran").exists()


def test_a_page_as_large_as_a_house_is_rendered_within_the_limit(tmp_path, drawing):
    large = drawing(b"0 0 5 5 re f", side=9999)
    (tmp_path / "large.pdf").write_bytes(large)
    (page,) = render_apart(tmp_path / "large.pdf", MAX_PIXELS)
    assert isinstance(page, np.ndarray) and 0.9 * MAX_PIXELS < page.size / 3 <= MAX_PIXELS


def test_what_is_no_pdf_and_what_is_not_asked_for(tmp_path, drawing):
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ImageError, match="cannot be opened as a PDF"):
        list(render_apart(tmp_path / "bad.pdf", MAX_PIXELS))
    (tmp_path / "long.pdf").write_bytes(drawing(b"0 0 5 5 re f", 200))
    assert len(list(islice(render_apart(tmp_path / "long.pdf", MAX_PIXELS), 2))) == 2
    assert not renderers()
    red = Image.new("RGB", (30, 30), (200, 0, 0))
    red.save(tmp_path / "one.pdf")
    (page,) = render_apart(tmp_path / "one.pdf", MAX_PIXELS)
    assert abs(page[5, 5].astype(int) - (200, 0, 0)).max() < 12
