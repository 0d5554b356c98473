"""Pictures as people have them."""

import numpy as np
import pytest
from PIL import Image

from cvbook.images import ImageError, load_any, load_image

RED = np.zeros((20, 30, 3), np.uint8) + np.uint8([200, 0, 0])


def test_plain_grey_palette_and_16_bit(tmp_path):
    for mode in ("RGB", "L", "P", "1", "LA", "CMYK"):
        path = tmp_path / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}"
        Image.fromarray(RED).convert(mode).save(path)
        assert load_image(path).shape == (20, 30, 3) and load_image(path).dtype == np.uint8
    deep = np.linspace(1000, 3000, 600).reshape(20, 30).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    image = load_image(tmp_path / "deep.png")
    assert image.min() == 0
    assert image.max() == 255
    assert (np.diff(image[0, :, 0].astype(int)) >= 0).all()
    Image.fromarray(np.full((4, 4), 7, np.uint16)).save(tmp_path / "flat.png")
    assert not load_image(tmp_path / "flat.png").any()


def test_transparency_is_over_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (load_image(tmp_path / "clear.png") == 255).all()


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(RED).save(tmp_path / "turned.jpg", exif=exif)
    assert load_image(tmp_path / "turned.jpg").shape == (30, 20, 3)


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
    with pytest.raises(ImageError, match=r"limit|cannot|not a picture"):
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
    Image.fromarray(RED).save(
        tmp_path / "two.pdf", save_all=True, append_images=[Image.fromarray(RED)], resolution=72
    )
    found = list(load_any(tmp_path / "two.pdf"))
    assert [name.split(", ")[1] for name, _ in found] == ["page 1", "page 2"]
    assert found[0][1].shape == (56, 84, 3)  # 72 to 200 dots an inch
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ImageError, match="cannot be opened"):
        list(load_any(tmp_path / "bad.pdf"))
