"""Pictures as people have them."""

import ast
import io
import os
import subprocess

import numpy as np
import pytest
from PIL import Image

from cvbook.images import MAX_PIXELS, ImageError, load_image, pictures, to_rgb
from cvbook.paths import ROOT
from cvbook.publish import graph

RED = np.zeros((20, 30, 3), np.uint8) + np.uint8([200, 0, 0])


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("RGB", (200, 0, 0)), ("L", (60, 60, 60)), ("LA", (60, 60, 60)), ("CMYK", (200, 0, 0))],
)
def test_every_mode_becomes_rgb(tmp_path, mode, colour):
    path = tmp_path / f"picture.{'tif' if mode == 'CMYK' else 'png'}"
    Image.fromarray(RED).convert(mode).save(path)
    image = load_image(path)
    assert image.shape == (20, 30, 3) and image.dtype == np.uint8 and (image == colour).all()


def test_palettes_and_black_and_white(tmp_path):
    Image.fromarray(RED).quantize(4).save(tmp_path / "palette.png")
    assert (load_image(tmp_path / "palette.png") == RED).all()
    Image.fromarray(RED).convert("1").save(tmp_path / "bits.png")
    assert set(np.unique(load_image(tmp_path / "bits.png"))) == {0, 255}


def test_sixteen_bits_are_stretched_to_eight(tmp_path):
    deep = np.linspace(1000, 3000, 600).reshape(20, 30).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    image = load_image(tmp_path / "deep.png")
    assert image.min() == 0 and image.max() == 255
    assert (np.diff(image[..., 0].ravel().astype(int)) >= 0).all()
    Image.fromarray(np.full((4, 4), 7, np.uint16)).save(tmp_path / "flat.png")
    assert not load_image(tmp_path / "flat.png").any()


@pytest.mark.parametrize("kind", ["float", "uint16"])
@pytest.mark.parametrize("hot", [1, 5])
@pytest.mark.parametrize("size", [(40, 50), (400, 500)])
def test_hot_pixels_leave_the_rest_its_range(kind, hot, size):
    rng = np.random.default_rng(0)
    true = rng.integers(1000, 3000, size).astype(np.float32)
    broken = true.copy()
    broken.flat[rng.choice(broken.size, hot, replace=False)] = 65535
    if kind == "float":
        broken[0, :4] = np.inf, -np.inf, np.nan, 1e30
    broken = broken if kind == "float" else broken.astype(np.uint16)
    here, there = (to_rgb(Image.fromarray(x))[..., 0].astype(int) for x in (true, broken))
    assert np.percentile(abs(here - there), 99.5) <= 1 and there.min() == 0 and there.max() == 255


def test_little_ink_on_a_deep_page_stays_black():
    page = np.full((1000, 1000), 60_000, np.uint16)
    page[500:510, 500:503] = 5000  # less than a hundred thousandth of it
    image = to_rgb(Image.fromarray(page))
    assert (image[500:510, 500:503] == 0).all() and image[0, 0, 0] == 255
    for nothing in (np.full((5, 5), np.nan, np.float32), np.full((5, 5), np.inf, np.float32)):
        assert not to_rgb(Image.fromarray(nothing)).any()


@pytest.mark.parametrize(
    "ink, ground", [("white", 0), ((250, 240, 210), 0), ("black", 255), ((200, 0, 0), 255)]
)
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_over_what_contrasts(tmp_path, ink, ground, mode):
    page = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    page.paste(ink, (20, 10, 40, 30))
    page.convert(mode).save(tmp_path / "ink.png")
    image = load_image(tmp_path / "ink.png").astype(int)
    assert (image[0, 0] == ground).all() and abs(image[20, 30] - ground).max() > 150


def test_a_fax_gets_square_pixels(tmp_path):
    marked = np.full((98, 204), 255, np.uint8)
    marked[:49] = 0
    Image.fromarray(marked).save(tmp_path / "fax.tif", dpi=(204, 98))
    image = load_image(tmp_path / "fax.tif")
    assert image.shape == (204, 204, 3) and image[:90].max() < 10 and image[115:].min() > 245
    Image.fromarray(marked).save(tmp_path / "even.tif", dpi=(300, 300))
    assert load_image(tmp_path / "even.tif").shape == (98, 204, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the dots an inch are those of the file as it lies there
    Image.fromarray(marked).save(tmp_path / "turned.jpg", dpi=(204, 98), exif=exif)
    assert load_image(tmp_path / "turned.jpg").shape == (204, 204, 3)


def test_transparency_is_over_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (load_image(tmp_path / "clear.png") == 255).all()


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    marked = np.zeros((16, 32, 3), np.uint8)
    marked[:8, :8] = 255  # upper left, which the turn brings to the upper right
    Image.fromarray(marked).save(tmp_path / "turned.jpg", exif=exif)
    image = load_image(tmp_path / "turned.jpg")
    assert image.shape == (32, 16, 3)
    assert image[:8, 8:].min() > 200 and image[8:].max() < 50 and image[:, :8].max() < 50


@pytest.mark.parametrize(
    "content, message",
    [(b"", "empty"), (b"hello, I am a text", "not a picture"), (None, "does not exist")],
)
def test_bad_files_get_one_sentence(tmp_path, content, message):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=message):
        load_image(path)


def test_truncated_file(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (200, 200, 3), np.uint8)).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match="damaged"):
        load_image(tmp_path / "half.png")


def test_bomb_is_refused(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match="more pixels than the limit of 120 million"):
        load_image(tmp_path / "bomb.png")


def test_no_file_to_read(tmp_path):
    with pytest.raises(ImageError, match="folder"):
        load_image(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")  # whoever opens it waits
    with pytest.raises(ImageError, match="not a file"):
        load_image(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="cannot be opened: File name too long"):
        load_image(tmp_path / ("x" * 300 + ".png"))


ENDLESS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n"


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


@pytest.mark.parametrize(
    "content, what",
    [
        (ENDLESS, "PostScript"),
        (b"\xc5\xd0\xd3\xc6" + ENDLESS, "PostScript"),
        (b"<svg/>", "SVG"),
        (b"\n<?xml version='1.0'?><!-- a --><svg/>", "SVG"),
        (HEIC, "HEIC"),
        (b"%PDF-1.4\n", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"<html>", "PNG"),
    ],
)
def test_only_pictures_are_opened_whatever_their_name(tmp_path, monkeypatch, content, what):
    """PostScript is a program: Pillow would start Ghostscript on it, which then runs for good."""

    def started(*args, **given):
        raise AssertionError(f"a program was started: {args}")

    monkeypatch.setattr(subprocess, "Popen", started)
    for source in (tmp_path / "picture.png", tmp_path / "picture.jpg"):
        source.write_bytes(content)
        with pytest.raises(ImageError, match=f"picture.* is .*{what}"):
            load_image(source)
    with pytest.raises(ImageError, match="not a picture that can be read"):
        next(pictures(io.BytesIO(content), "The upload", MAX_PIXELS))


def test_every_place_that_opens_pictures_says_which_kinds():
    for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]:
        for node in ast.walk(graph.tree(file)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open"):
                assert "formats" in [k.arg for k in node.keywords], f"{file.name}, {node.lineno}"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_exif_that_says_nonsense_leaves_the_picture(tmp_path, kind):
    picture = Image.new("RGB", (12, 8), (200, 10, 10))
    picture.save(tmp_path / "odd", kind, exif=b"Exif\0\0" + b"\xff" * 30, quality=100)
    assert load_image(tmp_path / "odd").shape == (8, 12, 3)
