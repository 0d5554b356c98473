import numpy as np
import pytest

from cvbook.data.open_set import SETS, letters, sightings
from cvbook.data.rendered import load
from cvbook.text.alphabet import LOOKALIKES
from cvbook.text.fonts import fonts
from cvbook.worlds.shelves.products import sku


@pytest.fixture(scope="module", params=SETS)
def data(request):
    return SETS[request.param]()


def test_no_class_is_in_both_parts_and_every_picture_has_one(data):
    assert data.name in SETS and not set(data.train.labels) & set(data.test.labels)
    for part in (data.train, data.test):
        assert (
            len(part.images) == len(part.labels) > 500
            and part.images.dtype.is_floating_point is False
        )
        assert (
            part.images.shape[2] == part.images.shape[3]
            and (np.unique(part.labels, return_counts=True)[1] > 1).mean() > 0.9
        )
        assert part.images.float().std(0).mean() > 20  # pictures differ
        for c in np.unique(part.labels)[::10]:
            assert (
                len(set(part.coarse[part.labels == c])) == 1
            )  # a class belongs to one coarse class
    assert (
        set(data.test.coarse) <= set(data.train.coarse) and 4 <= len(set(data.train.coarse)) <= 12
    )


def test_products_are_those_of_the_catalogue():
    data = SETS["products"]()
    assert {sku(int(n)).split for n in set(data.train.labels)} == {"train"} and {
        sku(int(n)).split for n in set(data.test.labels)
    } == {"test"}


def test_coarse_classes_of_people_are_gender_and_age():
    rows = load("people").remove_columns(["face", "body"])
    bins = {(r["gender"], r["identity"]): r["years"] for r in rows}
    data = SETS["people"]()
    coarse = dict(zip(data.train.labels.tolist(), data.train.coarse.tolist()))
    for (gender, who), years in bins.items():
        if who in coarse:
            assert (
                coarse[who] // 6 == (gender == "female")
                and abs(15 * (coarse[who] % 6) + 7.5 - years) < 11
            )


def test_letters_are_dark_on_white_in_held_out_typefaces():
    data = letters()
    assert (
        data.train.images.shape[1:] == (1, 32, 32)
        and (data.test.images[:, :, 0, 0] == 255).float().mean() > 0.9
    )
    assert (
        len(data.test.images) <= len(fonts("test")) * 176
        and data.test.images.amin((1, 2, 3)).float().mean() < 60
    )
    assert (
        len(set(data.train.labels) | set(data.test.labels)) == 122
    )  # without the space, look-alikes joined
    assert (
        not {f.family for f in fonts("train")} & {f.family for f in fonts("test")}
        and len(LOOKALIKES) > 20
    )


def test_where_takes_masks_and_numbers():
    part = letters().test
    some = part.where(part.labels == part.labels[0])
    assert (some.labels == part.labels[0]).all() and len(some.images) == len(some.labels)
    assert np.array_equal(part.where(np.array([2, 0])).labels, part.labels[[2, 0]])


def test_sightings_are_upright_and_know_their_cameras():
    near, far = sightings(64)
    assert (
        near.train.images.shape == (1920, 3, 64, 32)
        and near.test.images.shape == (800, 3, 64, 32)
        and far.test.images.shape == (1280, 3, 64, 32)
    )
    assert not (set(near.train.labels) | set(near.test.labels)) & set(far.test.labels) and not set(
        near.train.labels
    ) & set(near.test.labels)
    assert set(near.train.coarse) == set(near.test.coarse) and not set(near.train.coarse) & set(
        far.test.coarse
    )
    assert near.train.picture(0).shape == (64, 32, 3)
