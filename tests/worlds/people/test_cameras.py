"""People before cameras: one day's clothes, another pose each time, and buildings that share nothing."""

import numpy as np
import pytest

from cvbook.worlds.people import cameras
from cvbook.worlds.people.persons import BINS


def scene(index, seed=0):
    return cameras.sighting(seed, index)


def things(index):
    return [
        t
        for t in scene(index).things
        if t.material.texture and t.material.texture["paint"] in ("cloth", "strands", "skin")
    ]


def test_a_person_wears_the_same_all_day_and_moves():
    views = [things(8 * 7 + k) for k in range(8)]
    looks = [[t.material for t in view] for view in views]
    assert all(look == looks[0] for look in looks) and len(looks[0]) >= 4
    poses = [view[0].mesh["body"]["pose"] for view in views]
    assert len({str(p) for p in poses}) == 8
    assert all(
        t.mesh["body"]["pose"] == pose
        for view, pose in zip(views, poses)
        for t in view
        if "body" in t.mesh
    )  # clothes follow the body
    assert [t.material for t in things(8 * 8)] != looks[0]


def test_what_a_camera_sees_stays():
    first, later, other = scene(0), scene(8 * 100 + 1), scene(2)
    assert first.sky == later.sky and first.sky != other.sky
    wall = lambda s: next(
        t.material.texture
        for t in s.things
        if t.material.texture and t.material.texture["paint"] == "backdrop"
    )
    assert wall(first) == wall(later) != wall(other)


def test_buildings_share_neither_people_nor_cameras():
    count = cameras.TRAIN + cameras.AWAY + cameras.HOME
    numbers = [cameras.number_of(who) for who in range(count)]
    assert len(set(numbers)) == count and min(numbers) >= 648  # nobody of the people set
    assert all(n // 2 % BINS > 0 for n in numbers)  # nobody under five
    seen = {}
    for who in (
        0,
        cameras.TRAIN - 1,
        cameras.TRAIN,
        cameras.TRAIN + cameras.AWAY - 1,
        cameras.TRAIN + cameras.AWAY,
        count - 1,
    ):
        seen[who] = {scene(8 * who + k).notes["camera"] for k in range(8)}
    assert list(seen.values()) == [{0, 1, 2, 3}] * 2 + [{4, 5, 6, 7}] * 2 + [{0, 1, 2, 3}] * 2


def test_most_cloth_is_of_the_colours_that_people_wear():
    dull = []
    for who in range(60):
        dull += [
            np.ptp(t.material.texture["colors"][0]) < 0.25
            for t in things(8 * who)
            if t.material.texture["paint"] == "cloth"
        ]
    assert 0.65 < np.mean(dull) < 0.95


def test_the_same_seed_gives_the_same_scene():
    assert (
        scene(11) == scene(11)
        and scene(11).seed != scene(12).seed
        and scene(11, seed=1) != scene(11)
    )


@pytest.mark.parametrize("index", [0, 8 * 300 + 5])
def test_scenes_have_their_size(index):
    assert scene(index).size == (64, 128)
