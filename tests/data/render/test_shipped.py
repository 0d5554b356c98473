"""The rendered sets that ship: what the cards promise, and that the committed code still makes the same pictures."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from cvbook.data.render import sets
from cvbook.data.render.products import HELD_OUT, SKUS, sku
from cvbook.data.render.renderer import Renderer
from cvbook.paths import DATA

SHIPPED = sorted(p.stem for p in (DATA / "rendered").glob("*.parquet"))


@pytest.fixture(scope="module")
def renderer():
    with Renderer(1) as running:
        yield running


def test_every_shipped_set_can_be_made_again_and_has_a_card():
    card = (DATA / "rendered" / "README.md").read_text()
    assert {"crops"} <= set(SHIPPED) <= set(sets.SETS)
    assert all(f"\n## {name}\n" in card for name in SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_rows_are_complete_and_numbered(name):
    rows = sets.load(name)
    assert list(rows["index"]) == list(range(sets.SETS[name].count))


@pytest.mark.parametrize("name", SHIPPED)
def test_rendering_again_gives_the_same_pictures(name, renderer):
    """Bit for bit on the machine that made them; on another processor rounding may differ in the last bits, which noise and WebP spread a little."""
    rows, spec = sets.load(name), sets.SETS[name]
    for index in (1, spec.count // 2):
        row = spec.row(tuple(renderer.render(spec.scenes(0, index))), 0, index)
        for column in spec.images:
            shipped = np.asarray(rows[index][column]).astype(float)
            again = np.asarray(Image.open(io.BytesIO(row[column]))).astype(float)
            if column == "mask":
                assert (shipped == again).mean() > 0.995
            else:
                assert np.abs(shipped - again).mean() < 2.0, (name, index, column)
        other = np.asarray(rows[index + 1][spec.images[0]]).astype(float)
        assert np.abs(other - np.asarray(rows[index][spec.images[0]]).astype(float)).mean() > 8  # the measure tells pictures apart


def test_crops_hold_out_products_and_worlds():
    rows = sets.load("crops").remove_columns("image")
    assert Counter(Counter(rows["sku"]).values()) == {13: SKUS}
    for row in rows:
        assert row["skus"] == sku(row["sku"]).split and row["category"] == sku(row["sku"]).category
    assert len({r["sku"] for r in rows if r["skus"] == "test"}) == HELD_OUT
    assert np.mean([r["visible"] > 0.5 for r in rows]) > 0.9


@pytest.mark.skipif("shelves" not in SHIPPED, reason="rendered by the reader so far")
def test_shelves_have_boxes_that_match_their_masks():
    rows = sets.load("shelves")
    assert Counter(zip(rows["skus"], rows["world"])) == {("train", "train"): 200, ("test", "train"): 40, ("train", "test"): 40, ("test", "test"): 40}
    for row in rows.select(range(0, 320, 40)):
        mask = np.asarray(row["mask"]).astype(int)
        for label, (x0, y0, x1, y1), fraction in zip(row["label"], row["box"], row["visible"]):
            ys, xs = np.nonzero(mask == label)
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (x0, y0, x1, y1) and 0 < fraction <= 1


def test_no_picture_has_lost_a_texture():
    """Blender paints what lacks its texture in pure magenta, which no label, light or skin comes near over a whole patch."""
    for name in SHIPPED:
        rows = sets.load(name)
        for column in (c for c in sets.SETS[name].images if c != "mask"):
            for row in rows.select(range(0, len(rows), 7)):
                r, g, b = np.moveaxis(np.asarray(row[column].convert("RGB")).astype(int), 2, 0)
                assert ((r > 235) & (b > 235) & (g < 25)).mean() < 0.02, (name, row["index"])
