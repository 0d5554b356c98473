import numpy as np
import pytest
import torch

from cvbook.data import open_set
from cvbook.data.open_set import AGE_BINS, SETS, letters, sightings
from cvbook.data.rendered import load
from cvbook.text.alphabet import ALPHABET, LOOKALIKES
from cvbook.text.fonts import fonts
from cvbook.worlds.people.persons import BINS
from cvbook.worlds.shelves.products import CATEGORIES, sku


@pytest.fixture(scope="module", params=SETS)
def data(request):
    return SETS[request.param]()


def test_no_class_is_in_both_parts_and_every_picture_has_one(data):
    assert not set(data.train.labels) & set(data.test.labels)
    for part in (data.train, data.test):
        assert len(part.images) == len(part.labels) > 500
        assert part.images.dtype == torch.uint8
        assert part.images.shape[2] == part.images.shape[3]
        assert (np.unique(part.labels, return_counts=True)[1] > 1).mean() > 0.9
        assert part.images.float().std(0).mean() > 20  # pictures differ
        pairs = set(zip(part.labels, part.coarse, strict=True))
        assert len(pairs) == len(set(part.labels))  # a class belongs to one coarse class
    assert set(data.test.coarse) <= set(data.train.coarse)
    assert 4 <= len(set(data.train.coarse)) <= 12


def test_products_are_those_of_the_catalogue():
    data = SETS["products"]()
    for split, part in (("train", data.train), ("test", data.test)):
        products = [(sku(int(n)), c) for n, c in set(zip(part.labels, part.coarse, strict=True))]
        assert {product.split for product, _ in products} == {split}
        # The order of the table is the catalogue's.
        assert all(CATEGORIES[c] == product.category for product, c in products)


def test_people_are_numbered_through_the_bins_of_their_world():
    assert AGE_BINS == BINS


def test_coarse_classes_of_people_are_gender_and_age():
    rows = load("people").remove_columns(["face", "body"])
    known = {r["identity"]: (r["gender"], r["years"]) for r in rows}
    data = SETS["people"]()
    for part in (data.train, data.test):
        for who, coarse in zip(part.labels.tolist(), part.coarse.tolist(), strict=True):
            gender, years = known[who]
            assert coarse // 6 == (gender == "female")
            assert abs(15 * (coarse % 6) + 7.5 - years) < 11  # years drift within an identity


def test_letters_are_dark_on_white_in_held_out_typefaces(monkeypatch):
    drawn = []

    def spy(text, file, *given):
        drawn.append((text, file))
        return draw(text, file, *given)

    draw = open_set.draw_text
    monkeypatch.setattr(open_set, "draw_text", spy)
    data = letters()
    assert data.train.images.shape[1:] == (1, 32, 32)
    assert (data.test.images[:, :, 0, 0] == 255).float().mean() > 0.9
    assert data.test.images.amin((1, 2, 3)).float().mean() < 60
    # First those to train on, then those to test with.
    count = len(data.train.images)
    for split, part in (("train", drawn[:count]), ("test", drawn[count:])):
        assert {file for _, file in part} <= {f.file for f in fonts(split)}
    assert len(drawn) == count + len(data.test.images)
    alike = {c for group in LOOKALIKES for c in group[1:]}
    classes = set(data.train.labels) | set(data.test.labels)
    assert len(classes) == len(set(ALPHABET) - alike - {" "})


def test_where_takes_masks_and_numbers():
    part = letters().test
    some = part.where(part.labels == part.labels[0])
    assert (some.labels == part.labels[0]).all() and len(some.images) == len(some.labels)
    assert np.array_equal(part.where(np.array([2, 0])).labels, part.labels[[2, 0]])


def test_sightings_are_upright_and_know_their_cameras():
    near, far = sightings(64)
    assert near.train.images.shape == (1920, 3, 64, 32)
    assert near.test.images.shape == (800, 3, 64, 32)
    assert far.test.images.shape == (1280, 3, 64, 32)
    assert not (set(near.train.labels) | set(near.test.labels)) & set(far.test.labels)
    assert not set(near.train.labels) & set(near.test.labels)
    assert set(near.train.coarse) == set(near.test.coarse)
    assert not set(near.train.coarse) & set(far.test.coarse)
    assert near.train.picture(0).shape == (64, 32, 3)
