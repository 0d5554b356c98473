import numpy as np
import pytest
from PIL import Image

from cvbook.worlds import painters
from cvbook.worlds.people.cameras import sighting
from cvbook.worlds.people.pictures import group, portrait
from cvbook.worlds.people.queues import frame
from cvbook.worlds.shelves.shelves import shelf


@pytest.fixture(scope="module")
def textures():
    """One texture by each painter that the worlds use."""
    scenes = [*(shelf(0, i) for i in range(8)), frame(0, 0, 0.0), sighting(0, 0)]
    scenes += [group(0, i) for i in range(8)] + [s for i in range(4) for s in portrait(0, i)]
    found = [t.material.texture for scene in scenes for t in scene.things if t.material.texture]
    return {texture["paint"]: texture for texture in found}


def test_every_painter_paints_the_same_each_time(textures):
    assert textures.keys() == painters.PAINTERS.keys() - {"picture"}  # those are the reader's own
    for name, texture in textures.items():
        first = painters.paint(texture)
        assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3, name
        assert first.std() > 1, name
        assert (first == painters.paint(texture)).all(), name


def test_a_seed_makes_a_painter_vary(textures):
    for name in ("cloth", "strands", "wood", "tiles"):
        texture = textures[name]
        other = painters.paint(texture | {"seed": texture["seed"] + 1})
        assert (other != painters.paint(texture)).any(), name


def test_a_picture_of_ones_own_is_shrunk(tmp_path):
    Image.new("RGB", (1024, 256), (200, 0, 0)).save(tmp_path / "poster.png")
    painted = painters.paint({"paint": "picture", "path": str(tmp_path / "poster.png")})
    assert painted.shape == (128, 512, 3) and (painted == (200, 0, 0)).all()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no painter"):
        painters.paint({"paint": "gold"})
    with pytest.raises(ValueError, match="no cloth"):
        painters.paint({"paint": "cloth", "seed": 0, "kind": "lace", "colors": [[0, 0, 0]] * 2})
    with pytest.raises(ValueError, match="no backdrop"):
        painters.paint({"paint": "backdrop", "seed": 0, "kind": "moon"})
