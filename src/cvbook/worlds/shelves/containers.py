"""The shapes of products: boxes, cartons, cans, bottles, jars, pouches and tubes, built of lofts.

A ring of a loft is written (z, a), (z, a, b) or (z, a, b, n): height, half width, half depth (equal
to the half width if left out) and exponent (2, an ellipse, if left out); see `shapes.loft`.
"""

from collections.abc import Sequence

import numpy as np

from cvbook.worlds.scene import Material, Thing, Vector, vector

CAPS = (
    (0.9, 0.1, 0.1),
    (0.1, 0.25, 0.7),
    (0.95, 0.95, 0.93),
    (0.1, 0.5, 0.2),
    (0.95, 0.75, 0.1),
    (0.15, 0.15, 0.15),
)
LIQUIDS = (
    (0.75, 0.35, 0.05),
    (0.85, 0.65, 0.1),
    (0.5, 0.05, 0.08),
    (0.35, 0.5, 0.1),
    (0.8, 0.78, 0.7),
)
METAL = Material(color=(0.82, 0.82, 0.84), metallic=0.7, roughness=0.4)
# Thin walls: a clear coat over what is inside. True refraction would cost ten times the samples for
# the same look at this size.
GLASS = Material(color=(0.85, 0.93, 0.90), alpha=0.3, coat=1.0, roughness=0.1)
PLASTIC = Material(color=(0.80, 0.90, 1.0), alpha=0.3, coat=1.0, roughness=0.2)
WATER = Material(color=(0.75, 0.88, 0.97), alpha=0.35, roughness=0.1)

Ring = tuple[float, ...]


def _loft(rings: Sequence[Ring], material: Material, segments: int = 40, **closed: bool) -> Thing:
    """A product's part that stands upright."""
    full = []
    for z, a, *rest in rings:
        b, n = (*rest, *(a, 2.0)[len(rest) :])
        full.append([z, a, b, n])
    return Thing({"shape": "loft", "rings": full, "segments": segments, **closed}, material)


def _cap(z: float, radius: float, height: float, color: Vector) -> Thing:
    rings = [(z, radius), (z + 0.9 * height, radius), (z + height, 0.9 * radius)]
    return _loft(rings, Material(color=color, roughness=0.4), segments=24)


def _band(low: float, high: float, radius: float, label: Material) -> Thing:
    """A label that is wrapped round a bottle or a jar."""
    return _loft([(low, radius), (high, radius)], label, closed=False)


def pieces(
    category: str, a: float, b: float, h: float, label: Material, rng: np.random.Generator
) -> list[Thing]:
    """The parts of a product, standing on the origin, front towards −y.

    Args:
        category: one of `products.CATEGORIES`.
        a, b, h: half width, half depth and height, metres.
        label: the printed surface.
        rng: draws the colours of caps and contents, and proportions.
    """
    color, liquid = vector(rng.choice(CAPS)), vector(rng.choice(LIQUIDS))
    if category in ("cereal", "tea"):
        return [_box(a, b, h, label)]
    if category == "milk":
        return _carton(a, b, h, label, color)
    if category in ("soda", "tin"):
        return _can(a, h, label, necked=category == "soda")
    if category == "juice":
        return _bottle(a, h, label, color, GLASS, Material(color=liquid, roughness=0.1), rng)
    if category == "water":
        return _bottle(a, h, label, color, PLASTIC, WATER, rng)
    if category == "jar":
        return _jar(a, h, label, color, liquid)
    if category in ("crisps", "coffee"):
        return [_pouch(a, b, h, label, rng)]
    if category == "toothpaste":
        return _tube(a, h, label, color)
    return _flat_bottle(a, b, h, label, color)  # soap


def _box(a: float, b: float, h: float, label: Material) -> Thing:
    edge, side = (0.985 * a, 0.96 * b, 14), (a, b, 14)
    return _loft([(0, *edge), (0.004, *side), (h - 0.004, *side), (h, *edge)], label)


def _carton(a: float, b: float, h: float, label: Material, color: Vector) -> list[Thing]:
    """A carton with a gable, and a cap on its slope."""
    gable = [(0.95 * h, a, 0.1 * b, 14), (h, a, 0.08 * b, 14)]
    cap = _cap(0, 0.35 * a, 0.016, color)
    slope = (0.2 * a, -0.5 * b, 0.885 * h), (0.75, 0, 0)
    body = _loft([(0, a, b, 14), (0.82 * h, a, b, 14), *gable], label)
    return [body, Thing(cap.mesh, cap.material, *slope)]


def _can(a: float, h: float, label: Material, necked: bool) -> list[Thing]:
    """A drink's can, drawn in at the top, or a tin."""
    rim, neck = (0.90, 0.006) if necked else (1.0, 0.002)
    top = h - 0.005, rim * a
    lid = [top, (h, rim * a), (h, 0.94 * rim * a), (h - 0.003, 0.91 * rim * a)]
    shell = [(0, 0.85 * a), (0.008, a), (h - 0.012 - neck, a), top]
    foot = [(0, 0.80 * a), (0.004, 0.9 * a)]
    return [_loft(shell, label), _loft(lid, METAL), _loft(foot, METAL)]


def _bottle(
    a: float,
    h: float,
    label: Material,
    color: Vector,
    wall: Material,
    content: Material,
    rng: np.random.Generator,
) -> list[Thing]:
    neck, shoulder = 0.36 * a, rng.uniform(0.58, 0.68) * h
    level = rng.uniform(0.80, 0.90) * h
    low = rng.uniform(0.15, 0.22) * h
    outside = [(0, 0.85 * a), (0.008, a), (shoulder, a), (0.86 * h, 1.1 * neck), (0.93 * h, neck)]
    inside = [(0.006, 0.83 * a), (0.012, 0.95 * a), (shoulder, 0.95 * a), (level, 1.5 * neck)]
    return [
        _loft(outside, wall),
        _loft(inside, content),
        _band(low, shoulder - 0.03 * h, 1.012 * a, label),
        _cap(0.92 * h, 1.25 * neck, 0.08 * h, color),
    ]


def _jar(a: float, h: float, label: Material, color: Vector, liquid: Vector) -> list[Thing]:
    outside = [(0, 0.9 * a), (0.006, a), (0.78 * h, a), (0.88 * h, 0.82 * a)]
    inside = [(0.006, 0.86 * a), (0.010, 0.94 * a), (0.75 * h, 0.94 * a)]
    return [
        _loft(outside, GLASS),
        _loft(inside, Material(color=liquid, roughness=0.35)),
        _band(0.2 * h, 0.66 * h, 1.012 * a, label),
        _cap(0.87 * h, 0.88 * a, 0.13 * h, color),
    ]


def _pouch(a: float, b: float, h: float, label: Material, rng: np.random.Generator) -> Thing:
    """A bag, pinched at both ends."""
    deep = b * rng.uniform(0.9, 1.0)
    foot = [(0, a, 0.06 * b), (0.05 * h, a, 0.12 * b, 2.5), (0.22 * h, 0.95 * a, 0.85 * deep, 2.6)]
    head = [(0.78 * h, 0.95 * a, 0.8 * deep, 2.6), (0.95 * h, a, 0.12 * b, 2.5), (h, a, 0.06 * b)]
    return _loft([*foot, (0.5 * h, 0.93 * a, deep, 2.6), *head], label)


def _tube(a: float, h: float, label: Material, color: Vector) -> list[Thing]:
    """A tube that stands on its cap."""
    foot = [(0.10 * h, 0.75 * a), (0.12 * h, 0.8 * a), (0.55 * h, 0.95 * a, 0.75 * a)]
    skin = [*foot, (0.96 * h, a, 0.07 * a), (h, a, 0.06 * a)]
    return [_loft(skin, label), _cap(0, 0.7 * a, 0.11 * h, color)]


def _flat_bottle(a: float, b: float, h: float, label: Material, color: Vector) -> list[Thing]:
    body = [(0, 0.92 * a, 0.9 * b, 3), (0.01, a, b, 3), (0.68 * h, 0.96 * a, b, 3)]
    neck = [(0.82 * h, 0.4 * a, 0.6 * b), (0.84 * h, 0.36 * a, 0.55 * b)]
    return [_loft([*body, *neck], label), _cap(0.83 * h, 0.4 * a, 0.17 * h, color)]
