"""Sets for metric learning, in which whole classes are held out.

They are rendered products and people, letters by type designers, and people before cameras.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from cvbook.data.rendered import load
from cvbook.text.alphabet import ALPHABET, CYRILLIC, DIGITS, LATIN, LOOKALIKES, PUNCTUATION
from cvbook.text.corpus import Split
from cvbook.text.fonts import coverage, draw_text, fonts

AGE_BINS = 18  # of five years each, through which the numbers of rendered identities go


@dataclass(frozen=True)
class LabelledImages:
    """Pictures with classes.

    Attributes:
        images: uint8[N, C, H, W].
        labels: int[N], their classes.
        coarse: int[N], the coarse classes that these belong to (of `sightings`: the camera).
    """

    images: torch.Tensor
    labels: np.ndarray
    coarse: np.ndarray

    def picture(self, i: int) -> np.ndarray:
        """Picture i to look at: uint8[H, W, 3], or [H, W] if it is grey."""
        return self.images[i].permute(1, 2, 0).numpy().squeeze()  # c,h,w → h,w,c

    def where(self, rows: np.ndarray) -> "LabelledImages":
        """Some rows: bool[N] or int[n]."""
        images = self.images[torch.from_numpy(rows)]
        return LabelledImages(images, self.labels[rows], self.coarse[rows])


@dataclass(frozen=True)
class UnseenSet:
    """A set whose parts for training and for testing have no class in common.

    Attributes:
        name: of the set.
        train, test: its parts.
        mirror: whether a mirrored picture shows the same thing.
    """

    name: str
    train: LabelledImages
    test: LabelledImages
    mirror: bool


def _shrunk(column: list[Image.Image], height: int, width: int) -> torch.Tensor:
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in column])
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # n,h,w,c → n,c,h,w
    small = [
        F.interpolate(part.float(), (height, width), mode="bilinear", antialias=True)
        for part in x.split(256)
    ]
    return torch.cat(small).round().clamp(0, 255).to(torch.uint8)


def products(side: int = 48) -> UnseenSet:
    """180 products to train on and 60 others to test.

    Each of the first is seen ten times on training shelves, each of the others thirteen times, of
    these three in another world of shelves and lamps.

    Coarse classes: 12 categories.
    """
    rows = load("crops")
    images, sku = _shrunk(rows["image"], side, side), np.array(rows["sku"])
    categories = list(dict.fromkeys(rows["category"]))
    held, world = np.array(rows["skus"]) == "test", np.array(rows["world"]) == "train"
    every = LabelledImages(images, sku, np.array([categories.index(c) for c in rows["category"]]))
    return UnseenSet("products", every.where(~held & world), every.where(held), mirror=False)


def people(side: int = 48) -> UnseenSet:
    """519 rendered identities to train on and 129 others, up to five faces each.

    Backs of heads are left out. Coarse classes: gender and 15-year bin, 12 in all.
    """
    rows = load("people").filter(
        lambda seen: seen > 0.3, input_columns="face_visible", keep_in_memory=True
    )
    identity = np.array(rows["identity"])
    # An identity's number tells its gender and 5-year bin.
    coarse = 6 * (identity % 2) + identity // 2 % AGE_BINS // 3
    every = LabelledImages(_shrunk(rows["face"], side, side), identity, coarse)
    held = np.array(rows["split"]) == "test"
    return UnseenSet("people", every.where(~held), every.where(held), mirror=True)


def letters(side: int = 32) -> UnseenSet:
    """Characters in the typefaces of `data/fonts`, each drawn by another designer.

    Characters that look alike without context (O and 0, Latin and Cyrillic A) are one class. Every
    third class is held out, and is tested in typefaces that training has not seen either. Coarse
    classes: Latin, Cyrillic, digits, punctuation, by a group's first character.
    """
    group = {c: c for c in ALPHABET}
    for alike in LOOKALIKES:
        group |= dict.fromkeys(alike, group[alike[0]])
    classes = sorted({group[c] for c in ALPHABET if c != " "})
    scripts = (LATIN, CYRILLIC, DIGITS, PUNCTUATION)
    kind = np.array([next(k for k, those in enumerate(scripts) if c in those) for c in classes])
    parts = {}
    thirds_of: dict[Split, tuple[int, ...]] = {"train": (0, 1), "test": (2,)}
    for split, thirds in thirds_of.items():
        images, labels = [], []
        # Half of the fonts are enough to train on.
        for font in fonts(split)[:: 2 if split == "train" else 1]:
            for c in ALPHABET[1:]:
                number = classes.index(group[c])
                if number % 3 not in thirds or c not in coverage(font.file):
                    continue
                ink, _, _ = draw_text(c, font.file, int(0.75 * side))
                h, w = (min(n, side) for n in ink.shape)
                canvas = np.zeros((side, side), np.uint8)
                top, left = (side - h) // 2, (side - w) // 2
                canvas[top : top + h, left : left + w] = ink[:h, :w]
                images.append(255 - canvas)
                labels.append(number)
        pictures = torch.from_numpy(np.stack(images))[:, None]
        parts[split] = LabelledImages(pictures, np.array(labels), kind[labels])
    return UnseenSet("letters", parts["train"], parts["test"], mirror=False)


def sightings(height: int = 64) -> tuple[UnseenSet, UnseenSet]:
    """People before cameras, height × height / 2 pixels; instead of coarse classes: the camera.

    Returns:
        Two sets with one training part, 240 people whom four cameras of a building saw twice each.
        Tested are 100 others before the same cameras, as in Market-1501, and 160 in another
        building with four other cameras.
    """
    rows = load("cameras")
    every = LabelledImages(
        _shrunk(rows["image"], height, height // 2),
        np.array(rows["identity"]),
        np.array(rows["camera"]),
    )
    held, away = np.array(rows["split"]) == "test", every.coarse > 3
    train = every.where(~held)
    here, there = every.where(held & ~away), every.where(held & away)
    return (
        UnseenSet("cameras", train, here, mirror=True),
        UnseenSet("other cameras", train, there, mirror=True),
    )


SETS: dict[str, Callable[[], UnseenSet]] = {
    "products": products,
    "people": people,
    "letters": letters,
}
