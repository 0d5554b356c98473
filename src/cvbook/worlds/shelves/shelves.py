"""Shop shelves by planogram rules: products in facings, price tags, gaps and mistakes.

Two worlds: scenes of the "test" world use shelf types, lights and camera heights that the "train"
world never has. The products may come from the catalogue's training or held-out SKUs, whatever the
world. So what a model has learnt can be asked for each apart.
"""

from dataclasses import replace

import numpy as np

from cvbook.text.corpus import Split
from cvbook.text.fonts import fonts
from cvbook.worlds.scene import Camera, Material, Scene, Thing, direction, placement, vector
from cvbook.worlds.shelves.products import SKUS, Sku, sku
from cvbook.worlds.shelves.store import DEPTH, box, lights_of, unit

Rng = np.random.Generator
SHELF_TYPES = {"train": ("metal", "wood", "white"), "test": ("fridge", "crate")}
FIRST_TAG = 1000  # labels from here on are price tags


def _place(
    piece: Thing, x: float, y: float, z: float, turn: float, lean: float, label: int
) -> Thing:
    """A product's piece at a spot: turned about the vertical, then leaning about its foot."""
    whole = placement((x, y, z), (lean, 0.0, turn)) @ np.append(piece.position, 1)
    rotation = (piece.rotation[0] + lean, 0.0, turn)
    return replace(piece, position=vector(whole[:3]), rotation=rotation, label=label)


def _plan(rng: Rng, pool: list[Sku], width: float) -> list[tuple[Sku, int]]:
    """One row: SKUs and their facings, from left to right, related ones side by side.

    Now and then there is a wrong neighbour: somebody changed his mind and left it there.
    """
    row, used, misses = [], 0.0, 0
    while misses < 4:
        item = pool[rng.integers(len(pool))]
        facings = int(min(5, rng.geometric(0.45)))
        if rng.random() < 0.06:
            stock = [number for number in range(SKUS) if sku(number).split == item.split]
            item, facings = sku(int(rng.choice(stock))), 1
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
    for item, facings in row:
        left = x
        for _ in range(facings):
            x += 1.03 * item.half_width
            _stand(rng, item, x, z, mess, things, notes)
            x += 1.03 * item.half_width
        packs = facings > 2 and item.category in ("water", "soda")
        if packs and rng.random() < 0.4:
            things.append(_film(item, left, x, z))
        if rng.random() < 0.85:
            things.append(_tag(rng, item, min((left + x) / 2, width / 2 - 0.03), z, notes))
        x += 0.01


def _count(notes: dict, kind: str) -> int:
    return sum(note["kind"] == kind for note in notes.values())


def _stand(
    rng: Rng, item: Sku, x: float, z: float, mess: float, things: list[Thing], notes: dict
) -> None:
    """One facing: a product, and up to two more behind it, none too straight."""
    deep = int(rng.integers(1, 4))
    if rng.random() < 0.05 + 0.1 * mess:
        deep = int(rng.integers(0, 2))  # sold
    for k in range(deep):
        y = 0.012 + item.half_depth * (1.0 + 2.1 * k) + rng.uniform(0, 0.03) * mess
        if y + item.half_depth > DEPTH:
            break
        straight = rng.random() > 0.03
        turn = rng.normal(0, 0.12 * mess) if straight else rng.uniform(-np.pi, np.pi)
        fallen = rng.random() <= 0.02
        if fallen:  # on its back
            y, height, lean = y + item.half_depth, z + item.half_depth, -np.pi / 2
        else:
            height, lean = z, max(rng.normal(0, 0.03) * mess, 0.0)
        label = _count(notes, "product") + 1
        things += [_place(p, x, y, height, turn, lean, label) for p in item.pieces]
        about = {"kind": "product", "sku": item.number, "category": item.category}
        notes[str(label)] = {**about, "depth": k, "fallen": fallen}


def _film(item: Sku, left: float, right: float, z: float) -> Thing:
    """A shrink-wrapped pack: film round the front row."""
    half, deep = (right - left) / 2, 1.08 * item.half_depth
    top = [z + 0.97 * item.height, 0.8 * half, 0.5 * item.half_depth, 8]
    rings = [[z, half, deep, 8], [z + 0.9 * item.height, half, deep, 8], top]
    film = Material(alpha=0.12, coat=1.0, roughness=0.15)
    position = ((left + right) / 2, 0.012 + item.half_depth, 0)
    return Thing({"shape": "loft", "rings": rings}, film, position)


def _tag(rng: Rng, item: Sku, x: float, z: float, notes: dict) -> Thing:
    """A price tag on the lip under a product; adds to `notes`."""
    text = f"{rng.integers(1, 400)}.{rng.choice(['00', '90', '99', '49', '50'])}"
    label = FIRST_TAG + _count(notes, "tag")
    paper = [[1.0, 1.0, 1.0], [1.0, 0.93, 0.3]][int(rng.random() < 0.25)]
    faces = [f.file for f in fonts("train") if f.style in ("sans", "condensed")]
    texture = {"paint": "tag", "text": text, "font": str(rng.choice(faces)), "paper": paper}
    notes[str(label)] = {"kind": "tag", "text": text, "sku": item.number}
    face = Material(texture=texture, roughness=0.5)
    return box([0.06, 0.003, 0.034], face, (x, -0.008, z - 0.039), label)


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
        skus: which part of the catalogue stands on it.
        world: which shelf types, lights and camera heights.
        size: (width, height) of the picture in pixels.
        samples: light paths a pixel.

    Returns:
        A scene whose `notes` tell for each label (as a string) its kind, "product" or "tag", its
        SKU, category, depth on the shelf, or text.
    """
    rng = np.random.default_rng([seed, index, 41])
    kind = str(rng.choice(SHELF_TYPES[world]))
    width = float(rng.uniform(0.9, 1.5))
    stock = [sku(n) for n in range(SKUS) if sku(n).split == skus]
    things: list[Thing] = []
    notes: dict[str, dict] = {}
    heights, z = [0.1], 0.1
    for _ in range(rng.integers(2, 5)):
        chosen = rng.choice(sorted({s.category for s in stock}), 3, replace=False)
        pool = [s for s in stock if s.category in chosen]
        pool = [pool[i] for i in rng.permutation(len(pool))[: rng.integers(4, 9)]]
        row = _plan(rng, pool, width)
        _fill(rng, row, z, width, things, notes)
        z += max((s.height for s, _ in row), default=0.2) + float(rng.uniform(0.05, 0.10))
        heights.append(z)
    things += unit(kind, heights, width, rng)
    lights, sky = lights_of(rng, world, z)
    return Scene(
        things=tuple(things),
        lights=lights,
        camera=_customer(rng, world, width, z),
        size=size,
        samples=samples,
        sky=sky,
        exposure=float(rng.uniform(-0.1, 0.7)),
        seed=int(rng.integers(2**31)),
        notes=notes,
    )


def _customer(rng: Rng, world: Split, width: float, top: float) -> Camera:
    """The camera before a whole shelf, at a customer's height; in "test" lower or higher."""
    low, high = 0.9, 1.5
    if world == "test":
        low, high = (0.35, 0.7) if rng.random() < 0.5 else (1.7, 2.0)
    middle = rng.uniform(0.35, 0.65) * top
    # How much of the unit the picture shows, metres.
    span = rng.uniform(0.55, 1.0) * max(top, 0.75 * width)
    distance = float(rng.uniform(1.1, 2.0))
    across = float(rng.uniform(-0.5, 0.5))
    up = float(rng.uniform(low, high)) * max(0.7, top / 1.2)
    away = float(np.hypot(distance, up - middle))
    return Camera(
        position=(across, -distance, up),
        target=(float(rng.uniform(-0.2, 0.2)), 0.1, float(middle)),
        fov=float(2 * np.arctan(span / 2 / away)),
        roll=float(rng.normal(0, 0.03)),
    )


def close_up(seed: int, index: int, number: int, world: Split = "train", side: int = 96) -> Scene:
    """One product of the catalogue between two neighbours, as a shelf's camera crops it.

    Args:
        seed, index: of the view.
        number: the SKU; it has label 1.
        world: as of `shelf`.
        side: of the square picture, pixels.
    """
    rng = np.random.default_rng([seed, index, number, 42])
    item = sku(number)
    others = [
        s
        for s in map(sku, range(SKUS))
        if s.split == item.split and abs(s.height - item.height) < 0.12
    ]
    row = [(0, item)]
    for place in (-1, 1):
        row.append((place, others[rng.integers(len(others))] if rng.random() < 0.5 else item))
    things: list[Thing] = []
    for place, other in row:
        if place and rng.random() < 0.15:
            continue
        x = place * (item.half_width + other.half_width) * float(rng.uniform(1.03, 1.15))
        y, turn, label = 0.02 + other.half_depth, float(rng.normal(0, 0.15)), int(place == 0)
        things += [_place(p, x, y, 0.1, turn, 0.0, label) for p in other.pieces]
    kind = str(rng.choice(SHELF_TYPES[world]))
    things += unit(kind, [0.1, 0.1 + item.height + 0.1], 1.2, rng)
    lights, sky = lights_of(rng, world, 0.4)
    return Scene(
        things=tuple(things),
        lights=lights,
        camera=_near(rng, world, item),
        size=(side, side),
        samples=8,
        sky=sky,
        exposure=float(rng.uniform(0.0, 0.8)),
        seed=int(rng.integers(2**31)),
        notes={"1": {"kind": "product", "sku": number, "category": item.category}},
    )


def _near(rng: Rng, world: Split, item: Sku) -> Camera:
    """The camera before one product."""
    low, high = -0.15, 0.35
    if world == "test":
        low, high = (-0.3, -0.2) if rng.random() < 0.5 else (0.45, 0.65)
    lift = float(rng.uniform(low, high))
    yaw = float(np.clip(rng.normal(0, 0.25), -0.42, 0.42))
    distance = float(rng.uniform(0.8, 1.3))
    middle = np.array([0.0, 0.02 + item.half_depth, 0.1 + item.height / 2])
    middle = middle + rng.normal(0, 0.06, 3) * item.height
    eye = middle + distance * direction(yaw, lift)
    eye[2] = max(eye[2], -0.10)  # the floor is at -0.12
    reach = max(item.height, 2 * item.half_width) * float(rng.uniform(1.05, 1.3))
    fov = float(2 * np.arctan(reach / 2 / distance))
    return Camera(vector(eye), vector(middle), fov, float(rng.normal(0, 0.05)))
