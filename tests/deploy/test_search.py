import json
from itertools import pairwise

import faiss
import numpy as np
import pytest
from PIL import Image
from torch import nn

from cvbook.deploy.search import PROBES, Index, build, features, make_index, sheet
from cvbook.images import ImageError


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
    assert sorted(p.name for p in (tmp_path / "index").iterdir()) == ["files.json", "vectors.faiss"]
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


def test_the_index_remembers_its_network(folder, tmp_path):
    build(folder, tmp_path / "index", Colour(), "colour", 32)
    about = json.loads((tmp_path / "index" / "files.json").read_text())
    assert (about["model"], about["side"], len(about["files"])) == ("colour", 32, 30)


def test_an_interrupted_build_is_noticed(folder, tmp_path):
    build(folder, tmp_path / "index", Colour(), "colour", 32)
    about = json.loads((tmp_path / "index" / "files.json").read_text())
    about["files"].pop()
    (tmp_path / "index" / "files.json").write_text(json.dumps(about))
    with pytest.raises(FileNotFoundError, match="half of an old index"):
        Index(tmp_path / "index")


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
