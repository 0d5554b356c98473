"""A catalogue of products: each SKU is a category's shape, a size of its own and a printed label."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cvbook.text.corpus import Split
from cvbook.worlds.scene import Material, Thing
from cvbook.worlds.shelves.packaging import PRODUCTS

CATEGORIES = tuple(PRODUCTS)
SKUS, HELD_OUT = (
    240,
    60,
)  # every fourth SKU is never trained on; its label uses held-out fonts and words
# Brands are made up, so that no real one is meant.
SYLLABLES = {
    "train": (
        "sol",
        "ra",
        "mi",
        "ka",
        "ver",
        "do",
        "lu",
        "na",
        "tem",
        "pi",
        "or",
        "bel",
        "sta",
        "fi",
        "ro",
        "zen",
        "ga",
    ),
    "test": ("quo", "li", "mar", "ve", "tas", "ju", "ne", "kor", "hu", "pa", "dri", "o"),
}
# Half width, half depth and height in metres of a typical one.
SIZES = {
    "cereal": (0.095, 0.033, 0.27),
    "tea": (0.075, 0.035, 0.085),
    "milk": (0.036, 0.036, 0.215),
    "soda": (0.033, 0.033, 0.118),
    "tin": (0.037, 0.037, 0.108),
    "water": (0.033, 0.033, 0.215),
    "juice": (0.040, 0.040, 0.255),
    "jar": (0.039, 0.039, 0.125),
    "crisps": (0.095, 0.032, 0.26),
    "coffee": (0.055, 0.034, 0.20),
    "toothpaste": (0.030, 0.022, 0.175),
    "soap": (0.045, 0.026, 0.21),
}


@dataclass(frozen=True)
class Sku:
    """One product of the catalogue.

    Attributes:
        number: 0 to SKUS − 1. category: one of CATEGORIES. brand: as printed. split: "test" for those that are never trained on.
        half_width, half_depth, height: of the bounding box, metres.
        pieces: its parts, standing on the origin, front towards −y.
    """

    number: int
    category: str
    brand: str
    split: Split
    half_width: float
    half_depth: float
    height: float
    pieces: tuple[Thing, ...]


def _ring(z: float, a: float, b: float | None = None, n: float = 2.0) -> list[float]:
    return [z, a, a if b is None else b, n]


def _cap(z: float, radius: float, height: float, color: tuple[float, ...]) -> Thing:
    return Thing(
        {
            "shape": "loft",
            "rings": [
                _ring(z, radius),
                _ring(z + 0.9 * height, radius),
                _ring(z + height, 0.9 * radius),
            ],
            "segments": 24,
        },
        Material(color=color, roughness=0.4),
    )


def _pieces(
    category: str, a: float, b: float, h: float, label: Material, rng: np.random.Generator
) -> list[Thing]:
    color = tuple(
        rng.choice(
            [
                [0.9, 0.1, 0.1],
                [0.1, 0.25, 0.7],
                [0.95, 0.95, 0.93],
                [0.1, 0.5, 0.2],
                [0.95, 0.75, 0.1],
                [0.15, 0.15, 0.15],
            ]
        ).tolist()
    )
    liquid = tuple(
        rng.choice(
            [
                [0.75, 0.35, 0.05],
                [0.85, 0.65, 0.1],
                [0.5, 0.05, 0.08],
                [0.35, 0.5, 0.1],
                [0.8, 0.78, 0.7],
            ]
        ).tolist()
    )

    def loft(rings: list[list[float]], material: Material, segments: int = 40) -> Thing:
        return Thing({"shape": "loft", "rings": rings, "segments": segments}, material)

    metal = Material(color=(0.82, 0.82, 0.84), metallic=0.7, roughness=0.4)
    # Thin walls: a clear coat over what is inside. True refraction would cost ten times the samples for the same look at this size.
    glass = Material(color=(0.85, 0.93, 0.90), alpha=0.3, coat=1.0, roughness=0.1)
    if category in ("cereal", "tea"):
        return [
            loft(
                [
                    _ring(0, 0.985 * a, 0.96 * b, 14),
                    _ring(0.004, a, b, 14),
                    _ring(h - 0.004, a, b, 14),
                    _ring(h, 0.985 * a, 0.96 * b, 14),
                ],
                label,
            )
        ]
    if category == "milk":  # a carton with a gable
        top = 0.82 * h
        return [
            loft(
                [
                    _ring(0, a, b, 14),
                    _ring(top, a, b, 14),
                    _ring(0.95 * h, a, 0.1 * b, 14),
                    _ring(h, a, 0.08 * b, 14),
                ],
                label,
            ),
            Thing(
                _cap(0, 0.35 * a, 0.016, color).mesh,
                Material(color=color, roughness=0.4),
                (0.2 * a, -0.5 * b, 0.885 * h),
                (0.75, 0, 0),
            ),
        ]
    if category in ("soda", "tin"):
        rim, body = (0.90, 0.006) if category == "soda" else (1.0, 0.002)
        lid = [
            _ring(h - 0.005, rim * a),
            _ring(h, rim * a),
            _ring(h, 0.94 * rim * a),
            _ring(h - 0.003, 0.91 * rim * a),
        ]
        shell = [
            _ring(0, 0.85 * a),
            _ring(0.008, a),
            _ring(h - 0.012 - body, a),
            _ring(h - 0.005, rim * a),
        ]
        return [
            loft(shell, label),
            loft(lid, metal),
            loft([_ring(0, 0.80 * a), _ring(0.004, 0.9 * a)], metal),
        ]
    if category in ("water", "juice"):
        neck, shoulder = 0.36 * a, rng.uniform(0.58, 0.68) * h
        clear = (
            glass
            if category == "juice"
            else Material(color=(0.80, 0.90, 1.0), alpha=0.3, coat=1.0, roughness=0.2)
        )
        inside = (
            Material(color=liquid, roughness=0.1)
            if category == "juice"
            else Material(color=(0.75, 0.88, 0.97), alpha=0.35, roughness=0.1)
        )
        level = rng.uniform(0.80, 0.90) * h
        wall = [
            _ring(0, 0.85 * a),
            _ring(0.008, a),
            _ring(shoulder, a),
            _ring(0.86 * h, 1.1 * neck),
            _ring(0.93 * h, neck),
        ]
        fill = [
            _ring(0.006, 0.83 * a),
            _ring(0.012, 0.95 * a),
            _ring(shoulder, 0.95 * a),
            _ring(level, 1.5 * neck),
        ]
        low = rng.uniform(0.15, 0.22) * h
        band = [_ring(low, 1.012 * a), _ring(shoulder - 0.03 * h, 1.012 * a)]
        return [
            loft(wall, clear),
            loft(fill, inside),
            Thing({"shape": "loft", "rings": band, "segments": 40, "closed": False}, label),
            _cap(0.92 * h, 1.25 * neck, 0.08 * h, color),
        ]
    if category == "jar":
        wall = [_ring(0, 0.9 * a), _ring(0.006, a), _ring(0.78 * h, a), _ring(0.88 * h, 0.82 * a)]
        fill = [_ring(0.006, 0.86 * a), _ring(0.010, 0.94 * a), _ring(0.75 * h, 0.94 * a)]
        return [
            loft(wall, glass),
            loft(fill, Material(color=liquid, roughness=0.35)),
            Thing(
                {
                    "shape": "loft",
                    "rings": [_ring(0.2 * h, 1.012 * a), _ring(0.66 * h, 1.012 * a)],
                    "segments": 40,
                    "closed": False,
                },
                label,
            ),
            _cap(0.87 * h, 0.88 * a, 0.13 * h, color),
        ]
    if category in ("crisps", "coffee"):  # a pouch, pinched at both ends
        deep = b * rng.uniform(0.9, 1.0)
        return [
            loft(
                [
                    _ring(0, a, 0.06 * b),
                    _ring(0.05 * h, a, 0.12 * b, 2.5),
                    _ring(0.22 * h, 0.95 * a, 0.85 * deep, 2.6),
                    _ring(0.5 * h, 0.93 * a, deep, 2.6),
                    _ring(0.78 * h, 0.95 * a, 0.8 * deep, 2.6),
                    _ring(0.95 * h, a, 0.12 * b, 2.5),
                    _ring(h, a, 0.06 * b),
                ],
                label,
            )
        ]
    if category == "toothpaste":  # a tube on its cap
        skin = [
            _ring(0.10 * h, 0.75 * a),
            _ring(0.12 * h, 0.8 * a),
            _ring(0.55 * h, 0.95 * a, 0.75 * a),
            _ring(0.96 * h, a, 0.07 * a),
            _ring(h, a, 0.06 * a),
        ]
        return [loft(skin, label), _cap(0, 0.7 * a, 0.11 * h, color)]
    # soap: a bottle with a flat body
    skin = [
        _ring(0, 0.92 * a, 0.9 * b, 3),
        _ring(0.01, a, b, 3),
        _ring(0.68 * h, 0.96 * a, b, 3),
        _ring(0.82 * h, 0.4 * a, 0.6 * b),
        _ring(0.84 * h, 0.36 * a, 0.55 * b),
    ]
    return [loft(skin, label), _cap(0.83 * h, 0.4 * a, 0.17 * h, color)]


@lru_cache
def sku(number: int) -> Sku:
    """A product by its number; raises ValueError outside the catalogue."""
    if not 0 <= number < SKUS:
        raise ValueError(f"SKUs are numbered 0 to {SKUS - 1}; got {number}.")
    rng = np.random.default_rng([number, 31])
    split: Split = "test" if number % (SKUS // HELD_OUT) == 3 else "train"
    category = CATEGORIES[(number // (SKUS // HELD_OUT)) % len(CATEGORIES)]
    a, b, h = (
        float(v)
        for v in np.array(SIZES[category]) * rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3)
    )
    if category in ("soda", "tin", "water", "juice", "jar", "milk", "toothpaste"):
        b = a if category != "toothpaste" else 0.8 * a
    brand = "".join(rng.choice(SYLLABLES[split], rng.integers(2, 4)))
    round_ = category in ("soda", "tin", "water", "juice", "jar")
    around = 2 * np.pi * a if round_ else 4 * (a + b) * 0.97
    tall = {"water": 0.42, "juice": 0.42, "jar": 0.46}.get(category, 1.0) * h
    texture = {
        "paint": "label",
        "seed": number,
        "category": category,
        "brand": brand,
        "aspect": round(around / tall, 3),
        "front": 0.30 if round_ else round(2 * a / around, 3),
        "split": split,
    }
    shine = {"soda": (0.25, 0.6), "crisps": (0.3, 0.2), "coffee": (0.35, 0.3)}.get(
        category, (float(rng.uniform(0.3, 0.6)), 0.0)
    )
    label = Material(
        texture=texture,
        roughness=shine[0],
        metallic=shine[1],
        coat=0.3 if category in ("cereal", "milk") else 0.0,
    )
    return Sku(
        number, category, brand, split, a, b, h, tuple(_pieces(category, a, b, h, label, rng))
    )
