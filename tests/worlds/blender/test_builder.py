import subprocess
import sys

from cvbook.worlds.scene import Material

WOOD = {"paint": "wood", "seed": 1, "color": [0.6, 0.4, 0.2]}


def test_light_exposure_and_texture_have_their_effect(render, scene):
    dark, light = (render(scene(exposure=e)).image.mean() for e in (-1.0, 1.0))
    assert light > 1.4 * dark
    materials = Material(), Material(texture=WOOD), Material(texture=WOOD | {"seed": 2})
    plain, wood, other = (render(scene(can=False, box={"material": m})) for m in materials)
    box = plain.mask == 1
    assert (wood.image != plain.image)[box].mean() > 0.9
    assert (wood.image != other.image)[box].mean() > 0.5


SMALL_MEMORY = """
import sys
from pathlib import Path
from cvbook.worlds.blender import builder, worker
from cvbook.worlds.shelves.shelves import close_up

blender, folder, first = worker.Blender(), Path(sys.argv[1]), None
for builder.KEPT in (10_000, *range(0, 40, 4)):
    made = [blender.render(close_up(0, 0, n, side=24), folder)["image"] for n in (3, 40, 3)]
    first = first or made
    assert all((a == b).all() for a, b in zip(made, first, strict=True)), builder.KEPT
    assert (made[0] == made[2]).all() and (made[0] != made[1]).any()
    kept, data = blender.builder, blender.bpy.data
    assert len(kept.cache) <= max(builder.KEPT, len(kept.used))
    textures = {i for i in data.images if i.name.startswith("texture")}
    assert {*data.meshes, *data.materials, *textures} == set(kept.cache.values())
    assert not data.lights and len(data.objects) == 1  # the camera
"""


def test_a_small_memory_does_not_change_pictures(tmp_path):
    """Two products in turn, with room for only part of what they need.

    A material that outlived its texture would turn pink.
    """
    command = [sys.executable, "-c", SMALL_MEMORY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
