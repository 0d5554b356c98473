import numpy as np
import pytest

from cvbook.worlds.meshing import build
from cvbook.worlds.painters import paint
from cvbook.worlds.shelves.products import CATEGORIES, SKUS, sku


def test_the_catalogue_holds_out_whole_skus_of_every_category():
    items = [sku(n) for n in range(SKUS)]
    brands = {}
    for split, least in (("train", 150), ("test", 50)):
        part = [s for s in items if s.split == split]
        assert len(part) >= least and {s.category for s in part} == set(CATEGORIES)
        brands[split] = {s.brand for s in part}
    assert not brands["train"] & brands["test"]
    with pytest.raises(ValueError, match="0 to"):
        sku(SKUS)


def test_products_have_labels_that_can_be_told_apart():
    numbers = (0, 7, 30, 101, 239)
    textures = [
        next(p.material.texture for p in sku(n).pieces if p.material.texture) for n in numbers
    ]
    painted = [paint(texture) for texture in textures]
    for label in painted:
        assert label.dtype == np.uint8 and label.shape[0] == 256 and label.std() > 8
    assert len({label.tobytes() for label in painted}) == len(numbers)


def test_products_fit_their_bounding_boxes():
    for number in range(SKUS):
        item = sku(number)
        for piece in item.pieces:
            world = build(piece.mesh).vertices @ piece.matrix()[:3, :3].T + piece.position
            assert (np.abs(world[:, 0]) <= item.half_width * 1.08).all()
            assert world[:, 2].min() > -0.01 and world[:, 2].max() < item.height * 1.06
