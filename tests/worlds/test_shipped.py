"""The rendered sets that ship: what the cards promise, and that the committed code still makes the same pictures."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from cvbook.data.rendered import load
from cvbook.paths import DATA
from cvbook.worlds import sets
from cvbook.worlds.blender.renderer import Renderer
from cvbook.worlds.shelves.products import HELD_OUT, SKUS, sku

SHIPPED = sorted(p.stem for p in (DATA / "rendered").glob("*.parquet"))


@pytest.fixture(scope="module")
def renderer():
    with Renderer(1) as running:
        yield running


def test_every_shipped_set_can_be_made_again_and_has_a_card():
    card = (DATA / "rendered" / "README.md").read_text()
    assert set(SHIPPED) == set(sets.SETS)
    assert all(f"\n## {name}\n" in card for name in SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_rows_are_complete_and_numbered(name):
    rows = load(name)
    assert list(rows["index"]) == list(range(sets.SETS[name].count))


@pytest.mark.parametrize("name", SHIPPED)
def test_rendering_again_gives_the_same_pictures(name, renderer):
    """Bit for bit on the machine that made them; on another processor rounding may differ in the last bits, which noise and WebP spread a little."""
    rows, spec = load(name), sets.SETS[name]
    for index in (1, spec.count // 2):
        row = spec.row(tuple(renderer.render(spec.scenes(0, index))), 0, index)
        for column in spec.images:
            shipped = np.asarray(rows[index][column]).astype(float)
            again = np.asarray(Image.open(io.BytesIO(row[column]))).astype(float)
            if column == "mask":
                assert (shipped == again).mean() > 0.995
            else:
                assert np.abs(shipped - again).mean() < 2.0, (name, index, column)
        other = np.asarray(rows[(index + spec.count // 2) % spec.count][spec.images[0]]).astype(
            float
        )
        assert (
            np.abs(other - np.asarray(rows[index][spec.images[0]]).astype(float)).mean() > 8
        )  # the measure tells pictures apart


def test_crops_hold_out_products_and_worlds():
    rows = load("crops").remove_columns("image")
    assert Counter(Counter(rows["sku"]).values()) == {13: SKUS}
    for row in rows:
        assert row["skus"] == sku(row["sku"]).split and row["category"] == sku(row["sku"]).category
    assert len({r["sku"] for r in rows if r["skus"] == "test"}) == HELD_OUT
    assert np.mean([r["visible"] > 0.5 for r in rows]) > 0.9


def test_shelves_have_boxes_that_match_their_masks():
    rows = load("shelves")
    assert Counter(zip(rows["skus"], rows["world"])) == {
        ("train", "train"): 200,
        ("test", "train"): 40,
        ("train", "test"): 40,
        ("test", "test"): 40,
    }
    for row in rows.select(range(0, 320, 40)):
        mask = np.asarray(row["mask"]).astype(int)
        for label, (x0, y0, x1, y1), fraction in zip(row["label"], row["box"], row["visible"]):
            ys, xs = np.nonzero(mask == label)
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (
                x0,
                y0,
                x1,
                y1,
            ) and 0 < fraction <= 1


def test_people_are_balanced_and_split_by_identity():
    rows = load("people").remove_columns(["face", "body"])
    identity, split, years = (np.array(rows[k]) for k in ("identity", "split", "years"))
    assert len(set(identity)) >= 640 and not set(identity[split == "train"]) & set(
        identity[split == "test"]
    )
    female = np.array([g == "female" for g in rows["gender"]])
    age_bin = (
        identity // 2 % 18
    )  # of the identity; its pictures differ by up to three years from it
    assert (years > 5 * age_bin - 3.01).all() and (years < 5 * age_bin + 8.01).all()
    for number in range(18):
        here = age_bin == number
        assert here.sum() == 180 and female[here].mean() == 0.5
        assert (here & (split == "test")).sum() >= 30 and abs(
            female[here & (split == "test")].mean() - 0.5
        ) < 0.1
    for who in set(identity):
        mine = rows.select(np.flatnonzero(identity == who))
        assert (
            len(mine) == 5
            and len(set(mine["gender"])) == len(set(mine["eyes"])) == 1
            and max(mine["years"]) - min(mine["years"]) <= 6
        )
    smile = np.array(rows["smile"])
    assert 0.4 < (smile == 0).mean() < 0.6 and smile.max() <= 1
    seen = np.array(rows["face_visible"])
    assert (seen > 0.5).mean() > 0.75 and (
        seen < 0.1
    ).mean() > 0.02  # most look at the camera, some show their back


def test_what_people_wear_is_a_hint_and_only_what_the_card_names_is_the_answer():
    rows = load("people").remove_columns(["face", "body"]).filter(lambda r: r["years"] > 5)
    female, answers = np.array([g == "female" for g in rows["gender"]]), set()
    for key in ("upper", "lower", "hair", "beard", "glasses", "hat", "scarf", "mask"):
        for value in set(rows[key]):
            share = female[np.array(rows[key]) == value].mean()
            if not 0.05 < share < 0.95:
                answers.add((key, value))
    assert answers == {("hair", "bald"), ("beard", True)}  # no garment is among them
    assert "bald heads and beards are men's only" in " ".join(
        (DATA / "rendered" / "README.md").read_text().split()
    )


def test_groups_have_one_to_ten_people_and_hold_out_identities():
    rows = load("groups").remove_columns("image")
    assert len(rows) >= 300 and {len(r["identity"]) for r in rows} == set(range(1, 11))
    for row in rows:
        assert all((who % 5 == 4) == (row["split"] == "test") for who in row["identity"])
        for (x0, y0, x1, y1), (hx0, hy0, hx1, hy1) in zip(row["face_box"], row["head_box"]):
            assert (
                hx0 <= x0 + 0.2 and x1 <= hx1 + 0.2 and hy0 <= y0 + 0.2 and y1 <= hy1 + 0.2
            )  # a face lies within its head


def test_queues_are_sequences_with_counts_and_waits():
    rows = load("queues").remove_columns("image")
    assert Counter(Counter(rows["sequence"]).values()) == {20: 12}
    for row in rows:
        waiting = [
            wait
            for role, desk, wait in zip(row["role"], row["desk"], row["wait"])
            if role == "waiting" and desk == 1
        ]
        assert len(waiting) <= row["waiting"] and all(wait >= 0 for wait in waiting)
        assert row["split"] == ("test" if row["sequence"] % 4 == 3 else "train")
    assert len(set(rows["waiting"])) > 4


def magenta(image: np.ndarray) -> float:
    """Share of a picture uint8[H, W, 3] in the pure magenta that Blender paints where a texture is missing."""
    r, g, b = np.moveaxis(image.astype(int), 2, 0)
    return float(((r > 235) & (b > 235) & (g < 25)).mean())


def test_no_picture_has_lost_a_texture():
    """No label, light or skin comes near Blender's magenta over a whole patch."""
    lost = np.full((96, 96, 3), 90, np.uint8)
    lost[40:60, 40:60] = (255, 0, 255)
    assert magenta(lost) > 0.02
    for name in SHIPPED:
        rows = load(name)
        for column in (c for c in sets.SETS[name].images if c != "mask"):
            for row in rows.select(range(0, len(rows), 7)):
                assert magenta(np.asarray(row[column].convert("RGB"))) < 0.02, (name, row["index"])


def test_cameras_hold_out_people_and_a_building():
    rows = load("cameras")
    assert rows[0]["image"].size == (64, 128)
    identity, camera, split = (np.array(rows[k]) for k in ("identity", "camera", "split"))
    assert Counter(Counter(identity).values()) == {8: 500} and Counter(
        Counter(zip(identity, camera)).values()
    ) == {2: 2000}
    assert set(camera[split == "train"]) == {0, 1, 2, 3} and set(camera[split == "test"]) == set(
        range(8)
    )
    assert (
        not set(identity[split == "train"]) & set(identity[split == "test"])
        and len(set(identity[camera > 3])) == 160
    )
    for key in ("upper", "lower", "gender", "hat", "glasses"):
        values = np.array(rows[key]).reshape(500, 8)  # identity, picture
        assert (values == values[:, :1]).all()  # one day, one set of clothes
