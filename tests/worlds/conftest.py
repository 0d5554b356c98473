"""One Blender for all tests of this folder, and a small scene to give it."""

from dataclasses import replace

import pytest

from cvbook.worlds.blender.renderer import Renderer
from cvbook.worlds.scene import Camera, Light, Material, Scene, Thing

FLOOR = Thing({"shape": "plane", "size": [6, 6]}, Material())
BOX = Thing({"shape": "box", "size": [0.4, 0.4, 0.4]}, Material(color=(0.8, 0.2, 0.1)), label=1)
CYLINDER = {"shape": "loft", "rings": [[0, 0.1, 0.1, 2], [0.3, 0.1, 0.1, 2]]}
CAN = Thing(CYLINDER, Material(color=(0.1, 0.3, 0.8)), (0.1, -0.5, 0), label=2)
LAMP = Light((1, -2, 3), (0, 0, 0), 60)
CAMERA = Camera((0.4, -2.4, 1.2), (0, 0, 0.2), 0.5)


@pytest.fixture(scope="session")
def renderer():
    with Renderer(1) as running:
        yield running


@pytest.fixture(scope="session")
def render(renderer):
    """A scene, rendered."""
    return lambda scene: next(renderer.render([scene]))


@pytest.fixture(scope="session")
def scene():
    """Makes scenes: on a floor a box, label 1, and before it a can, label 2."""

    def make(seed: int = 0, can: bool = True, box: dict | None = None, **changes) -> Scene:
        things = (FLOOR, replace(BOX, **(box or {})), *([CAN] if can else []))
        return replace(Scene(things, (LAMP,), CAMERA, (64, 48), 4, seed=seed), **changes)

    return make
