"""The shipped fonts: which characters each can draw, and drawing a whole string with one.

A font that lacks a character draws an empty box ("tofu"), and a recogniser trained on such lines
learns that the box means every missing character at once. So coverage is read from the font's own
tables, glyph by glyph.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from cvbook.paths import data_path
from cvbook.text.alphabet import CHARACTERS


@dataclass(frozen=True)
class Font:
    """A font file of `data/fonts`.

    Attributes:
        file: its name.
        family: of the font.
        style: sans, serif, mono, condensed, hand or display.
        split: "train" or "test".
    """

    file: str
    family: str
    style: str
    split: str


@lru_cache
def fonts(split: Literal["train", "test"]) -> tuple[Font, ...]:
    """The fonts of one split; the families of "test" train nothing in this book."""
    rows = json.loads(data_path("fonts", "fonts.json").read_text())
    return tuple(
        Font(r["file"], r["family"], r["style"], r["split"]) for r in rows if r["split"] == split
    )


@lru_cache
def coverage(file: str) -> frozenset[str]:
    """Characters of the book that a font really draws.

    They are mapped, not to `.notdef`, and have ink; only the space has none.
    """
    font = TTFont(data_path("fonts", file), lazy=True)
    cmap, outlines = font.getBestCmap(), font["glyf"]
    glyphs = {c: cmap[ord(c)] for c in CHARACTERS if ord(c) in cmap}
    return frozenset(
        c
        for c, glyph in glyphs.items()
        if c == " " or (glyph != ".notdef" and outlines[glyph].numberOfContours != 0)
    )


@lru_cache(maxsize=2048)
def load(file: str, size: int) -> ImageFont.FreeTypeFont:
    """A font at a size in pixels.

    The basic layout engine is asked for: its pixels do not depend on installed libraries.
    """
    path, basic = str(data_path("fonts", file)), ImageFont.Layout.BASIC
    return ImageFont.truetype(path, size, layout_engine=basic)


@lru_cache(maxsize=200_000)
def advance(file: str, size: int, character: str) -> float:
    """How far a character moves the pen, in pixels."""
    return load(file, size).getlength(character)


@lru_cache
def kerning(file: str) -> dict[str, float]:
    """Pairs of characters that a font draws closer or further apart, and by how much, in em.

    Corrections under 2 % are left out. Pillow's basic layout divides kerning by 64 once too often,
    which is as good as ignoring it, so the book applies it itself.
    """
    font = TTFont(data_path("fonts", file), lazy=True)
    if "kern" not in font:
        return {}
    letters: dict[str, list[str]] = {}
    for code, name in font.getBestCmap().items():
        letters.setdefault(name, []).append(chr(code))
    em, table = font["head"].unitsPerEm, font["kern"].kernTables[0].kernTable
    return {
        a + b: value / em
        for (x, y), value in table.items()
        if abs(value) >= 0.02 * em
        for a in letters.get(x, ())
        for b in letters.get(y, ())
    }


def draw_text(
    text: str, file: str, size: int, tracking: float = 0.0, spacing: float = 0.0
) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw a string at its true bounding box, in whole runs between pairs that kern.

    Args:
        text: one line, every character of it in `coverage(file)`.
        file: font file under `data/fonts`.
        size: em size in pixels.
        tracking: extra space after each character, in em, in place of the font's kerning.
        spacing: extra width of each space, in em, as in justified text.

    Returns:
        ink: uint8[H, W], 0 to 255; H is the ink's height, nothing is cut off.
        edges: float32[len(text) + 1], pixels: left of each character, and right of the last.
        baseline: row of the baseline in `ink`.

    Raises:
        ValueError: the text is empty or holds a character that the font lacks.
    """
    missing = set(text) - coverage(file)
    if missing or not text.strip():
        reason = f"it lacks {sorted(missing)}" if missing else "there is nothing to draw"
        raise ValueError(f"{file} cannot draw {text!r}: {reason}.")
    font, pairs = load(file, size), kerning(file)
    kerns = [0.0 if tracking else pairs.get(text[i : i + 2], 0.0) for i in range(len(text))]
    steps = [
        advance(file, size, c) + (tracking + kern) * size
        for c, kern in zip(text, kerns, strict=True)
    ]
    if spacing:
        steps = [step + spacing * size * (c == " ") for step, c in zip(steps, text, strict=True)]
    edges = np.concatenate([[0.0], np.cumsum(steps)])
    _, top, right, bottom = (round(v) for v in font.getbbox(text, anchor="ls"))
    # Slanted and swash glyphs reach past their advance width: pad, then crop to the ink.
    pad = size // 2 + 2
    canvas = Image.new("L", (int(max(right, edges[-1])) + 2 * pad, bottom - top + 2))
    pen = ImageDraw.Draw(canvas)
    # A piece ends after every character with tracking, at wide spaces, and between pairs that kern.
    ends = [
        i + 1 for i in range(len(text) - 1) if tracking or kerns[i] or (spacing and text[i] == " ")
    ]
    for start, end in pairwise([0, *ends, len(text)]):
        pen.text((pad + edges[start], 1 - top), text[start:end], fill=255, font=font, anchor="ls")
    x0, y0, x1, y1 = canvas.getbbox() or (0, 0, *canvas.size)
    ink = np.array(canvas)[y0:y1, x0:x1]
    return ink, (edges + pad - x0).astype(np.float32), 1 - top - y0
