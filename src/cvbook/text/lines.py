"""One synthetic text line: draw, bend, print on a surface, photograph.

The transcription and the outlines come free. Everything about line `index` of seed `seed` follows
from `default_rng([seed, index])`: not from the process, the batch or the lines before it. So any
number of workers draws the same set.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cvbook.text.corpus import Split, sample_text
from cvbook.text.effects import EFFECTS, choose
from cvbook.text.fonts import coverage, draw_text, fonts


@dataclass
class Line:
    """A text line and its ground truth.

    Attributes:
        image: uint8[H, W, 3], RGB.
        text: the transcription, never empty.
        edges: float32[2, len(text) + 1, 2], pixels: the upper (0) and lower (1) ends of the borders
            between characters.
        font: font file.
        kind: kind of text, a key of `corpus.KINDS`, or "given".
        language: "en" or "ru".
        difficulty: 0 to 1.
        effects: (name, strength) of each effect used.
    """

    image: np.ndarray
    text: str
    edges: np.ndarray
    font: str
    kind: str
    language: str
    difficulty: float
    effects: list[tuple[str, float]]

    @property
    def polygon(self) -> np.ndarray:
        """Outline of the line as float32[2 * (n + 1), 2], along the top and back along the foot."""
        return outline_of(self.edges)

    @property
    def words(self) -> list[tuple[str, np.ndarray]]:
        """Each word with its outline."""
        return words_of(self.text, self.edges)


def outline_of(edges: np.ndarray) -> np.ndarray:
    """Closed outline of a run of character borders: float32[2, n, 2] -> float32[2n, 2]."""
    return np.concatenate([edges[0], edges[1][::-1]])


def borders(xs: np.ndarray, top: int, foot: int) -> np.ndarray:
    """Character borders at float32[n] from one height to another: float32[2, n, 2]."""
    ends = [np.stack([xs, np.full_like(xs, y)], 1) for y in (top, foot)]
    return np.stack(ends).astype(np.float32)


def words_of(text: str, edges: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Split a line at its spaces: (word, outline) each."""
    found, start = [], 0
    for word in text.split(" "):
        if word:
            found.append((word, outline_of(edges[:, start : start + len(word) + 1])))
        start += len(word) + 1
    return found


def colours(difficulty: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Paper and ink, float32[3] each.

    With difficulty, contrast shrinks from full to a quarter, and inverse print appears.
    """
    contrast = 1 - 0.75 * difficulty * rng.random()
    light = 255 - rng.uniform(0, 60) * difficulty
    dark = max(0.0, light - contrast * (light - rng.uniform(0, 50) * difficulty))
    tint = rng.uniform(-1, 1, (2, 3)) * 45 * difficulty * (rng.random() < 0.6)
    paper, ink = np.clip(light + tint[0], 0, 255), np.clip(dark + tint[1], 0, 255)
    if rng.random() < 0.25 * min(1.0, 2 * difficulty):
        paper, ink = ink, paper
    return paper.astype(np.float32), ink.astype(np.float32)


def _sheet(colour: np.ndarray, height: int, width: int) -> np.ndarray:
    # A row at a time: filling an array with a triple pixel by pixel takes ten times as long.
    row = np.tile(colour.astype(np.uint8), (width, 1))
    return np.broadcast_to(row, (height, width, 3)).copy()


def print_and_shoot(
    stencil: np.ndarray,
    effects: list[tuple[str, float]],
    difficulty: float,
    rng: np.random.Generator,
    split: Split,
) -> np.ndarray:
    """Put a stencil uint8[H, W] on a surface in some colours and photograph it: uint8[H, W, 3]."""
    height, width = stencil.shape
    paper_colour, ink_colour = colours(difficulty, rng)
    paper = _sheet(paper_colour, height, width)
    for name, strength in effects:
        if EFFECTS[name].kind == "surface":
            extra = (split,) if name == "texture" else ()
            paper = EFFECTS[name].function(paper, strength, rng, *extra)
    if rng.random() < 0.06 * difficulty:
        shift = max(1, round(0.05 * height))
        blurred = cv2.GaussianBlur(np.roll(stencil, (shift, shift), (0, 1)), (0, 0), shift)
        shadow = blurred[..., None] / np.float32(255)
        paper = (paper * (1 - 0.5 * shadow)).astype(np.uint8)
    alpha = stencil * np.float32(1 / 255)
    image = cv2.blendLinear(_sheet(ink_colour, height, width), paper, alpha, 1 - alpha)
    for name, strength in effects:
        if EFFECTS[name].kind == "camera":
            image = EFFECTS[name].function(image, strength, rng)
    return image


def pick_font(text: str, rng: np.random.Generator, split: Split) -> str:
    """A font of the split that has every character of the text.

    First a style is drawn, then a file, so that rare styles are seen.

    Raises:
        ValueError: no font of the split has them all.
    """
    able = [f for f in fonts(split) if set(text) <= coverage(f.file)]
    if not able:
        raise ValueError(
            f"No {split} font can draw {text!r}: keep to the characters in "
            "cvbook.text.alphabet.CHARACTERS."
        )
    weight = {"sans": 4.0, "serif": 4.0, "mono": 1.5, "condensed": 1.5, "hand": 1.0, "display": 1.0}
    styles = sorted({f.style for f in able})
    odds = np.cumsum([weight[s] for s in styles])
    style = styles[int(np.searchsorted(odds, rng.random() * odds[-1]))]
    files = [f.file for f in able if f.style == style]
    return files[rng.integers(len(files))]


def _neighbour(rng: np.random.Generator, font: str, size: int, width: int) -> np.ndarray:
    """A slice of another line in the same font, for the top or the foot of the crop."""
    said, _, _ = sample_text(rng, max_length=2 + 3 * width // size)
    text = "".join(c for c in said if c in coverage(font)).strip() or "x"
    ink = draw_text(text, font, size)[0]
    out = np.zeros((ink.shape[0], width), np.uint8)
    n = min(width, ink.shape[1])
    out[:, :n] = ink[:, :n]
    return out


def make_line(
    seed: int,
    index: int,
    difficulty: float | None = None,
    split: Split = "train",
    text: str | None = None,
    font: str | None = None,
    language: str | None = None,
    max_length: int = 80,
    effects: list[tuple[str, float]] | None = None,
) -> Line:
    """Draw one line.

    Args:
        seed, index: together they decide everything that the other arguments leave open.
        difficulty: 0 (black on white, straight) to 1; None draws it uniformly.
        split: "test" uses fonts, words and photographed backgrounds that "train" never does.
        text: what to write; None draws it from the corpus.
        font: font file; None draws one that has all the characters.
        language: of the drawn text; None for either.
        max_length: longest drawn text, in characters.
        effects: (name, strength) of those to use, in the order of `EFFECTS`; None draws them by
            difficulty.

    Raises:
        ValueError: difficulty outside 0–1, or a text that the font, or every font, lacks a
            character of.
    """
    rng = np.random.default_rng([seed, index])
    d = float(rng.random()) if difficulty is None else float(difficulty)
    if not 0 <= d <= 1:
        raise ValueError(f"difficulty is {d}; it goes from 0 to 1.")
    kind = "given"
    if text is None:
        text, kind, language = sample_text(rng, language, split, max_length)
    font = font or pick_font(text, rng, split)
    size = int(np.exp(rng.uniform(np.log(24 - 14 * d), np.log(46))))
    tracking = float(rng.uniform(-0.03, 0.12)) if rng.random() < 0.2 * d else 0.0
    spacing = float(rng.uniform(0, 0.8)) if rng.random() < 0.25 * min(1.0, 4 * d) else 0.0
    ink, xs, _ = draw_text(text, font, size, tracking, spacing)
    drawn = choose(d, rng)
    effects = drawn if effects is None else effects
    for name, strength in effects:
        if EFFECTS[name].kind == "ink":
            ink = EFFECTS[name].function(ink, strength, rng)
    h, w = ink.shape

    # Margins of a crop that a detector made: from a little tight to loose; neighbours may look in.
    shares = rng.uniform([0.05, 0.05, 0.1, 0.1], [0.25, 0.25, 0.5, 0.5])
    pads = np.round(size * shares * (0.5 + d)).astype(int) + 1
    top, foot, left, right = (int(p) for p in pads)
    canvas = np.zeros((h + top + foot, w + left + right), np.uint8)
    if rng.random() < 0.5 * d:
        gap = int(rng.integers(2, 5))
        for above in (True, False):
            other = _neighbour(rng, font, size, canvas.shape[1])
            rows = min(len(other), max(0, (top if above else foot) - gap))
            if rows and above:
                end = top - gap
                canvas[end - rows : end] = other[-rows:]
            elif rows:
                begin = len(canvas) - (foot - gap)
                canvas[begin : begin + rows] = other[:rows]
    canvas[top : top + h, left : left + w] = np.maximum(canvas[top : top + h, left : left + w], ink)
    edges = borders(xs + left, top, top + h)
    for name, strength in effects:
        if EFFECTS[name].kind == "sheet":
            canvas = EFFECTS[name].function(canvas, strength, rng)
        elif EFFECTS[name].kind == "warp":
            canvas, edges = EFFECTS[name].function(canvas, edges, strength, rng)
    image = print_and_shoot(canvas, effects, d, rng, split)
    return Line(image, text, edges, font, kind, language or "en", d, effects)
