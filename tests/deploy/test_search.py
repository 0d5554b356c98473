import os
import shutil
from dataclasses import replace
from itertools import pairwise

import faiss
import numpy as np
import pytest
from PIL import Image
from torch import nn

from cvbook.deploy import index_file
from cvbook.deploy.index_file import FILE
from cvbook.deploy.indexing import build
from cvbook.deploy.search import PROBES, Index, features, make_index, sheet, square
from cvbook.images import ImageError, load_image


class Colour(nn.Module):
    """Mean colour as a feature: enough to tell red from green."""

    def forward(self, x):
        return x.mean((2, 3)) - 0.5


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(30):
        colour = np.eye(3)[k % 3] * 200 + 20
        where = tmp_path / "photos" / f"kind {k % 3}"
        where.mkdir(parents=True, exist_ok=True)
        picture = (colour + rng.normal(0, 8, (40, 50, 3))).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(where / f"{k:02d}.png")
    (tmp_path / "photos" / "empty.jpg").touch()
    return tmp_path / "photos"


def test_what_is_built_is_found(folder, tmp_path):
    built = build(folder, tmp_path / "index", Colour(), "colour", 32, batch=7)
    assert built.count == 30 and list(built.unreadable) == ["empty.jpg"]
    assert [p.name for p in (tmp_path / "index").iterdir()] == [FILE]
    index = Index(tmp_path / "index")
    hits = index.query(np.full((60, 20, 3), (210, 30, 25), np.uint8), Colour(), k=10)
    assert [h.file.parent.name for h in hits] == ["kind 0"] * 10
    assert all(a.score >= b.score for a, b in pairwise(hits))
    assert len(index.query(np.zeros((5, 5, 3), np.uint8), Colour(), k=99)) == 30


def test_results_fit_on_a_page(folder, tmp_path):
    build(folder, tmp_path / "index", Colour(), "colour", 32)
    query = np.full((8, 8, 3), (20, 220, 20), np.uint8)
    hits = Index(tmp_path / "index").query(query, Colour(), k=3)
    hits[0].file.unlink()
    sheet(query, hits, tmp_path / "out" / "page.html")
    page = (tmp_path / "out" / "page.html").read_text()
    assert page.count("<figure>") == 4 and page.count("data:image/jpeg") == 3
    assert "does not exist" in page and "http" not in page
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["page.html"]


LEAST = {"Flat": 0.999, "HNSW32": 0.9, "IVF64,Flat": 0.8, "IVF64,PQ4np": 0.25, "": 0.999}


@pytest.mark.parametrize("kind", LEAST)
def test_every_kind_of_index_finds_near_neighbours(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 16)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    index = make_index(x, kind)
    _, found = index.search(x[:200], 10)
    exact = np.argsort(-x[:200] @ x.T, axis=1)[:, :10]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)])
    assert recall > LEAST[kind]


def test_shape_of_pictures_does_not_matter():
    # The first quarter is red, the rest is blue: nothing is cut off.
    flag = np.array([[(255, 0, 0)] + 3 * [(0, 0, 255)]], np.uint8)
    pictures = [flag.repeat(rows, 0).repeat(columns, 1) for rows, columns in ((8, 16), (64, 2))]
    wide, tall = features(pictures, Colour(), 32)
    expected = np.array([-0.25, -0.5, 0.25]) / np.linalg.norm([0.25, 0.5, 0.25])
    np.testing.assert_allclose([wide, tall], [expected, expected], atol=0.05)
    assert wide.dtype == np.float32 and np.linalg.norm(wide) == pytest.approx(1, abs=1e-5)


def test_bad_input_gives_one_sentence(tmp_path):
    with pytest.raises(ImageError, match="is not a folder"):
        build(tmp_path / "none", tmp_path / "index", Colour(), "colour", 32)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="no picture that can be read: 1 files"):
        build(tmp_path / "bad", tmp_path / "index", Colour(), "colour", 32)
    assert not (tmp_path / "index").exists()
    with pytest.raises(FileNotFoundError, match="is not an index"):
        Index(tmp_path / "index")
    with pytest.raises(ValueError, match="at least one vector"):
        make_index(np.full((2, 4), np.nan))


def test_the_index_remembers_its_network_and_refuses_another(folder, tmp_path):
    build(folder, tmp_path / "index", Colour(), "colour", 32)
    index = Index(tmp_path / "index")
    about = index.about
    assert (about["model"], about["side"], len(about["files"])) == ("colour", 32, 30)
    index.check(Colour())
    others = (lambda x: -Colour()(x), lambda x: Colour()(x)[:, :2], lambda x: 0 * Colour()(x))
    for other in others:
        with pytest.raises(ValueError, match="another network.*colour"):
            index.check(other)
    with pytest.raises(ValueError, match="another network"):
        index.nearest([np.zeros((5, 5, 3), np.uint8)], others[1], 3)
    for k in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            index.query(np.zeros((5, 5, 3), np.uint8), Colour(), k)


def test_a_network_that_takes_no_such_squares_or_gives_nan_is_one_sentence(folder, tmp_path):
    def of_64(x):
        assert x.shape[-1] == 64
        return Colour()(x)

    with pytest.raises(ValueError, match="squares of 32 pixels"):
        build(folder, tmp_path / "index", of_64, "colour", 32)
    with pytest.raises(ValueError, match="NaN"):
        build(folder, tmp_path / "index", lambda x: Colour()(x) * np.nan, "colour", 32)
    assert not (tmp_path / "index").exists()


class Counted(Colour):
    looked = 0

    def forward(self, x):
        self.looked += len(x)
        return super().forward(x)


def test_building_again_looks_at_what_is_new_only(folder, tmp_path):
    def again(net=None, side=32):
        net = net or Counted()
        before, built = getattr(net, "looked", 0), build(folder, out, net, "colour", side, 7)
        # One look is the probe's.
        assert not isinstance(net, Counted) or net.looked - before == built.embedded + 1
        return built.count, built.embedded, built.gone

    out = tmp_path / "index"
    assert again() == (30, 30, 0)
    first = Index(out)
    assert again() == (30, 0, 0)
    (folder / "kind 0" / "00.png").unlink()
    (folder / "kind 1" / "01.png").rename(folder / "moved.png")
    (folder / "copy.png").write_bytes((folder / "kind 2" / "02.png").read_bytes())
    Image.new("RGB", (9, 9), (1, 2, 250)).save(folder / "kind 1" / "04.png")  # changed
    Image.new("RGB", (9, 9), (250, 2, 1)).save(folder / "new.png")
    assert again() == (31, 2, 2)
    hits = Index(out).query(np.full((5, 5, 3), (1, 2, 250), np.uint8), Colour(), 1)
    assert hits[0].name == "kind 1/04.png"
    # As if it had been built at once.
    build(folder, tmp_path / "fresh", Colour(), "colour", 32)
    fresh, index = Index(tmp_path / "fresh"), Index(out)
    assert index.about == fresh.about
    np.testing.assert_allclose(
        *(faiss.rev_swig_ptr(i.index.get_xb(), 31 * 3) for i in (index, fresh)), atol=1e-6
    )
    assert again(lambda x: -Colour()(x)) == (31, 30, 0)  # another network knows nothing of it
    assert again(side=16) == (31, 30, 0)
    assert len(first.about["files"]) == 30
    (out / FILE).write_bytes(b"half of a file")
    assert again() == (31, 30, 0)


def test_a_folder_of_names_of_all_kinds(folder, tmp_path):
    odd = [b"\xff\xfe.png", b"a\nb\x1b[2J.png", b"-k.png", b"%s" % (b"n" * 251 + b".png"), "я.png"]
    picture = (folder / "kind 0" / "00.png").read_bytes()
    names = {os.fsdecode(name) for name in odd}
    for name in names:
        (folder / name).write_bytes(picture)
    assert build(folder, tmp_path / "index", Colour(), "colour", 32).count == 35
    index = Index(tmp_path / "index")
    assert names <= set(index.about["files"])
    hits = index.query(np.asarray(Image.open(folder / "kind 0" / "00.png")), Colour(), 35)
    copies = [hit for hit in hits if hit.copy_of]
    # All but the first of the six are copies of it, and told as such.
    assert len(copies) == 5 and {hit.copy_of for hit in copies} == {hits[0].name}
    sheet(np.zeros((5, 5, 3), np.uint8), hits, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") == 36 and page.count("the same file as") == 5
    assert "\x1b" not in page and r"\udcff\udcfe.png" in page
    assert build(folder, tmp_path / "index", Colour(), "colour", 32).embedded == 0


def test_links_neither_lead_out_nor_round_in_circles(folder, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (9, 9), (9, 250, 9)).save(secret)
    (folder / "loop").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path)
    (folder / "own.png").symlink_to(folder / "kind 0" / "00.png")
    (folder / "out.png").symlink_to(secret)
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    (folder / "itself.png").symlink_to(folder / "itself.png")
    os.mkfifo(folder / "pipe.png")
    built = build(folder, tmp_path / "index", Colour(), "colour", 32)
    assert built.count == 31 and set(built.unreadable) == {
        *("empty.jpg", "out.png", "nowhere.png", "itself.png", "pipe.png")
    }
    assert "outside" in built.unreadable["out.png"]


def forged(out, **new):
    """An index with some of its parts exchanged."""
    stored = index_file.read(out)
    about = stored.about | {k: v for k, v in new.items() if k in stored.about}
    arrays = {k: v for k, v in new.items() if k not in stored.about}
    index_file.write(out, replace(stored, about=about, **arrays))


def test_a_forged_index_shows_no_picture_that_its_maker_has_not_seen(folder, tmp_path):
    out, query = tmp_path / "index", np.zeros((5, 5, 3), np.uint8)
    build(folder, out, Colour(), "colour", 32)
    secret = tmp_path / "private" / "secret.png"
    secret.parent.mkdir()
    Image.new("RGB", (9, 9), (9, 250, 9)).save(secret)
    (folder / "link.png").symlink_to(secret)

    def page(**new) -> str:
        forged(out, **new)
        sheet(query, Index(out).query(query, Colour(), 99), tmp_path / "page.html")
        return (tmp_path / "page.html").read_text()

    assert page().count("data:image/jpeg") == 31
    for name in (str(secret), "../private/secret.png", "link.png"):
        said = page(files=[name] * 30)
        assert said.count("data:image/jpeg") == 1 and said.count("outside of") == 30
    # The folder itself is the index's word; what lies there is not what was indexed.
    said = page(folder=str(secret.parent), files=["secret.png"] * 30)
    assert said.count("data:image/jpeg") == 1 and said.count("has changed or gone since") == 30


BROKEN = {
    "a list": {"about": []},
    "a text": {"about": "about"},
    "nothing": {"about": {}},
    "no names": {"files": None},
    "names of numbers": {"files": [1] * 30},
    "a text for names": {"files": "a" * 30},
    "too few names": {"files": ["a.png"] * 29},
    "a model that is no text": {"model": ["book", ""]},
    "a folder that is no text": {"folder": 3},
    "no side": {"side": 0},
    "a negative side": {"side": -32},
    "a huge side": {"side": 10**12},
    "a side that is no number": {"side": "32"},
    "a true side": {"side": True},
    "NaN": {"vectors": np.full((30, 3), np.nan, np.float32)},
    "doubles": {"vectors": np.zeros((30, 3))},
    "other vectors": {"vectors": np.zeros((30, 4), np.float32)},
    "flat vectors": {"vectors": np.zeros(90, np.float32)},
    "no vectors": {"vectors": np.zeros((0, 3), np.float32), "files": []},
    "too few stamps": {"stamps": np.zeros((3, 2), np.int64)},
    "short digests": {"digests": np.zeros((30, 16), np.uint8)},
    "a scalar": {"probe": np.float32(1)},
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_index_whose_parts_do_not_fit_is_one_sentence(folder, tmp_path, what):
    new, out = BROKEN[what], tmp_path / "index"
    build(folder, out, Colour(), "colour", 32)
    if "about" in new:
        index_file.write(out, replace(index_file.read(out), about=new["about"]))
    else:
        forged(out, **new)
    with pytest.raises(ValueError, match=r"is damaged.*run `cvbook search build` again"):
        Index(out)


def test_large_photos_are_indexed_from_a_smaller_decoding(tmp_path):
    smooth = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    large = Image.fromarray(smooth).resize((1600, 1200), Image.Resampling.BICUBIC)
    (tmp_path / "photos").mkdir()
    large.save(tmp_path / "photos" / "large.jpg", quality=95)
    whole = load_image(tmp_path / "photos" / "large.jpg")
    assert load_image(tmp_path / "photos" / "large.jpg", 48).shape == (150, 200, 3)
    seen = []

    def kept(x):
        seen.append(x)
        return Colour()(x)

    build(tmp_path / "photos", tmp_path / "index", kept, "colour", 48)
    expected = square(whole, 48).astype(float)
    assert np.abs(seen[-1][0].permute(1, 2, 0).numpy() * 255 - expected).max() < 6


def test_a_large_folder_gets_an_index_that_still_finds_nearly_all(monkeypatch):
    monkeypatch.setattr("cvbook.deploy.search.EXACT_UP_TO", 1000)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 16))[rng.integers(100, size=4000)] + 0.3 * rng.normal(size=(4000, 16))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    index = make_index(x)
    _, found = index.search(x[:100], 10)
    exact = np.argsort(-x[:100] @ x.T, axis=1)[:, :10]
    assert "IVF" in type(index).__name__
    # The file keeps how many cells are searched.
    assert faiss.deserialize_index(faiss.serialize_index(index)).nprobe == PROBES > 1
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]) > 0.9


def test_an_index_of_another_folder_is_not_replaced(folder, tmp_path):
    out, other = tmp_path / "index", tmp_path / "others"
    build(folder, out, Colour(), "colour", 32)
    shutil.copytree(folder / "kind 0", other)
    before = (out / FILE).read_bytes()
    with pytest.raises(ImageError, match="is the index of"):
        build(other, out, Colour(), "colour", 32)
    assert (out / FILE).read_bytes() == before
    folder.rename(tmp_path / "moved")  # one that was moved is
    assert build(tmp_path / "moved", out, Colour(), "colour", 32).embedded == 0
