"""Pictures as people have them."""

import ast
import subprocess

import numpy as np
import pytest
from PIL import Image

from cvbook.images import ImageError, decode_image, load_any, load_image
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


def test_folders(tmp_path):
    with pytest.raises(ImageError, match="folder"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="no pictures"):
        list(load_any(tmp_path))
    for name in ("b.png", "a.PNG", "notes.txt"):
        Image.fromarray(RED).save(tmp_path / name, "PNG")
    assert [name.rsplit("/", 1)[1] for name, _ in load_any(tmp_path)] == ["a.PNG", "b.png"]


def test_pdf_pages(tmp_path):
    red, blue = Image.fromarray(RED), Image.fromarray(RED[..., ::-1].copy())
    red.save(tmp_path / "two.pdf", save_all=True, append_images=[blue], resolution=72)
    found = list(load_any(tmp_path / "two.pdf"))
    assert [name.split(", ")[1] for name, _ in found] == ["page 1", "page 2"]
    assert found[0][1].shape == (56, 84, 3)  # 72 to 200 dots an inch
    for (_, page), channel in zip(found, (0, 2), strict=True):
        assert page[..., channel].mean() > 180 and np.delete(page, channel, 2).mean() < 30
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ImageError, match="cannot be opened"):
        list(load_any(tmp_path / "bad.pdf"))


ENDLESS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n"


@pytest.mark.parametrize(
    "content", [ENDLESS, b"\xc5\xd0\xd3\xc6" + ENDLESS, b"<svg/>", b"%PDF-1.4\n"]
)
def test_only_pictures_are_opened_whatever_their_name(tmp_path, monkeypatch, content):
    """PostScript is a program: Pillow would start Ghostscript on it, which then runs for good."""

    def started(*args, **given):
        raise AssertionError(f"a program was started: {args}")

    monkeypatch.setattr(subprocess, "Popen", started)
    for source in (tmp_path / "picture.png", tmp_path / "picture.jpg"):
        source.write_bytes(content)
        with pytest.raises(ImageError, match="not a picture that can be read"):
            load_image(source)
    with pytest.raises(ImageError, match="not a picture that can be read"):
        decode_image(content)


def test_every_place_that_opens_pictures_says_which_kinds():
    for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]:
        for node in ast.walk(graph.tree(file)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open"):
                assert "formats" in [k.arg for k in node.keywords], f"{file.name}, {node.lineno}"
