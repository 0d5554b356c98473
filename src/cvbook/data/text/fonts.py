"""The shipped fonts: which characters each can draw, and drawing a whole string with one.

A font that lacks a character draws an empty box ("tofu"), and a recogniser trained on such lines learns that the box
means every missing character at once. So coverage is read from the font's own tables, glyph by glyph.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from cvbook.data.text.alphabet import ALPHABET
from cvbook.paths import data_path


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
    return tuple(Font(r["file"], r["family"], r["style"], r["split"]) for r in rows if r["split"] == split)


@lru_cache
def coverage(file: str) -> frozenset[str]:
    """Characters of the alphabet that a font really draws: mapped, not to `.notdef`, and with ink (the space without)."""
    font = TTFont(data_path("fonts", file), lazy=True)
    cmap, outlines = font.getBestCmap(), font["glyf"]
    drawn = {c for c in ALPHABET if cmap.get(ord(c), ".notdef") != ".notdef" and outlines[cmap[ord(c)]].numberOfContours != 0}
    return frozenset(drawn | ({" "} if ord(" ") in cmap else set()))


@lru_cache(maxsize=2048)
def load(file: str, size: int) -> ImageFont.FreeTypeFont:
    """A font at a size in pixels. The basic layout engine is asked for: its pixels do not depend on installed libraries."""
    return ImageFont.truetype(str(data_path("fonts", file)), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=200_000)
def advance(file: str, size: int, character: str) -> float:
    """How far a character moves the pen, in pixels."""
    return load(file, size).getlength(character)


def draw_text(text: str, file: str, size: int, tracking: float = 0.0, spacing: float = 0.0) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw a string in one piece (so that kerning is kept), or word by word, or, with tracking, character by character.

    Args:
        text: one line, every character of it in `coverage(file)`.
        file: font file under `data/fonts`.
        size: em size in pixels.
        tracking: extra space after each character, in em; 0 keeps the font's own kerning.
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
        raise ValueError(f"{file} cannot draw {text!r}: " + (f"it lacks {sorted(missing)}." if missing else "there is nothing to draw."))
    font = load(file, size)
    if tracking:
        steps = [advance(file, size, c) + tracking * size for c in text]
    else:
        # getlength of every prefix would cost n² for the line; pairs give the same sum, kerning included.
        steps = [font.getlength(text[i : i + 2]) - advance(file, size, text[i + 1]) for i in range(len(text) - 1)]
        steps.append(advance(file, size, text[-1]))
    if spacing:
        steps = [step + spacing * size * (c == " ") for step, c in zip(steps, text, strict=True)]
    edges = np.concatenate([[0.0], np.cumsum(steps)])
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    # Slanted and swash glyphs reach past their advance width: pad, then crop to the ink.
    pad = size // 2 + 2
    canvas = Image.new("L", (int(max(right, edges[-1])) + 2 * pad, bottom - top + 2))
    pen = ImageDraw.Draw(canvas)
    if tracking:
        pieces = [(i, c) for i, c in enumerate(text) if c != " "]
    elif spacing:
        pieces = [(match.start(), match.group()) for match in re.finditer(r"[^ ]+", text)]
    else:
        pieces = [(0, text)]
    for start, piece in pieces:
        pen.text((pad + edges[start], 1 - top), piece, fill=255, font=font, anchor="ls")
    box = canvas.getbbox()
    ink = np.asarray(canvas)[box[1] : box[3], box[0] : box[2]]
    return ink, (edges + pad - box[0]).astype(np.float32), 1 - top - box[1]
