"""What a person wears on a day: garments, hair, glasses, hats, scarves, masks and beards.

Each function draws what it needs in a fixed order and returns things to render, which hang on the
posed body, and their names for the truth about the picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cvbook.worlds.people.persons import HAIR, Person
from cvbook.worlds.scene import Material, Thing, vector

Rng = np.random.Generator
PATTERNS = ("stripes", "pinstripes", "checks", "dots", "flowers", "print", "knit")
CLOTH = ("plain", "plain", "plain", *PATTERNS)  # three of ten are plain


class Cut(NamedTuple):
    """An upper garment: its share of all, its sleeve from the shoulder, how loosely it sits."""

    share: float
    sleeve: float  # in template coordinates, see `wear.top`
    thickness: float  # metres from the skin
    smooth: int  # rounds of averaging, see `meshes.garment`


UPPER = {
    "t-shirt": Cut(0.35, 0.13, 0.014, 8),
    "shirt": Cut(0.25, 0.35, 0.015, 8),
    "jumper": Cut(0.2, 0.36, 0.018, 14),
    "vest": Cut(0.08, 0.02, 0.013, 6),
    "jacket": Cut(0.12, 0.36, 0.024, 16),
}


def _colors(rng: Rng) -> list[list[float]]:
    """Two sRGB colours of a fabric that differ clearly."""
    first = rng.uniform(0.03, 0.9, 3) * rng.uniform(0.4, 1)
    second = first + rng.choice([-1, 1]) * rng.uniform(0.2, 0.6, 3)
    return [first.tolist(), np.clip(second, 0.02, 0.95).tolist()]


def _fabric(rng: Rng, kind: str | Sequence[str], roughness: float = 0.9) -> Material:
    """Cloth of a kind, or of one of several, in two colours."""
    seed = int(rng.integers(10**6))
    if not isinstance(kind, str):
        kind = str(rng.choice(kind))
    texture = {"paint": "cloth", "seed": seed, "kind": kind, "colors": _colors(rng)}
    return Material(texture=texture, roughness=roughness)


def _attached(body: dict, piece: dict, position: list, material: Material, **turn: float) -> Thing:
    """A piece that moves with the head, placed in template coordinates, see `meshing.attached`."""
    mesh = {"shape": "attached", "body": body, "piece": piece, "position": position, **turn}
    return Thing(mesh, material)


def garments(
    rng: Rng, person: Person, years: float, body: dict
) -> tuple[list[Thing], list[dict], dict]:
    """Upper and lower garment and shoes, the fields that hide skin under them, and their names."""
    things, hidden = [], []

    def wear(field: dict, kind: str, thickness: float, smooth: int, rough: float = 0.0) -> None:
        mesh = {"shape": "garment", "body": body, "field": field, "thickness": thickness}
        mesh |= {"smooth": smooth, "rough": rough, "seed": 1}
        things.append(Thing(mesh, _fabric(rng, kind)))
        hidden.append(field)

    upper = str(rng.choice(list(UPPER), p=[cut.share for cut in UPPER.values()]))
    cut = UPPER[upper]
    sleeve = cut.sleeve + float(rng.normal(0, 0.015))
    # Kilts and wraps: a skirt is a hint, not the answer.
    skirted = rng.random() < (0.35 if person.gender == "female" else 0.06)
    shorts = rng.random() < (0.3 if years < 14 else 0.12)
    hem = float(rng.uniform(-0.06, 0.04))
    if not skirted:
        fabric = str(rng.choice(["denim", "plain", "plain", "checks"]))
        ankle = float(rng.uniform(-0.35, -0.25)) if shorts else -0.72
        wear({"name": "bottom", "ankle": ankle, "waist": hem + 0.03}, fabric, 0.007, 8)
    collar = float(rng.uniform(-0.02, 0.03))
    fabric = "knit" if upper == "jumper" else str(rng.choice(CLOTH))
    top = {"name": "top", "sleeve": sleeve, "hem": hem, "collar": collar}
    wear(top, fabric, cut.thickness, cut.smooth, 0.25)
    if skirted:
        things.append(_skirt(rng, body, hem))
    wear({"name": "shoes", "height": float(rng.uniform(-0.74, -0.70))}, "plain", 0.012, 3)
    lower = "skirt" if skirted else "shorts" if shorts else "trousers"
    return things, hidden, {"upper": upper, "lower": lower}


def _skirt(rng: Rng, body: dict, hem: float) -> Thing:
    """A skirt whose waist lies under a top with this hem."""
    fabric = _fabric(rng, CLOTH[:-1])
    length = float(rng.uniform(-0.6, -0.25))
    flare, folds = float(rng.uniform(0.05, 0.4)), int(rng.integers(6, 14))
    mesh = {"shape": "skirt", "body": body, "waist": hem + 0.05, "hem": length}
    return Thing({**mesh, "flare": flare, "folds": folds}, fabric)


def hair(rng: Rng, person: Person, years: float, body: dict, hat: bool) -> tuple[list[Thing], dict]:
    """Scalp, and with long hair a curtain or a bun; greying, thinning, a baby's down."""
    baby = years < 1.5
    grey = float(np.clip((years - person.grey_from) / 22, 0, 1))
    lost = 0.0
    if person.gender == "male":
        lost = float(np.clip((years - 25) / 40, 0, 1) * (person.bald > 0.45) * person.bald)
    color = np.array(HAIR[person.hair]) * (1.0 if years > 6 else 1.25)
    texture = {"paint": "strands", "seed": person.number, "color": color.tolist(), "grey": grey}
    style = Material(texture=texture, roughness=0.6)
    long = person.long_hair + float(rng.normal(0, 0.06)) if years > 3 else 0.1
    volume = (0.006 if baby else 0.010 + 0.016 * person.curls) * (1 - 0.5 * lost)
    volume = 0.006 if hat else volume
    bald = max(0.0, (lost - 0.35) / 0.65)
    scalp = {
        "name": "hair",
        "front": 0.775 + 0.035 * person.fringe + 0.03 * lost + (0.02 if baby else 0.0),
        "temple": 0.775 + 0.015 * lost,
        "ear": 0.742,
        "nape": 0.64 if long > 0.4 else 0.66,
        "bald": bald,
    }
    mesh = {"shape": "garment", "body": body, "field": scalp, "thickness": volume, "smooth": 2}
    mesh |= {"rough": 0.15 + 0.5 * person.curls, "seed": person.number}
    mesh |= {"flare": 0.03 * person.curls * (long > 0.3 and not hat)}
    things = [Thing(mesh, style)]
    name = "bald" if bald > 0.5 else "short"
    if long > 0.5 and bald < 0.1:
        name = "tied" if rng.random() < 0.3 and not hat else "long"
        if name == "tied":
            things.append(_bun(rng, body, style))
        else:
            things.append(_curtain(rng, person, body, long, volume, style))
    return things, {"hair": name, "hair color": "grey" if grey > 0.6 else person.hair}


def _bun(rng: Rng, body: dict, style: Material) -> Thing:
    """Hair tied to a ball at the back of the head."""
    profile = [(-0.035, 0.014), (-0.02, 0.032), (0, 0.038), (0.02, 0.03), (0.034, 0.01)]
    ball = {"shape": "loft", "rings": [[z, radius, radius, 2] for z, radius in profile]}
    return _attached(body, ball, [0.0, 0.085, float(rng.uniform(0.72, 0.81))], style)


def _curtain(
    rng: Rng, person: Person, body: dict, long: float, volume: float, style: Material
) -> Thing:
    """Hair that hangs round the back of the head, the deeper the longer it is."""
    start = float(rng.uniform(1.05, 1.45))
    end = float(np.interp(long, [0.5, 1.0], [0.62, 0.40]))
    mesh = {"shape": "curtain", "body": body, "start": start, "end": end, "volume": 0.006 + volume}
    return Thing(mesh | {"wave": 0.002 + 0.006 * person.curls, "seed": person.number}, style)


def extras(rng: Rng, person: Person, years: float, body: dict) -> tuple[list[Thing], dict]:
    """Glasses, hats, scarves, masks and beards, and which of them are worn."""
    color = Material(color=vector(rng.uniform(0.02, 0.7, 3)), roughness=0.4)
    glasses_on = person.glasses > (0.93 if years < 12 else 0.72) and rng.random() < 0.85
    things = glasses(rng, body, color) if glasses_on else []
    hat_on = rng.random() < 0.10
    if hat_on:
        things += hat(rng, body)
    scarf_on = rng.random() < 0.08
    if scarf_on:
        things.append(scarf(rng, body))
    mask_on = rng.random() < 0.05
    if mask_on:
        things.append(mask(rng, body))
    beard_on = not mask_on and person.beard > 0.72 and years > 20
    if beard_on:
        things.append(beard(person, years, body))
    worn = {"glasses": glasses_on, "hat": hat_on, "scarf": scarf_on}
    return things, worn | {"mask": mask_on, "beard": beard_on}


def glasses(rng: Rng, body: dict, color: Material) -> list[Thing]:
    """Two rims, a bridge and two temples of wire; rims from round to nearly square."""
    turn = np.linspace(0, 2 * np.pi, 21)[:-1]
    wide, tall = rng.uniform(0.021, 0.026), rng.uniform(0.014, 0.021)
    square = rng.uniform(0.55, 1.0)
    across = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** square * wide
    up = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** square * tall

    def rim(side: int) -> list[list[float]]:
        points = []
        for dx, dz in zip(across, up, strict=True):
            x = side * 0.031 + dx
            points.append([float(x), float(-0.152 + 1.2 * abs(x) ** 2 * 9), float(0.727 + dz)])
        return points

    def temple(side: int) -> list[list[float]]:
        hinge = [side * (0.031 + wide), -0.125, 0.730]
        bend, ear = [side * 0.072, -0.09, 0.731], [side * 0.083, -0.04, 0.727]
        return [hinge, bend, ear, [side * 0.084, -0.02, 0.722]]

    bridge = [[-0.008, -0.150, 0.731], [0.0, -0.153, 0.733], [0.008, -0.150, 0.731]]
    rims = [(rim(-1), True), (rim(1), True)]
    things = []
    for path, closed in [*rims, (bridge, False), (temple(-1), False), (temple(1), False)]:
        wire = {"shape": "tube", "path": path, "radius": 0.0016, "closed": closed}
        things.append(_attached(body, wire, [0, 0, 0], color))
    return things


def hat(rng: Rng, body: dict) -> list[Thing]:
    """A knitted hat, every other one with a cap's brim."""
    knit = _fabric(rng, ["knit", "plain", "stripes"], 0.95)
    field = {"name": "beanie", "edge": float(rng.uniform(0.775, 0.80))}
    mesh = {"shape": "garment", "body": body, "field": field, "thickness": 0.030, "smooth": 8}
    things = [Thing(mesh, knit)]
    if rng.random() < 0.5:
        brim = {"shape": "loft", "rings": [[0, 0.072, 0.055, 2], [0.003, 0.074, 0.057, 2]]}
        things.append(_attached(body, brim, [0, -0.165, 0.795], knit, turn=0.15))
    return things


def scarf(rng: Rng, body: dict) -> Thing:
    """A thick ring of wool round the neck."""
    wool = _fabric(rng, ["knit", "stripes", "checks"], 0.95)
    turn = np.linspace(0, 2 * np.pi, 25)[:-1]
    x, y = 0.078 * np.sin(turn), -0.035 - 0.085 * np.cos(turn)
    ring = np.stack([x, y, 0.585 - 0.02 * np.cos(turn)], 1).tolist()
    tube = {"shape": "tube", "path": ring, "radius": 0.033, "closed": True}
    return _attached(body, tube, [0, 0, 0], wool)


def mask(rng: Rng, body: dict) -> Thing:
    """A surgical mask, pale blue, white or black."""
    colors = (0.75, 0.88, 0.95), (0.95, 0.95, 0.95), (0.08, 0.08, 0.09)
    paper = Material(color=colors[rng.integers(3)], roughness=0.9)
    mesh = {"shape": "garment", "body": body, "field": {"name": "face_mask"}}
    return Thing(mesh | {"thickness": 0.012, "smooth": 14}, paper)


def beard(person: Person, years: float, body: dict) -> Thing:
    """A full beard, which greys four years before the hair does."""
    grey = float(np.clip((years - person.grey_from + 4) / 20, 0, 1))
    color = list(HAIR[person.hair])
    texture = {"paint": "strands", "seed": person.number + 7, "color": color, "grey": grey}
    length = float(0.006 + 0.05 * (person.beard - 0.72))
    mesh = {"shape": "garment", "body": body, "field": {"name": "beard"}, "thickness": length}
    mesh |= {"smooth": 1, "rough": 0.5, "seed": person.number}
    return Thing(mesh, Material(texture=texture, roughness=0.8))
