"""Scene descriptions, cameras and places."""

import numpy as np
import pytest

from cvbook.worlds.scene import Camera, Light, Material, Scene, Thing, project
from cvbook.worlds.shelves.shelves import shelf


def test_a_scene_survives_json():
    scene = shelf(3, 1)
    back = Scene.from_json(scene.to_json())
    assert back.to_json() == scene.to_json()
    kinds = {type(x) for x in (*back.things, *back.lights, back.camera, back.things[0].material)}
    assert kinds == {Thing, Light, Camera, Material}
    with pytest.raises(ValueError, match="not a scene"):
        Scene.from_json('{"things": 3}')


def test_the_middle_of_the_picture_is_what_the_camera_looks_at():
    camera = Camera((1.0, -3.0, 2.0), (0.2, 0.1, 0.5), 0.6, roll=0.4)
    x, y, depth = project(np.array([[0.2, 0.1, 0.5]]), camera, (320, 240))[0]
    assert (x, y) == pytest.approx((160, 120))
    assert depth == pytest.approx(np.linalg.norm([0.8, -3.1, 1.5]))


def test_a_point_at_half_the_angle_of_view_is_at_the_border():
    camera = Camera((0, -2, 0), (0, 0, 0), 0.8)
    points = np.array([[0, 0, 2 * np.tan(0.4)], [0, 0, -2 * np.tan(0.4)], [2 * np.tan(0.4), 0, 0]])
    expected = np.array([[150, 0], [150, 200], [250, 100]])
    assert project(points, camera, (300, 200))[:, :2] == pytest.approx(expected)
    assert project(np.array([[0, -3, 0]]), camera, (300, 200))[0, 2] < 0


@pytest.mark.parametrize("straight", [(0, 0, 5), (0, 0, -5)])
def test_looking_straight_up_or_down_is_defined(straight):
    camera = Camera(straight, (0, 0, 0))
    turn = camera.matrix()[:3, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3)) and np.linalg.det(turn) == pytest.approx(1)
    middle, east = project(np.array([[0, 0, 0], [1, 0, 0]]), camera, (320, 240))
    assert middle == pytest.approx([160, 120, 5]) and east[0] > 160 and east[1] == 120


def test_rotations_are_applied_x_then_y_then_z():
    matrix = Thing({}, (), rotation=(np.pi / 2, 0, np.pi / 2)).matrix()
    # The turn about x lifts y, and the one about z leaves it there.
    assert matrix[:3, :3] @ [0, 1, 0] == pytest.approx([0, 0, 1])
    assert matrix[:3, :3] @ [1, 0, 0] == pytest.approx([0, 1, 0])
