"""People before cameras: one day's clothes, new poses, buildings that share nothing."""

import numpy as np
import pytest

from cvbook.worlds.people import cameras
from cvbook.worlds.people.persons import BINS


def scene(index, seed=0):
    return cameras.sighting(seed, index)


def painted(scene, *painters):
    """The things of a scene whose texture is by one of these painters."""
    textured = [t for t in scene.things if t.material.texture]
    return [t for t in textured if t.material.texture["paint"] in painters]


def things(index):
    return painted(scene(index), "cloth", "strands", "skin")


def test_a_person_wears_the_same_all_day_and_moves():
    views = [things(8 * 7 + k) for k in range(8)]
    looks = [[t.material for t in view] for view in views]
    assert all(look == looks[0] for look in looks) and len(looks[0]) >= 4
    poses = [view[0].mesh["body"]["pose"] for view in views]
    assert len({str(p) for p in poses}) == 8
    for view, pose in zip(views, poses, strict=True):  # clothes follow the body
        of_body = [t for t in view if "body" in t.mesh]
        assert len(of_body) > 1 and all(t.mesh["body"]["pose"] == pose for t in of_body)
    assert [t.material for t in things(8 * 8)] != looks[0]


def test_what_a_camera_sees_stays():
    first, later, other = scene(0), scene(8 * 100 + 1), scene(2)
    assert first.sky == later.sky and first.sky != other.sky
    walls = [painted(s, "backdrop")[0].material.texture for s in (first, later, other)]
    assert walls[0] == walls[1] != walls[2]


def test_buildings_share_neither_people_nor_cameras():
    count = cameras.TRAIN + cameras.AWAY + cameras.HOME
    numbers = [cameras.number_of(who) for who in range(count)]
    assert len(set(numbers)) == count and min(numbers) >= 648  # nobody of the people set
    assert all(n // 2 % BINS > 0 for n in numbers)  # nobody under five
    home = cameras.TRAIN + cameras.AWAY  # the first of those who are tested where others train
    for first, last, seen in (
        (0, cameras.TRAIN - 1, {0, 1, 2, 3}),
        (cameras.TRAIN, home - 1, {4, 5, 6, 7}),
        (home, count - 1, {0, 1, 2, 3}),
    ):
        for who in (first, last):
            assert {scene(8 * who + k).notes["camera"] for k in range(8)} == seen


def test_most_cloth_is_of_the_colours_that_people_wear():
    worn = [t.material.texture for who in range(60) for t in painted(scene(8 * who), "cloth")]
    assert 0.65 < np.mean([np.ptp(texture["colors"][0]) < 0.25 for texture in worn]) < 0.95


def test_the_same_seed_gives_the_same_scene():
    assert scene(11) == scene(11)
    assert scene(11).seed != scene(12).seed
    assert scene(11, seed=1) != scene(11)


@pytest.mark.parametrize("index", [0, 8 * 300 + 5])
def test_scenes_have_their_size(index):
    assert scene(index).size == (64, 128)
