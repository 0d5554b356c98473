"""The store around the goods: shelf units, floor, wall and lamps."""

import numpy as np

from cvbook.text.corpus import Split
from cvbook.worlds.scene import Light, Material, Sky, Thing, vector

Rng = np.random.Generator
DEPTH = 0.36  # of a shelf, metres
FLOOR = -0.12  # its height; the shelves' foot is at 0
WOODS = {"wood": (0.62, 0.45, 0.28), "crate": (0.42, 0.28, 0.17)}
GREYS = {"metal": (0.55, 0.5), "white": (0.9, 0.85), "fridge": (0.35, 0.12)}  # boards, back panel
LIPS = ((0.9, 0.9, 0.9), (0.8, 0.1, 0.1), (0.95, 0.8, 0.1), (0.2, 0.3, 0.6))


def box(size: list[float], material: Material, position: tuple, label: int = 0) -> Thing:
    return Thing({"shape": "box", "size": size}, material, position, label=label)


def _shelf_materials(kind: str, rng: Rng) -> tuple[Material, Material]:
    """Of boards and of the back panel."""
    tone = float(rng.uniform(0.75, 0.95))
    if kind in WOODS:
        color = (np.array(WOODS[kind]) * tone).tolist()
        grain = {"paint": "wood", "seed": int(rng.integers(1000)), "color": color}
        other = {**grain, "seed": int(rng.integers(1000))}
        return Material(texture=grain, roughness=0.6), Material(texture=other, roughness=0.7)
    board, back = (grey * tone for grey in GREYS[kind])
    metallic = 0.6 if kind == "metal" else 0.0
    return (
        Material(color=(board, board, board), roughness=0.35, metallic=metallic),
        Material(color=(back, back, back), roughness=0.6),
    )


def unit(kind: str, heights: list[float], width: float, rng: Rng) -> list[Thing]:
    """Boards, lips for the price tags, back panel, sides, floor and a wall behind."""
    board, back = _shelf_materials(kind, rng)
    top = heights[-1] + 0.04
    lip = Material(color=vector(rng.choice(LIPS)), roughness=0.4)
    tone = np.array([0.72, 0.70, 0.66])
    tiles = {"paint": "tiles", "seed": int(rng.integers(1000))}
    tiles |= {"color": (tone * rng.uniform(0.6, 1.1)).clip(0, 1).tolist()}
    wall = Material(color=vector(rng.uniform(0.4, 0.8, 3)), roughness=0.8)
    side = 0.02 if kind != "fridge" else 0.05
    plane = {"shape": "plane", "size": [12.0, 12.0], "repeat": 5}
    return [
        *(box([width, DEPTH, 0.022], board, (0, DEPTH / 2, z - 0.022)) for z in heights),
        *(box([width, 0.006, 0.042], lip, (0, -0.003, z - 0.042)) for z in heights[:-1]),
        box([width, 0.01, top], back, (0, DEPTH, 0)),
        *(
            box([side, DEPTH + 0.01, top], board, (s * (width + side) / 2, DEPTH / 2, 0))
            for s in (-1, 1)
        ),
        Thing(plane, Material(texture=tiles, roughness=0.4), (0, 0, FLOOR)),
        box([12.0, 0.1, 4.0], wall, (0, DEPTH + 0.3, FLOOR)),
    ]


def lights_of(rng: Rng, world: Split, top: float) -> tuple[tuple[Light, ...], Sky]:
    """Ceiling lamps in the training world.

    In the other: spots, lamps from the side and a fridge's cold light.
    """
    warmth = rng.uniform(-0.12, 0.12)
    if world == "train":
        tint = (min(1.0, 1 + warmth), 1.0, min(1.0, 1 - warmth))
        lamps = []
        for x in rng.uniform(-1.2, 1.2, rng.integers(1, 4)).tolist():
            position = (x, float(rng.uniform(-2.2, -0.8)), 2.7)
            energy, breadth = float(rng.uniform(25, 60)), float(rng.uniform(0.3, 1.2))
            lamps.append(Light(position, (0.6 * x, 0.2, 0.8), energy, breadth, tint))
        return tuple(lamps), ((1.0, 1.0, 1.0), float(rng.uniform(0.2, 0.5)))
    tint = (0.75, 0.9, 1.0) if rng.random() < 0.5 else (1.0, 0.8, 0.55)
    side = float(rng.choice([-1, 1]))
    position = (side * float(rng.uniform(1.2, 2.0)), -1.2, float(rng.uniform(0.6, 1.8)))
    lamp = Light(position, (0, 0.2, top / 2), float(rng.uniform(60, 130)), 0.15, tint)
    return (lamp,), (tint, float(rng.uniform(0.08, 0.25)))
