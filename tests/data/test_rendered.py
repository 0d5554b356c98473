"""The rendered sets that ship: reading them, and what their card promises."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from cvbook.data.rendered import load
from cvbook.paths import DATA
from cvbook.worlds.sets import SETS
from cvbook.worlds.shelves.products import HELD_OUT, SKUS, sku

CARD = (DATA / "rendered" / "README.md").read_text()
WITHOUT_BLENDER = """
import sys
sys.modules["bpy"] = sys.modules["anny"] = None
from cvbook.data.rendered import load
assert len(load("crops")) == 3120
"""


def test_shipped_sets_are_read_without_blender_and_anny():
    subprocess.run([sys.executable, "-c", WITHOUT_BLENDER], check=True)


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_a_card(name):
    assert f"\n## {name}\n" in CARD


def test_crops_hold_out_products_and_worlds():
    rows = load("crops").remove_columns("image")
    assert Counter(Counter(rows["sku"]).values()) == {13: SKUS}
    for row in rows:
        product = sku(row["sku"])
        assert (row["skus"], row["category"]) == (product.split, product.category)
    assert len({r["sku"] for r in rows if r["skus"] == "test"}) == HELD_OUT
    assert np.mean([r["visible"] > 0.5 for r in rows]) > 0.9


def test_shelves_have_boxes_that_match_their_masks():
    rows = load("shelves")
    held = [("test", "train"), ("train", "test"), ("test", "test")]
    of_each = Counter(zip(rows["skus"], rows["world"], strict=True))
    assert of_each == {("train", "train"): 200} | dict.fromkeys(held, 40)
    for row in rows.select(range(0, 320, 40)):
        mask = np.asarray(row["mask"]).astype(int)
        assert len(row["label"]) > 10
        for label, box, fraction in zip(row["label"], row["box"], row["visible"], strict=True):
            ys, xs = np.nonzero(mask == label)
            assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == box
            assert 0 < fraction <= 1


def test_people_are_balanced_and_split_by_identity():
    rows = load("people").remove_columns(["face", "body"])
    identity, split, years = (np.array(rows[k]) for k in ("identity", "split", "years"))
    assert len(set(identity)) >= 640
    assert not set(identity[split == "train"]) & set(identity[split == "test"])
    female = np.array([g == "female" for g in rows["gender"]])
    age_bin = identity // 2 % 18  # the identity's; its pictures differ by up to three years from it
    assert (years > 5 * age_bin - 3.01).all() and (years < 5 * age_bin + 8.01).all()
    for number in range(18):
        here = age_bin == number
        assert here.sum() == 180 and female[here].mean() == 0.5
        held = here & (split == "test")
        assert held.sum() >= 30 and abs(female[held].mean() - 0.5) < 0.1
    table = rows.to_pandas().groupby("identity")
    assert (table.size() == 5).all() and (table[["gender", "eyes"]].nunique() == 1).all(None)
    assert (table["years"].max() - table["years"].min()).max() <= 6
    smile = np.array(rows["smile"])
    assert 0.4 < (smile == 0).mean() < 0.6 and smile.max() <= 1
    # Most look at the camera, some show their back.
    seen = np.array(rows["face_visible"])
    assert (seen > 0.5).mean() > 0.75 and (seen < 0.1).mean() > 0.02


def test_what_people_wear_is_a_hint_and_only_what_the_card_names_is_the_answer():
    rows = load("people").remove_columns(["face", "body"]).filter(lambda r: r["years"] > 5)
    female, answers = np.array([g == "female" for g in rows["gender"]]), set()
    for key in ("upper", "lower", "hair", "beard", "glasses", "hat", "scarf", "mask"):
        for value in set(rows[key]):
            share = female[np.array(rows[key]) == value].mean()
            if not 0.05 < share < 0.95:
                answers.add((key, value))
    assert answers == {("hair", "bald"), ("beard", True)}  # no garment is among them
    assert "bald heads and beards are men's only" in " ".join(CARD.split())


def test_groups_have_one_to_ten_people_and_hold_out_identities():
    rows = load("groups").remove_columns("image")
    assert len(rows) >= 300 and {len(r["identity"]) for r in rows} == set(range(1, 11))
    for row in rows:
        assert all((who % 5 == 4) == (row["split"] == "test") for who in row["identity"])
        face, head = np.array(row["face_box"]), np.array(row["head_box"])
        # A face lies within its head.
        assert (head[:, :2] <= face[:, :2] + 0.2).all() and (face[:, 2:] <= head[:, 2:] + 0.2).all()


def test_queues_are_sequences_with_counts_and_waits():
    rows = load("queues").remove_columns("image")
    assert Counter(Counter(rows["sequence"]).values()) == {20: 12}
    seen = 0
    for row in rows:
        people = zip(row["role"], row["desk"], row["wait"], strict=True)
        waits = [wait for role, desk, wait in people if role == "waiting" and desk == 1]
        seen += len(waits)
        assert len(waits) <= row["waiting"] and all(wait >= 0 for wait in waits)
        assert row["split"] == ("test" if row["sequence"] % 4 == 3 else "train")
    assert len(set(rows["waiting"])) > 4 and seen > 0.5 * sum(rows["waiting"])


def magenta(image: np.ndarray) -> float:
    """Share of a picture uint8[H, W, 3] in the magenta that Blender paints for a lost texture."""
    r, g, b = np.moveaxis(image.astype(int), 2, 0)
    return float(((r > 235) & (b > 235) & (g < 25)).mean())


def test_no_picture_has_lost_a_texture():
    """No label, light or skin comes near Blender's magenta over a whole patch."""
    lost = np.full((96, 96, 3), 90, np.uint8)
    lost[40:60, 40:60] = (255, 0, 255)
    assert magenta(lost) > 0.02
    for name in SETS:
        rows = load(name)
        for row in rows.select(range(0, len(rows), 7)):
            for column in set(SETS[name].images) - {"mask"}:
                assert magenta(np.asarray(row[column].convert("RGB"))) < 0.02, (name, row["index"])


def test_cameras_hold_out_people_and_a_building():
    rows = load("cameras")
    assert rows[0]["image"].size == (64, 128)
    identity, camera, split = (np.array(rows[k]) for k in ("identity", "camera", "split"))
    assert Counter(Counter(identity).values()) == {8: 500}
    assert Counter(Counter(zip(identity, camera, strict=True)).values()) == {2: 2000}
    assert set(camera[split == "train"]) == {0, 1, 2, 3}
    assert set(camera[split == "test"]) == set(range(8))
    assert not set(identity[split == "train"]) & set(identity[split == "test"])
    assert len(set(identity[camera > 3])) == 160
    for key in ("upper", "lower", "gender", "hat", "glasses"):
        values = np.array(rows[key]).reshape(500, 8)  # identity, picture
        assert (values == values[:, :1]).all()  # one day, one set of clothes


def explained(features: np.ndarray, target: np.ndarray, train: np.ndarray) -> float:
    """Share of the variance of held-out targets that a linear probe explains; 0 is chance."""
    scaled = (features - features[train].mean(0)) / (features[train].std(0) + 1e-9)
    x = np.column_stack([scaled, np.ones(len(features))])
    weights = np.linalg.lstsq(x[train], target[train], rcond=None)[0]
    left = target[~train] - x[~train] @ weights
    return 1 - left.var() / target[~train].var()


@pytest.fixture(scope="module")
def people():
    rows = load("people")
    faces = np.stack([np.asarray(face) for face in rows["face"]])
    corners = faces[:, :12, :12].mean((1, 2)), faces[:, :12, -12:].mean((1, 2))
    box = np.array(rows["face_box"])  # left, top, right, bottom
    return {
        "border": np.concatenate(corners, 1),
        "mean colour": faces.mean((1, 2)),
        "size and place": np.concatenate([box[:, 2:] - box[:, :2], box[:, 2:] + box[:, :2]], 1),
        "years": np.array(rows["years"]),
        "female": np.array([g == "female" for g in rows["gender"]], float),
        "train": np.array([s == "train" for s in rows["split"]]),
    }


@pytest.mark.parametrize("target", ["years", "female"])
@pytest.mark.parametrize(
    ("what", "margin"), [("border", 0.03), ("mean colour", 0.10), ("size and place", 0.12)]
)
def test_surroundings_do_not_give_the_answer_away(people, what, target, margin):
    """The background may show nothing.

    Grey hair and red lips do show in a mean colour, and a baby's face is rounder.
    """
    assert explained(people[what], people[target], people["train"]) < margin


def test_the_probe_finds_a_leak_where_there_is_one(people):
    border, female = people["border"], people["female"]
    leaky = 0.1 * border + 5 * female[:, None]
    leaky += np.random.default_rng(0).normal(0, 5, border.shape)
    assert explained(leaky, female, people["train"]) > 0.1
