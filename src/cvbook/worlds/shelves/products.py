"""A catalogue of products: each SKU has a category's shape, its own size and a printed label."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cvbook.text.corpus import Split
from cvbook.worlds.scene import Material, Thing
from cvbook.worlds.shelves.containers import pieces
from cvbook.worlds.shelves.packaging import PRODUCTS

CATEGORIES = tuple(PRODUCTS)
# One SKU of four is held out: nothing is trained on it; its label has held-out fonts and words.
SKUS, HELD_OUT = 240, 60
EVERY = SKUS // HELD_OUT
# Brands are made up, so that no real one is meant.
SYLLABLES = {
    "train": "sol ra mi ka ver do lu na tem pi or bel sta fi ro zen ga",
    "test": "quo li mar ve tas ju ne kor hu pa dri o",
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
ROUND = ("soda", "tin", "water", "juice", "jar")
BAND = {"water": 0.42, "juice": 0.42, "jar": 0.46}  # the label's share of the height, if not all
SHINE = {"soda": (0.25, 0.6), "crisps": (0.3, 0.2), "coffee": (0.35, 0.3)}  # roughness, metallic


@dataclass(frozen=True)
class Sku:
    """One product of the catalogue.

    Attributes:
        number: 0 to SKUS − 1.
        category: one of CATEGORIES.
        brand: as printed.
        split: "test" for those that are never trained on.
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


@lru_cache
def sku(number: int) -> Sku:
    """A product by its number; raises ValueError outside the catalogue."""
    if not 0 <= number < SKUS:
        raise ValueError(f"SKUs are numbered 0 to {SKUS - 1}; got {number}.")
    rng = np.random.default_rng([number, 31])
    split: Split = "test" if number % EVERY == 3 else "train"
    category = CATEGORIES[(number // EVERY) % len(CATEGORIES)]
    size = np.array(SIZES[category]) * rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3)
    a, b, h = (float(v) for v in size)
    if category in (*ROUND, "milk"):
        b = a
    elif category == "toothpaste":
        b = 0.8 * a
    brand = "".join(rng.choice(SYLLABLES[split].split(), rng.integers(2, 4)))
    around = 2 * np.pi * a if category in ROUND else 4 * (a + b) * 0.97
    texture = {
        "paint": "label",
        "seed": number,
        "category": category,
        "brand": brand,
        "aspect": round(around / (BAND.get(category, 1.0) * h), 3),
        "front": 0.30 if category in ROUND else round(2 * a / around, 3),
        "split": split,
    }
    paper = float(rng.uniform(0.3, 0.6)), 0.0
    roughness, metallic = SHINE.get(category, paper)
    coat = 0.3 if category in ("cereal", "milk") else 0.0
    label = Material(texture=texture, roughness=roughness, metallic=metallic, coat=coat)
    return Sku(
        number=number,
        category=category,
        brand=brand,
        split=split,
        half_width=a,
        half_depth=b,
        height=h,
        pieces=tuple(pieces(category, a, b, h, label, rng)),
    )
