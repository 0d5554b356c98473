"""Scene descriptions, shapes and products: everything that needs no Blender."""

import json
import subprocess
import sys

import numpy as np
import pytest

from cvbook.worlds import meshing, painters, shapes
from cvbook.worlds.scene import Camera, Light, Material, Scene, Thing, project
from cvbook.worlds.shelves.products import CATEGORIES, SKUS, sku
from cvbook.worlds.shelves.shelves import SHELF_TYPES, close_up, shelf


def closed_volume(mesh: shapes.Mesh) -> float:
    """Signed volume by the divergence theorem: positive when all polygons face outwards."""
    total, start = 0.0, 0
    for size in mesh.sizes:
        corner = mesh.vertices[mesh.corners[start : start + size]].astype(float)
        for k in range(1, size - 1):
            total += np.dot(corner[0], np.cross(corner[k], corner[k + 1])) / 6
        start += size
    return total


def test_a_scene_survives_json():
    scene = shelf(3, 1)
    back = Scene.from_json(scene.to_json())
    assert json.loads(back.to_json()) == json.loads(scene.to_json())
    with pytest.raises(ValueError, match="not a scene"):
        Scene.from_json('{"things": 3}')


def test_sampling_scenes_does_not_import_blender():
    code = "import sys; from cvbook.worlds.shelves.shelves import shelf; shelf(0, 0); assert 'bpy' not in sys.modules and 'anny' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shipped_sets_are_read_without_blender_and_anny():
    code = "import sys; sys.modules['bpy'] = sys.modules['anny'] = None; from cvbook.data.rendered import load; assert len(load('crops')) == 3120"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_anny_there_is_one_clear_sentence():
    code = "import sys; sys.modules['anny'] = None; from cvbook.worlds.people.body import Body, vertices; vertices(Body(30, 0.5))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (
        done.stderr.strip().splitlines()[-1].startswith("ImportError: People need the anny package")
        and "pip install anny" in done.stderr
    )


def test_the_middle_of_the_picture_is_what_the_camera_looks_at():
    camera = Camera((1.0, -3.0, 2.0), (0.2, 0.1, 0.5), 0.6, roll=0.4)
    x, y, depth = project(np.array([[0.2, 0.1, 0.5]]), camera, (320, 240))[0]
    assert (x, y) == pytest.approx((160, 120)) and depth == pytest.approx(
        np.linalg.norm([0.8, -3.1, 1.5])
    )


def test_a_point_at_half_the_angle_of_view_is_at_the_border():
    camera = Camera((0, -2, 0), (0, 0, 0), 0.8)
    points = np.array([[0, 0, 2 * np.tan(0.4)], [0, 0, -2 * np.tan(0.4)], [2 * np.tan(0.4), 0, 0]])
    assert project(points, camera, (300, 200))[:, :2] == pytest.approx(
        np.array([[150, 0], [150, 200], [250, 100]])
    )
    assert project(np.array([[0, -3, 0]]), camera, (300, 200))[0, 2] < 0


@pytest.mark.parametrize("straight", [(0, 0, 5), (0, 0, -5)])
def test_looking_straight_up_or_down_is_defined(straight):
    assert np.isfinite(Camera(straight, (0, 0, 0)).matrix()).all()


def test_rotations_are_applied_x_then_y_then_z():
    matrix = Thing({}, (), rotation=(np.pi / 2, 0, np.pi / 2)).matrix()
    assert matrix[:3, :3] @ [0, 1, 0] == pytest.approx(
        [0, 0, 1]
    )  # y goes up by x, and z leaves it there
    assert matrix[:3, :3] @ [1, 0, 0] == pytest.approx([0, 1, 0])


def test_a_loft_is_closed_faces_outwards_and_has_the_volume_of_a_cylinder():
    mesh = shapes.loft([[0, 1, 1, 2], [2, 1, 1, 2]], segments=200)
    assert closed_volume(mesh) == pytest.approx(2 * np.pi, rel=1e-3)
    assert (
        mesh.uv.min() >= 0
        and mesh.uv.max() <= 1
        and len(mesh.uv) == len(mesh.corners) == mesh.sizes.sum()
    )


def test_a_square_loft_nearly_fills_its_box_and_boxes_do():
    assert closed_volume(shapes.loft([[0, 1, 2, 20], [1, 1, 2, 20]], segments=80)) == pytest.approx(
        8, rel=0.02
    )
    assert closed_volume(shapes.box([1, 2, 3])) == pytest.approx(6)


def test_the_front_of_a_loft_is_the_middle_of_its_texture():
    mesh = shapes.loft([[0, 1, 1, 2], [1, 1, 1, 2]], segments=40)
    side = mesh.vertices[mesh.corners][:, 1]
    front = np.flatnonzero((side < -0.999) & (np.abs(mesh.uv[:, 1] - 0.5) > 0.499))
    assert len(front) and np.allclose(mesh.uv[front[:4], 0], 0.5, atol=0.03)


@pytest.mark.parametrize("rings", [[[0, 1, 1, 2]], [[0, 1, 1, 2], [1, 0, 1, 2]]])
def test_impossible_lofts_are_refused(rings):
    with pytest.raises(ValueError, match="two rings or more"):
        shapes.loft(rings)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no shape"):
        meshing.build({"shape": "teapot"})
    with pytest.raises(ValueError, match="no painter"):
        painters.paint({"paint": "gold"})
    with pytest.raises(ValueError, match="0 to"):
        sku(SKUS)


def test_the_catalogue_holds_out_whole_skus_of_every_category():
    items = [sku(n) for n in range(SKUS)]
    assert len(items) >= 200
    for split, least in (("train", 150), ("test", 50)):
        part = [s for s in items if s.split == split]
        assert len(part) >= least and {s.category for s in part} == set(CATEGORIES)
    assert not {s.brand for s in items if s.split == "train"} & {
        s.brand for s in items if s.split == "test"
    }


def test_every_product_has_a_label_that_is_painted_the_same_each_time():
    for number in (0, 7, 30, 101, 239):
        texture = next(p.material.texture for p in sku(number).pieces if p.material.texture)
        first = painters.paint(texture)
        assert (
            first.dtype == np.uint8
            and first.shape[0] == 256
            and (first == painters.paint(texture)).all()
        )
        assert first.std() > 8


def test_products_fit_their_bounding_boxes():
    for number in range(SKUS):
        item = sku(number)
        for piece in item.pieces:
            world = meshing.build(piece.mesh).vertices @ piece.matrix()[:3, :3].T + piece.position
            assert (
                (np.abs(world[:, 0]) <= item.half_width * 1.08).all()
                and world[:, 2].min() > -0.01
                and world[:, 2].max() < item.height * 1.06
            )


def test_shelves_are_the_same_for_the_same_seed_and_hold_what_was_asked_for():
    assert shelf(5, 2).to_json() == shelf(5, 2).to_json() != shelf(5, 3).to_json()
    for skus in ("train", "test"):
        scene = shelf(5, 4, skus, "test")
        products = [n for n in scene.notes.values() if n["kind"] == "product"]
        assert products and all(sku(n["sku"]).split == skus for n in products)
        assert {str(t.label) for t in scene.things if t.label} == set(scene.notes)


def test_the_two_worlds_share_no_shelf_type_and_no_light():
    assert not set(SHELF_TYPES["train"]) & set(SHELF_TYPES["test"])
    warm = [max(light.size for light in shelf(9, i, "train", "train").lights) for i in range(8)]
    cold = [max(light.size for light in shelf(9, i, "train", "test").lights) for i in range(8)]
    assert min(warm) > max(cold)
    assert close_up(0, 0, 3).notes["1"]["sku"] == 3


def test_a_light_is_plain_data():
    scene = Scene(
        (), (Light((0, 0, 3), (0, 0, 0), 10),), Camera((0, -1, 0), (0, 0, 0)), notes={"a": 1}
    )
    assert Scene.from_json(scene.to_json()).lights[0].energy == 10 and Material().texture is None
