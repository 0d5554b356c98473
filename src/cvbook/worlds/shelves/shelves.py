"""Shop shelves by planogram rules: products in facings, price tags, gaps and mistakes, store lights, a customer's camera.

Two worlds: scenes of the "test" world use shelf types, lights and camera heights that the "train" world never has; and the products may
come from the catalogue's training or held-out SKUs. So what a model has learnt can be asked for each apart.
"""

from dataclasses import replace

import numpy as np

from cvbook.text.corpus import Split
from cvbook.text.fonts import fonts
from cvbook.worlds.camera import shoot
from cvbook.worlds.instances import instances
from cvbook.worlds.rendered_set import Row, encode
from cvbook.worlds.scene import Camera, Light, Material, Rendered, Scene, Thing, placement
from cvbook.worlds.shelves.products import SKUS, Sku, sku

Rng = np.random.Generator
SHELF_TYPES = {"train": ("metal", "wood", "white"), "test": ("fridge", "crate")}
DEPTH = 0.36  # of a shelf, metres
FIRST_TAG = 1000  # labels from here on are price tags


def _place(
    piece: Thing, x: float, y: float, z: float, turn: float, lean: float, label: int
) -> Thing:
    """A product's piece at a spot: turned about the vertical, then leaning about the line of its foot."""
    whole = placement((x, y, z), (lean, 0.0, turn)) @ np.append(piece.position, 1)
    return replace(
        piece,
        position=tuple(whole[:3].tolist()),
        rotation=(piece.rotation[0] + lean, 0.0, turn),
        label=label,
    )


def _shelf_materials(kind: str, rng: Rng) -> tuple[Material, Material]:
    """Of boards and of the back panel."""
    tone = float(rng.uniform(0.75, 0.95))
    if kind in ("wood", "crate"):
        grain = {
            "paint": "wood",
            "seed": int(rng.integers(1000)),
            "color": (
                np.array([0.62, 0.45, 0.28] if kind == "wood" else [0.42, 0.28, 0.17]) * tone
            ).tolist(),
        }
        return Material(texture=grain, roughness=0.6), Material(
            texture={**grain, "seed": int(rng.integers(1000))}, roughness=0.7
        )
    board, back = {"metal": (0.55, 0.5), "white": (0.9, 0.85), "fridge": (0.35, 0.12)}[kind]
    return Material(
        color=(board * tone,) * 3, roughness=0.35, metallic=0.6 if kind == "metal" else 0.0
    ), Material(color=(back * tone,) * 3, roughness=0.6)


def _unit(kind: str, heights: list[float], width: float, rng: Rng) -> list[Thing]:
    """Boards, lips for the price tags, back panel, sides, floor and a wall behind."""
    board, back = _shelf_materials(kind, rng)
    top = heights[-1] + 0.04
    lip = Material(
        color=tuple(
            rng.choice(
                [[0.9, 0.9, 0.9], [0.8, 0.1, 0.1], [0.95, 0.8, 0.1], [0.2, 0.3, 0.6]]
            ).tolist()
        ),
        roughness=0.4,
    )
    things = [
        Thing({"shape": "box", "size": [width, DEPTH, 0.022]}, board, (0, DEPTH / 2, z - 0.022))
        for z in heights
    ]
    things += [
        Thing({"shape": "box", "size": [width, 0.006, 0.042]}, lip, (0, -0.003, z - 0.042))
        for z in heights[:-1]
    ]
    things.append(Thing({"shape": "box", "size": [width, 0.01, top]}, back, (0, DEPTH, 0)))
    side = 0.02 if kind != "fridge" else 0.05
    things += [
        Thing(
            {"shape": "box", "size": [side, DEPTH + 0.01, top]},
            board,
            (s * (width + side) / 2, DEPTH / 2, 0),
        )
        for s in (-1, 1)
    ]
    floor = {
        "paint": "tiles",
        "seed": int(rng.integers(1000)),
        "color": (np.array([0.72, 0.70, 0.66]) * rng.uniform(0.6, 1.1)).clip(0, 1).tolist(),
    }
    wall = Material(color=tuple(rng.uniform(0.4, 0.8, 3).tolist()), roughness=0.8)
    things.append(
        Thing(
            {"shape": "plane", "size": [12.0, 12.0], "repeat": 5},
            Material(texture=floor, roughness=0.4),
            (0, 0, -0.12),
        )
    )
    return [
        *things,
        Thing({"shape": "box", "size": [12.0, 0.1, 4.0]}, wall, (0, DEPTH + 0.3, -0.12)),
    ]


def _plan(rng: Rng, pool: list[Sku], width: float) -> list[tuple[Sku, int]]:
    """One row: SKUs and their facings, from left to right, related ones side by side; now and then a wrong neighbour."""
    row, used, misses = [], 0.0, 0
    while misses < 4:
        item = pool[rng.integers(len(pool))]
        facings = int(min(5, rng.geometric(0.45)))
        if rng.random() < 0.06:  # somebody changed his mind and left it here
            item, facings = (
                sku(int(rng.choice([s for s in range(SKUS) if sku(s).split == item.split]))),
                1,
            )
        facings = min(facings, int((width - used - 0.02) / (2.06 * item.half_width)))
        if facings < 1:
            misses += 1
            continue
        used += facings * 2.06 * item.half_width + 0.01
        row.append((item, facings))
    return row


def _fill(
    rng: Rng, row: list[tuple[Sku, int]], z: float, width: float, things: list[Thing], notes: dict
) -> None:
    """Stand a planned row on its board, with tags; appends to `things` and `notes`."""
    x, mess = -width / 2 + 0.005, rng.random() * 0.5
    tags = [f.file for f in fonts("train") if f.style in ("sans", "condensed")]
    for item, facings in row:
        left = x
        for _ in range(facings):
            x += 1.03 * item.half_width
            deep = int(rng.integers(1, 4))
            if rng.random() < 0.05 + 0.1 * mess:
                deep = int(rng.integers(0, 2))  # sold
            for k in range(deep):
                y = 0.012 + item.half_depth * (1.0 + 2.1 * k) + rng.uniform(0, 0.03) * mess
                if y + item.half_depth > DEPTH:
                    break
                turn = (
                    rng.normal(0, 0.12 * mess)
                    if rng.random() > 0.03
                    else rng.uniform(-np.pi, np.pi)
                )
                lean, height = (
                    (rng.normal(0, 0.03) * mess, z)
                    if rng.random() > 0.02
                    else (-np.pi / 2, z + item.half_depth)
                )
                if lean < -1:
                    y += item.half_depth  # fallen on its back
                label = sum(1 for n in notes.values() if n["kind"] == "product") + 1
                things += [
                    _place(p, x, y, height, turn, max(lean, 0.0) if lean > -1 else lean, label)
                    for p in item.pieces
                ]
                notes[str(label)] = {
                    "kind": "product",
                    "sku": item.number,
                    "category": item.category,
                    "depth": k,
                    "fallen": lean < -1,
                }
            x += 1.03 * item.half_width
        if (
            facings > 2 and item.category in ("water", "soda") and rng.random() < 0.4
        ):  # a shrink-wrapped pack: film round the front row
            half, film = (x - left) / 2, Material(alpha=0.12, coat=1.0, roughness=0.15)
            rings = [
                [z, half, 1.08 * item.half_depth, 8],
                [z + 0.9 * item.height, half, 1.08 * item.half_depth, 8],
                [z + 0.97 * item.height, 0.8 * half, 0.5 * item.half_depth, 8],
            ]
            things.append(
                Thing(
                    {"shape": "loft", "rings": rings},
                    film,
                    ((left + x) / 2, 0.012 + item.half_depth, 0),
                )
            )
        if rng.random() < 0.85:
            text = f"{rng.integers(1, 400)}.{rng.choice(['00', '90', '99', '49', '50'])}"
            label = FIRST_TAG + sum(1 for n in notes.values() if n["kind"] == "tag")
            paper = [[1.0, 1.0, 1.0], [1.0, 0.93, 0.3]][int(rng.random() < 0.25)]
            face = Material(
                texture={
                    "paint": "tag",
                    "text": text,
                    "font": str(rng.choice(tags)),
                    "paper": paper,
                },
                roughness=0.5,
            )
            things.append(
                Thing(
                    {"shape": "box", "size": [0.06, 0.003, 0.034]},
                    face,
                    (min((left + x) / 2, width / 2 - 0.03), -0.008, z - 0.039),
                    label=label,
                )
            )
            notes[str(label)] = {"kind": "tag", "text": text, "sku": item.number}
        x += 0.01


def _lights(rng: Rng, world: Split, top: float) -> tuple[tuple[Light, ...], tuple]:
    """Ceiling lamps of the training world; spots, lamps from the side and a fridge's cold light in the other."""
    warmth = rng.uniform(-0.12, 0.12)
    if world == "train":
        tint = (min(1.0, 1 + warmth), 1.0, min(1.0, 1 - warmth))
        lamps = []
        for x in rng.uniform(-1.2, 1.2, rng.integers(1, 4)).tolist():
            position, energy, breadth = (
                (x, float(rng.uniform(-2.2, -0.8)), 2.7),
                float(rng.uniform(25, 60)),
                float(rng.uniform(0.3, 1.2)),
            )
            lamps.append(Light(position, (0.6 * x, 0.2, 0.8), energy, breadth, tint))
        return tuple(lamps), ((1.0, 1.0, 1.0), float(rng.uniform(0.2, 0.5)))
    tint = (0.75, 0.9, 1.0) if rng.random() < 0.5 else (1.0, 0.8, 0.55)
    side = float(rng.choice([-1, 1]))
    return (
        Light(
            (side * float(rng.uniform(1.2, 2.0)), -1.2, float(rng.uniform(0.6, 1.8))),
            (0, 0.2, top / 2),
            float(rng.uniform(60, 130)),
            0.15,
            tint,
        ),
    ), (tint, float(rng.uniform(0.08, 0.25)))


def shelf(
    seed: int,
    index: int,
    skus: Split = "train",
    world: Split = "train",
    size: tuple[int, int] = (320, 240),
    samples: int = 8,
) -> Scene:
    """Sample a shelf.

    Args:
        seed, index: the same pair always gives the same scene.
        skus: which part of the catalogue stands on it. world: which shelf types, lights and camera heights.
        size: (width, height) of the picture in pixels.

    Returns:
        A scene whose `notes` tell for each label (as a string) its kind, "product" or "tag", its SKU, category, depth on the shelf, or text.
    """
    rng = np.random.default_rng([seed, index, 41])
    kind = str(rng.choice(SHELF_TYPES[world]))
    width = float(rng.uniform(0.9, 1.5))
    stock = [sku(n) for n in range(SKUS) if sku(n).split == skus]
    heights, z, things, notes = [0.1], 0.1, [], {}
    for _ in range(rng.integers(2, 5)):
        chosen = rng.choice(sorted({s.category for s in stock}), 3, replace=False)
        pool = [s for s in stock if s.category in chosen]
        pool = [pool[i] for i in rng.permutation(len(pool))[: rng.integers(4, 9)]]
        row = _plan(rng, pool, width)
        _fill(rng, row, z, width, things, notes)
        z += max((s.height for s, _ in row), default=0.2) + float(rng.uniform(0.05, 0.10))
        heights.append(z)
    things += _unit(kind, heights, width, rng)
    lights, sky = _lights(rng, world, z)
    low, high = (
        (0.9, 1.5) if world == "train" else ((0.35, 0.7) if rng.random() < 0.5 else (1.7, 2.0))
    )
    middle = rng.uniform(0.35, 0.65) * z
    span = rng.uniform(0.55, 1.0) * max(
        z, 0.75 * width
    )  # how much of the unit the picture shows, metres
    distance = float(rng.uniform(1.1, 2.0))
    eye = (
        float(rng.uniform(-0.5, 0.5)),
        -distance,
        float(rng.uniform(low, high)) * max(0.7, z / 1.2),
    )
    away = float(np.hypot(distance, eye[2] - middle))
    camera = Camera(
        eye,
        (float(rng.uniform(-0.2, 0.2)), 0.1, float(middle)),
        float(2 * np.arctan(span / 2 / away)),
        float(rng.normal(0, 0.03)),
    )
    return Scene(
        tuple(things),
        lights,
        camera,
        size,
        samples,
        sky,
        float(rng.uniform(-0.1, 0.7)),
        int(rng.integers(2**31)),
        notes=notes,
    )


def close_up(seed: int, index: int, number: int, world: Split = "train", side: int = 96) -> Scene:
    """One product of the catalogue between two neighbours, as a shelf's camera crops it; label 1 is the product.

    Args:
        seed, index: of the view. number: the SKU. side: of the square picture, pixels.
    """
    rng = np.random.default_rng([seed, index, number, 42])
    item = sku(number)
    others = [
        s
        for s in map(sku, range(SKUS))
        if s.split == item.split and abs(s.height - item.height) < 0.12
    ]
    things = []
    for place, other in (
        (0, item),
        *((s, others[rng.integers(len(others))] if rng.random() < 0.5 else item) for s in (-1, 1)),
    ):
        if place and rng.random() < 0.15:
            continue
        x = place * (item.half_width + other.half_width) * float(rng.uniform(1.03, 1.15))
        turn = float(rng.normal(0, 0.15))
        things += [
            _place(p, x, 0.02 + other.half_depth, 0.1, turn, 0.0, 1 if place == 0 else 0)
            for p in other.pieces
        ]
    kind = str(rng.choice(SHELF_TYPES[world]))
    things += _unit(kind, [0.1, 0.1 + item.height + 0.1], 1.2, rng)
    lights, sky = _lights(rng, world, 0.4)
    low, high = (
        (-0.15, 0.35)
        if world == "train"
        else ((-0.3, -0.2) if rng.random() < 0.5 else (0.45, 0.65))
    )
    angle, yaw, distance = (
        float(rng.uniform(low, high)),
        float(np.clip(rng.normal(0, 0.25), -0.42, 0.42)),
        float(rng.uniform(0.8, 1.3)),
    )
    middle = (
        np.array([0.0, 0.02 + item.half_depth, 0.1 + item.height / 2])
        + rng.normal(0, 0.06, 3) * item.height
    )
    eye = middle + distance * np.array(
        [np.cos(angle) * np.sin(yaw), -np.cos(angle) * np.cos(yaw), np.sin(angle)]
    )
    eye[2] = max(eye[2], -0.10)  # the floor is at -0.12
    reach = max(item.height, 2 * item.half_width) * float(rng.uniform(1.05, 1.3))
    camera = Camera(
        tuple(eye.tolist()),
        tuple(middle.tolist()),
        float(2 * np.arctan(reach / 2 / distance)),
        float(rng.normal(0, 0.05)),
    )
    return Scene(
        tuple(things),
        lights,
        camera,
        (side, side),
        8,
        sky,
        float(rng.uniform(0.0, 0.8)),
        int(rng.integers(2**31)),
        notes={"1": {"kind": "product", "sku": number, "category": item.category}},
    )


WORLDS = (
    ("train", "train"),
    ("test", "train"),
    ("train", "test"),
    ("test", "test"),
)  # (SKUs, shelves): which of the two are held out


def _shelf_worlds(index: int) -> tuple[str, str]:
    """Of eight pictures in a row five are for training, and one each holds out the SKUs, the shelves, and both."""
    return WORLDS[max(0, index % 8 - 4)]


def shelf_scene(seed: int, index: int) -> tuple[Scene]:
    """Picture `index` of the shelf set."""
    skus, world = _shelf_worlds(index)
    return (shelf(seed, index, skus, world),)


def shelf_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the shelf set: picture, mask, worlds, and lists over what is visible."""
    skus, world = _shelf_worlds(index)
    (picture,) = pictures
    found = instances(picture)
    return {
        "image": encode(shoot(picture.image, np.random.default_rng([seed, index, 51]))),
        "mask": encode(picture.mask, "PNG"),
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


def crop_world(index: int) -> str:
    """Of each SKU's thirteen views the last three are in the other world."""
    return "test" if index // SKUS >= 10 else "train"


def crop_scene(seed: int, index: int) -> tuple[Scene]:
    """Picture `index` of the crop set: all SKUs in turn."""
    return (close_up(seed, index // SKUS, index % SKUS, crop_world(index)),)


def crop_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the crop set."""
    (picture,) = pictures
    item, found = sku(index % SKUS), instances(picture)
    return {
        "image": encode(shoot(picture.image, np.random.default_rng([seed, index, 52]), 0.4)),
        "index": index,
        "sku": item.number,
        "category": item.category,
        "skus": item.split,
        "world": crop_world(index),
        "visible": round(found[0].fraction, 3) if found else 0.0,
    }
