"""Files with pages, and folders of files."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvbook.documents import files_of, load_any, pages
from cvbook.images import ImageError, TooLarge

RED = np.zeros((20, 30, 3), np.uint8) + np.uint8([200, 0, 0])
COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]


def tinted(size=(30, 20)) -> list[Image.Image]:
    return [Image.new("RGB", size, colour) for colour in COLOURS]


def leading(image: np.ndarray) -> int:
    """The strongest channel."""
    return int(image.reshape(-1, 3).mean(0).argmax())


def test_folders(tmp_path):
    with pytest.raises(ImageError, match="no pictures"):
        list(load_any(tmp_path))
    for name in ("b.png", "a.PNG", "notes.txt", ".hidden.png"):
        Image.fromarray(RED).save(tmp_path / name, "PNG")
    (tmp_path / "loop.png").symlink_to(tmp_path)  # a folder that holds itself
    (tmp_path / "again.png").symlink_to(tmp_path / "loop.png")
    assert [name.rsplit("/", 1)[1] for name, _ in load_any(tmp_path)] == ["a.PNG", "b.png"]
    assert [file.name for file in files_of(tmp_path)[1]] == ["again.png", "loop.png", "notes.txt"]


def test_one_bad_file_does_not_end_the_batch(tmp_path):
    for name in ("a.png", "c.png"):
        Image.fromarray(RED).save(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"hello")
    (tmp_path / "d.png").touch()
    with pytest.raises(ImageError, match=r"b\.png"):
        list(load_any(tmp_path))
    told: list[ImageError] = []
    assert [Path(name).name for name, _ in load_any(tmp_path, told.append)] == ["a.png", "c.png"]
    assert ["b.png" in str(told[0]), "d.png" in str(told[1])] == [True, True]


@pytest.mark.parametrize(
    "name",
    ["-a.png", "a\nb.png", " .png", "я" * 120 + ".png", os.fsdecode(b"caf\xe9.png"), "a'\"<b>.png"],
)
def test_any_name_that_a_file_system_allows(tmp_path, name):
    Image.fromarray(RED).save(tmp_path / name, "PNG")
    ((found, image),) = load_any(tmp_path)
    assert found == str(tmp_path / name) and (image == RED).all()


def test_pdf_pages(tmp_path):
    red, _, blue = tinted()
    red.save(tmp_path / "two.pdf", save_all=True, append_images=[blue], resolution=72)
    found = list(load_any(tmp_path / "two.pdf"))
    assert [name.split(", ")[1] for name, _ in found] == ["page 1", "page 2"]
    assert found[0][1].shape == (56, 84, 3)  # 72 to 200 dots an inch
    assert [leading(page) for _, page in found] == [0, 2]
    shutil.copy(tmp_path / "two.pdf", tmp_path / "named.png")  # whatever its name says
    assert len(list(load_any(tmp_path / "named.png"))) == 2
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ImageError, match="cannot be opened"):
        list(load_any(tmp_path / "bad.pdf"))


def test_a_page_as_large_as_a_house_is_rendered_within_the_limit(pdf):
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 14400 14400]>>"
    book = pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page])
    ((_, image),) = pages(io.BytesIO(book), 4_000_000)
    assert 0.9 * 4_000_000 < image.shape[0] * image.shape[1] <= 4_000_000


def test_a_page_that_cannot_be_read_leaves_the_others(pdf):
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>"
    kids = b"<</Type/Pages/Kids[3 0 R 9 0 R 4 0 R]/Count 3>>"
    book = pdf([b"<</Type/Catalog/Pages 2 0 R>>", kids, page, page])
    first, second, third = (found for _, found in pages(io.BytesIO(book)))
    assert isinstance(second, ImageError) and "page 2" in str(second)
    assert first.shape == third.shape == (200, 200, 3)


def test_what_a_form_holds_is_on_its_page(pdf):
    look = b"0.9 0 0 rg 0 0 40 40 re f"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Annots[4 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(x)/F 4/Rect[16 16 56 56]/AP<</N 5 0 R>>>>",
        b"<</Type/XObject/Subtype/Form/BBox[0 0 40 40]/Length %d>>\nstream\n%s\nendstream"
        % (len(look), look),
    ]
    ((_, image),) = pages(io.BytesIO(pdf(objects)))
    assert image[100, 100, 0] > 200 and image[100, 100, 1] < 50 and image[5, 5].min() == 255


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP"])
def test_every_page_of_a_picture_file(tmp_path, kind):
    first, *rest = tinted()
    first.save(tmp_path / "three", kind, save_all=True, append_images=rest)
    shutil.copy(tmp_path / "three", tmp_path / "three.tif")
    found = list(load_any(tmp_path / "three.tif"))
    assert [leading(page) for _, page in found] == [0, 1, 2]
    assert [name.rpartition(", ")[2] for name, _ in found][1:] == ["page 2", "page 3"]


def test_thumbnails_and_still_frames_are_no_pages(tmp_path):
    first, second, _ = tinted()
    second.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    assert len(list(load_any(tmp_path / "a.tif"))) == 1
    first.save(tmp_path / "b.gif", save_all=True, append_images=[first, second], duration=[1, 2, 3])
    assert [leading(page) for _, page in load_any(tmp_path / "b.gif")] == [0, 1]


def test_pages_before_the_damage_are_read(tmp_path):
    rng, out = np.random.default_rng(0), io.BytesIO()
    noisy = [Image.fromarray(rng.integers(0, 255, (50, 60, 3), np.uint8)) for _ in range(3)]
    noisy[0].save(out, "TIFF", save_all=True, append_images=noisy[1:])
    found = [page for _, page in pages(io.BytesIO(out.getvalue()[: -2 * 50 * 60]))]
    assert len(found) > 1 and isinstance(found[-1], ImageError)
    assert all(page.shape == (50, 60, 3) for page in found[:-1])


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_how_many_pages_an_upload_may_have(kind):
    out, (first, *rest) = io.BytesIO(), tinted((36, 36))
    first.save(out, kind, save_all=True, append_images=rest, resolution=200)
    data = io.BytesIO(out.getvalue())
    assert len(list(pages(data, most=3))) == 3
    *good, (_, last) = pages(data, most=2)
    assert len(good) == 2 and "more than 2 pages" in str(last)
    many = io.BytesIO()
    first.save(many, kind, save_all=True, append_images=rest * 3, resolution=200)
    *good, (_, last) = pages(io.BytesIO(many.getvalue()), limit=36 * 36, most=9)
    assert len(good) == 4 and isinstance(last, TooLarge) and "together" in str(last)
