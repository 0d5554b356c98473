"""The two sets of shelves, picture by picture: which scene each is, and the columns of its row."""

import numpy as np

from cvbook.text.corpus import Split
from cvbook.worlds.camera import shoot
from cvbook.worlds.instances import instances
from cvbook.worlds.rendered_set import Row, encode
from cvbook.worlds.scene import Rendered, Scene
from cvbook.worlds.shelves.products import SKUS, sku
from cvbook.worlds.shelves.shelves import close_up, shelf

# (SKUs, shelves): which of the two are held out.
WORLDS: tuple[tuple[Split, Split], ...] = (
    ("train", "train"),
    ("test", "train"),
    ("train", "test"),
    ("test", "test"),
)


def shelf_worlds(index: int) -> tuple[Split, Split]:
    """The split of SKUs and of shelves in picture `index`.

    Of eight pictures in a row five are for training, and one each holds out the SKUs, the shelves,
    and both.
    """
    return WORLDS[max(0, index % 8 - 4)]


def shelf_scene(seed: int, index: int) -> tuple[Scene]:
    """Picture `index` of the shelf set."""
    skus, world = shelf_worlds(index)
    return (shelf(seed, index, skus, world),)


def shelf_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the shelf set: picture, mask, worlds, and lists over what is visible."""
    skus, world = shelf_worlds(index)
    (picture,) = pictures
    found = instances(picture)
    image = shoot(picture.image, np.random.default_rng([seed, index, 51]))
    mask, _ = picture.passes()
    return {
        "image": encode(image),
        "mask": encode(mask, "PNG"),
        "index": index,
        "skus": skus,
        "world": world,
        "label": [i.label for i in found],
        "kind": [i.notes["kind"] for i in found],
        "sku": [i.notes["sku"] for i in found],
        "category": [i.notes.get("category", "") for i in found],
        "text": [i.notes.get("text", "") for i in found],
        "box": [list(i.visible) for i in found],
        "whole": [[round(v, 1) for v in i.whole] for i in found],
        "visible": [round(i.fraction, 3) for i in found],
    }


def crop_world(index: int) -> Split:
    """Of each SKU's thirteen views the last three are in the other world."""
    return "test" if index // SKUS >= 10 else "train"


def crop_scene(seed: int, index: int) -> tuple[Scene]:
    """Picture `index` of the crop set: all SKUs in turn."""
    return (close_up(seed, index // SKUS, index % SKUS, crop_world(index)),)


def crop_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the crop set."""
    (picture,) = pictures
    item, found = sku(index % SKUS), instances(picture)
    image = shoot(picture.image, np.random.default_rng([seed, index, 52]), 0.4)
    return {
        "image": encode(image),
        "index": index,
        "sku": item.number,
        "category": item.category,
        "skus": item.split,
        "world": crop_world(index),
        "visible": round(found[0].fraction, 3) if found else 0.0,
    }
