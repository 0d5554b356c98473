import subprocess
import sys

from cvbook.worlds.shelves.products import sku
from cvbook.worlds.shelves.shelves import SHELF_TYPES, close_up, shelf

WITHOUT_BLENDER = """
import sys
from cvbook.worlds.shelves.shelves import shelf
shelf(0, 0)
assert not {"bpy", "anny"} & sys.modules.keys()
"""


def test_sampling_scenes_does_not_import_blender():
    subprocess.run([sys.executable, "-c", WITHOUT_BLENDER], check=True)


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


def test_a_close_up_is_of_the_product_that_was_asked_for():
    for number in (3, 40):
        assert close_up(0, 0, number).notes["1"]["sku"] == number
