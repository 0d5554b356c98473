"""Rendering sets: again to the same pictures, and on where it was stopped."""

import io

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from cvbook.data.rendered import load
from cvbook.paths import DATA
from cvbook.worlds import sets


def test_every_set_ships():
    assert {p.stem for p in (DATA / "rendered").glob("*.parquet")} == set(sets.SETS)


@pytest.mark.parametrize("name", sets.SETS)
def test_rows_are_complete_and_numbered(name):
    assert list(load(name)["index"]) == list(range(sets.SETS[name].count))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("name", sets.SETS)
def test_rendering_again_gives_the_same_pictures(name, renderer):
    """Bit for bit on the machine that made them.

    On another processor rounding may differ in the last bits, which noise and WebP spread a little.
    """
    rows, spec = load(name), sets.SETS[name]
    for index in (1, spec.count // 2):
        row = spec.row(tuple(renderer.render(spec.scenes(0, index))), 0, index)
        for column in spec.images:
            shipped, again = (
                pixels(rows[index][column]),
                pixels(Image.open(io.BytesIO(row[column]))),
            )
            if column == "mask":
                assert (shipped == again).mean() > 0.995
            else:
                assert np.abs(shipped - again).mean() < 2.0, (name, index, column)
        # The measure tells pictures apart.
        other = rows[(index + spec.count // 2) % spec.count]
        first = spec.images[0]
        assert np.abs(pixels(other[first]) - pixels(rows[index][first])).mean() > 8


def test_a_set_resumes_where_it_was_stopped(tmp_path):
    kept = tmp_path / "kept"
    whole = list(sets.make("crops", kept, first=0, last=4))
    (kept / "0-0000002.json").unlink()
    stamps = {p: p.stat().st_mtime_ns for p in kept.iterdir()}
    again = list(sets.make("crops", kept, first=0, last=4))
    assert again == whole  # the lost one is rendered again to the same bytes
    assert len(stamps) == 3
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in stamps.items())


def test_rows_are_packed_as_pictures(tmp_path, render):
    spec = sets.SETS["crops"]
    rows = [spec.row(tuple(map(render, spec.scenes(0, i))), 0, i) for i in (0, 1)]
    (file,) = sets.pack("crops", iter(rows), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [file]
    data = Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    assert data[1]["sku"] == 1 and data[1]["image"].size == (96, 96)
    assert [p.name for p in sets.pack("crops", iter(rows), tmp_path / "shards", 1)] == [
        "crops-00000-of-00002.parquet",
        "crops-00001-of-00002.parquet",
    ]


def test_an_unknown_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no rendered set"):
        list(sets.make("dragons", tmp_path))
    for first, last in ((-1, 4), (4, 4), (9, 4), (10**9, None)):
        with pytest.raises(ValueError, match="no picture of crops"):
            list(sets.make("crops", tmp_path, first=first, last=last))
    with pytest.raises(ValueError, match="at least one must render"):
        list(sets.make("crops", tmp_path, last=1, workers=0))


def test_a_row_that_was_damaged_is_named(tmp_path):
    for content in ("", "[]", '{"image": {}}', '{"image": {"bytes": 3}}'):
        (tmp_path / "0-0000000.json").write_text(content)
        with pytest.raises(ValueError, match="0-0000000.json is damaged: delete it"):
            list(sets.make("crops", tmp_path, last=1))
