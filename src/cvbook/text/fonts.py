"""The shipped fonts: which characters each can draw, and drawing a whole string with one.

A font that lacks a character draws an empty box ("tofu"), and a recogniser trained on such lines learns that the box
means every missing character at once. So coverage is read from the font's own tables, glyph by glyph.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from cvbook.paths import data_path
from cvbook.text.alphabet import ALPHABET


@dataclass(frozen=True)
class Font:
    """A font file of `data/fonts`: its name, family, style (sans, serif, mono, condensed, hand, display) and split."""

    file: str
    family: str
    style: str
    split: str


@lru_cache
def fonts(split: Literal["train", "test"]) -> tuple[Font, ...]:
    """The fonts of one split. The families of "test" are never used to train anything in this book."""
    rows = json.loads(data_path("fonts", "fonts.json").read_text())
    return tuple(
        Font(r["file"], r["family"], r["style"], r["split"]) for r in rows if r["split"] == split
    )


@lru_cache
def coverage(file: str) -> frozenset[str]:
    """Characters of the alphabet that a font really draws: mapped, not to `.notdef`, and with ink (the space without)."""
    font = TTFont(data_path("fonts", file), lazy=True)
    cmap, outlines = font.getBestCmap(), font["glyf"]
    drawn = {
        c
        for c in ALPHABET
        if cmap.get(ord(c), ".notdef") != ".notdef" and outlines[cmap[ord(c)]].numberOfContours != 0
    }
    return frozenset(drawn | ({" "} if ord(" ") in cmap else set()))


@lru_cache(maxsize=2048)
def load(file: str, size: int) -> ImageFont.FreeTypeFont:
    """A font at a size in pixels. The basic layout engine is asked for: its pixels do not depend on installed libraries."""
    return ImageFont.truetype(
        str(data_path("fonts", file)), size, layout_engine=ImageFont.Layout.BASIC
    )


@lru_cache(maxsize=200_000)
def advance(file: str, size: int, character: str) -> float:
    """How far a character moves the pen, in pixels."""
    return load(file, size).getlength(character)


@lru_cache
def kerning(file: str) -> dict[str, float]:
    """Pairs of characters that a font draws closer or further apart, and by how much, in em; corrections under 2 % are left out.

    Pillow's basic layout divides kerning by 64 once too often, which is as good as ignoring it, so the book applies it itself.
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
    """Draw a string: whole runs between pairs that kern, at its true bounding box, so that nothing is cut off.

    Args:
        text: one line, every character of it in `coverage(file)`.
        file: font file under `data/fonts`.
        size: em size in pixels.
        tracking: extra space after each character, in em, in place of the font's kerning.
        spacing: extra width of each space, in em, as in justified text.

    Returns:
        ink: uint8[H, W], 0 to 255; H is the ink's height, nothing is cut off.
        edges: float32[len(text) + 1], x of each character's left edge, and of the last one's right edge, in pixels.
        baseline: row of the baseline in `ink`.

    Raises:
        ValueError: the text is empty or holds a character that the font lacks.
    """
    missing = set(text) - coverage(file)
    if missing or not text.strip():
        raise ValueError(
            f"{file} cannot draw {text!r}: "
            + (f"it lacks {sorted(missing)}." if missing else "there is nothing to draw.")
        )
    font = load(file, size)
    pairs = kerning(file)
    # Where a piece of the string ends: after every character with tracking, at wide spaces, and between pairs that kern.
    kerns = [0.0 if tracking else pairs.get(text[i : i + 2], 0.0) for i in range(len(text))]
    steps = [
        advance(file, size, c) + (tracking + kern) * size
        for c, kern in zip(text, kerns, strict=True)
    ]
    if spacing:
        steps = [step + spacing * size * (c == " ") for step, c in zip(steps, text, strict=True)]
    edges = np.concatenate([[0.0], np.cumsum(steps)])
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    # Slanted and swash glyphs reach past their advance width: pad, then crop to the ink.
    pad = size // 2 + 2
    canvas = Image.new("L", (int(max(right, edges[-1])) + 2 * pad, bottom - top + 2))
    pen = ImageDraw.Draw(canvas)
    cuts = [
        0,
        *(
            i + 1
            for i in range(len(text) - 1)
            if tracking or kerns[i] or (spacing and text[i] == " ")
        ),
        len(text),
    ]
    for start, end in zip(cuts, cuts[1:], strict=False):
        pen.text((pad + edges[start], 1 - top), text[start:end], fill=255, font=font, anchor="ls")
    box = canvas.getbbox()
    ink = np.asarray(canvas)[box[1] : box[3], box[0] : box[2]]
    return ink, (edges + pad - box[0]).astype(np.float32), 1 - top - box[1]
