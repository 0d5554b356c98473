"""Whole synthetic pages with the outline of every word and line, to train a text detector on."""

from dataclasses import dataclass

import numpy as np

from cvbook.text.corpus import LANGUAGES, Split, sample_text, sample_words
from cvbook.text.effects import EFFECTS, choose
from cvbook.text.fonts import coverage, draw_text
from cvbook.text.hard_texts import sample_short
from cvbook.text.lines import borders, outline_of, pick_font, print_and_shoot, words_of

# Slanting a whole page is not something that happens to one.
PAGE_WARPS = ("curve", "rotate", "perspective")


@dataclass
class Page:
    """A page and its ground truth.

    Attributes:
        image: uint8[H, W, 3], RGB.
        texts: transcription of each line, in reading order.
        edges: for each line float32[2, len(text) + 1, 2]: upper and lower ends of the borders
            between characters, pixels.
        difficulty: 0 to 1.
    """

    image: np.ndarray
    texts: list[str]
    edges: list[np.ndarray]
    difficulty: float

    @property
    def lines(self) -> list[tuple[str, np.ndarray]]:
        """Each line with its outline, float32[2 * (n + 1), 2]."""
        return [(t, outline_of(e)) for t, e in zip(self.texts, self.edges, strict=True)]

    @property
    def words(self) -> list[tuple[str, np.ndarray]]:
        """Each word with its outline."""
        lines = zip(self.texts, self.edges, strict=True)
        return [word for t, e in lines for word in words_of(t, e)]


class _Sheet:
    """A stencil that lines are put on, and what was put where."""

    def __init__(self, height: int, width: int):
        self.ink = np.zeros((height, width), np.uint8)
        self.texts: list[str] = []
        self.edges: list[np.ndarray] = []

    def put(self, ink: np.ndarray, xs: np.ndarray, text: str, x: int, y: int) -> None:
        """Add a drawn line with its top left corner at (x, y).

        What would leave the sheet is not drawn at all.
        """
        h, w = ink.shape
        if x < 0 or y < 0 or x + w > self.ink.shape[1] or y + h > self.ink.shape[0]:
            return
        window = self.ink[y : y + h, x : x + w]
        np.maximum(window, ink, out=window)
        self.texts.append(text)
        self.edges.append(borders(xs + x, y, y + h))

    def rule(self, x: int, y: int, width: int, height: int) -> None:
        """A printed line, part of no text."""
        self.ink[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = 255


def _fill(
    rng: np.random.Generator, font: str, size: int, width: int, language: str, split: Split
) -> str:
    """Words until the line is as long as the column."""
    words: list[str] = []
    room = 1.9 * width / size
    while sum(map(len, words)) + len(words) < room:
        word = sample_words(rng, 1, language, split)[0]
        if rng.random() < 0.12:
            word += rng.choice([",", ".", ";", ":", "?", "!"])
        words.append(word.capitalize() if rng.random() < 0.12 else word)
    text = " ".join(words[:-1] or words)
    return "".join(c for c in text if c in coverage(font)).strip() or "x"


def _paragraphs(
    sheet: _Sheet,
    rng: np.random.Generator,
    x: int,
    y: int,
    width: int,
    height: int,
    size: int,
    split: Split,
) -> None:
    """A column of running text, here and there with a heading or an indent."""
    language = LANGUAGES[rng.integers(2)]
    font = pick_font("аaЯ1" if language == "ru" else "aZ1", rng, split)
    leading, foot = rng.uniform(1.15, 1.7), y + height
    justified, ruled = rng.random() < 0.4, rng.random() < 0.2
    while y < foot - 2 * size:
        heading = rng.random() < 0.06
        em = int(size * rng.uniform(1.2, 1.8)) if heading else size
        last = rng.random() < 0.15  # of a paragraph
        share = rng.uniform(0.2, 0.8) if last or heading else 1
        text = _fill(rng, font, em, int(width * share), language, split)
        ink, xs, baseline = draw_text(text, font, em)
        while ink.shape[1] > width and " " in text:
            text = text[: text.rfind(" ")]
            ink, xs, baseline = draw_text(text, font, em)
        spaces = text.count(" ")
        if justified and spaces and not (heading or last) and ink.shape[1] > 0.6 * width:
            spare = (width - ink.shape[1] - 2) / spaces / em
            ink, xs, baseline = draw_text(text, font, em, spacing=spare)
        if ruled and (heading or last):
            sheet.rule(x, y + em + int(0.55 * em), width, int(rng.integers(1, 4)))
        indented = rng.random() < 0.1 and ink.shape[1] + 3 * size < width
        indent = int(rng.uniform(1, 3) * size) if indented else 0
        sheet.put(ink, xs, text, x + indent, y + em - baseline)
        y += int(em * leading * (1.5 if last or heading else 1))


def _scatter(sheet: _Sheet, rng: np.random.Generator, tries: int, size: int, split: Split) -> None:
    """Separate lines at any place and size: labels, signs, prices, the cells of a form."""
    taken, framed = np.zeros_like(sheet.ink), rng.random() < 0.35
    for _ in range(tries):
        text = sample_text(rng, split=split, max_length=24)[0]
        em = int(size * np.exp(rng.uniform(-0.4, 1.1)))
        ink, xs, _ = draw_text(text, pick_font(text, rng, split), em)
        (h, w), (height, width), gap = ink.shape, sheet.ink.shape, em // 3
        if h + 2 * gap >= height or w + 2 * gap >= width:
            continue
        y, x = int(rng.integers(gap, height - h - gap)), int(rng.integers(gap, width - w - gap))
        window = taken[y - gap : y + h + gap, x - gap : x + w + gap]
        if not window.any():
            window[:] = 1
            sheet.put(ink, xs, text, x, y)
            if framed:
                thick = int(rng.integers(1, 4))
                left, top = int(rng.integers(2, gap + 3)), int(rng.integers(2, gap + 3))
                wide, high = w + 2 * left, h + 2 * top
                for box in (
                    (x - left, y - top, wide, thick),
                    (x - left, y + h + top, wide, thick),
                    (x - left, y - top, thick, high),
                    (x + w + left, y - top, thick, high),
                ):
                    sheet.rule(*box)


def _short(
    rng: np.random.Generator, size: int, split: Split
) -> tuple[np.ndarray, np.ndarray, str, int]:
    """Something that stands alone, drawn: ink, edges, text, baseline."""
    text = sample_short(rng, split=split)
    ink, xs, baseline = draw_text(text, pick_font(text, rng, split), size)
    return ink, xs, text, baseline


def _cells(sheet: _Sheet, rng: np.random.Generator, size: int, split: Split) -> None:
    """A table or a form: short texts in rows and columns, with rules or without."""
    height, width = sheet.ink.shape
    pitch = max(int(rng.uniform(2.5, 14) * size), 12)
    starts = list(range(int(rng.integers(2, 40)), width - 2 * size, pitch))
    step, ruled = int(rng.uniform(1.3, 3.2) * size), rng.random() < 0.5
    full, thick = rng.uniform(0.3, 1), int(rng.integers(1, 4))
    right = [rng.random() < 0.4 for _ in starts]
    for top in range(int(rng.integers(2, 30)), height - 2 * size, step):
        for x, at_right in zip(starts, right, strict=True):
            if rng.random() < full:
                ink, xs, text, baseline = _short(rng, size, split)
                room = pitch - size // 2 - 2 * thick
                if ink.shape[1] < room:
                    shift = room - ink.shape[1] if at_right else 0
                    sheet.put(ink, xs, text, x + shift, top + size - baseline)
        if ruled:
            sheet.rule(0, top + size + (step - size) // 2, width, thick)
    if ruled and rng.random() < 0.7:
        for x in starts:
            sheet.rule(x - size // 4 - thick, 0, thick, height)


def _lone(sheet: _Sheet, rng: np.random.Generator, size: int, split: Split) -> None:
    """One to six short texts on an empty sheet, not near to each other."""
    taken = np.zeros_like(sheet.ink)
    for _ in range(int(rng.integers(1, 7))):
        ink, xs, text, _ = _short(rng, int(size * np.exp(rng.uniform(-0.2, 0.8))), split)
        (h, w), (height, width) = ink.shape, sheet.ink.shape
        if h + 4 >= height or w + 4 >= width:
            continue
        y, x = int(rng.integers(2, height - h - 2)), int(rng.integers(2, width - w - 2))
        window = taken[max(0, y - size) : y + h + size, max(0, x - size) : x + w + size]
        if not window.any():
            window[:] = 1
            sheet.put(ink, xs, text, x, y)


def make_page(
    seed: int,
    index: int,
    difficulty: float | None = None,
    split: Split = "train",
    size: tuple[int, int] = (640, 640),
    short: float = 0.0,
) -> Page:
    """Draw one page: columns of text, cells, or scattered lines, on a surface, photographed.

    Args:
        seed, index: decide everything that the rest leaves open, as in `make_line`.
        difficulty: 0 to 1; None draws it uniformly.
        split: "test" uses fonts, words and backgrounds that "train" never does.
        size: height and width of the sheet in pixels; warps may enlarge the picture a little.
        short: part of the pages that hold short texts only, in cells or alone.

    Raises:
        ValueError: difficulty outside 0–1.
    """
    rng = np.random.default_rng([seed, index])
    d = float(rng.random()) if difficulty is None else float(difficulty)
    if not 0 <= d <= 1:
        raise ValueError(f"difficulty is {d}; it goes from 0 to 1.")
    height, width = size
    sheet = _Sheet(height, width)
    em = int(np.exp(rng.uniform(np.log(10), np.log(34))))
    margin = int(rng.uniform(0.01, 0.08) * width)
    # From a stream of its own, so that the other pages stay what they are without these.
    lot = np.random.default_rng([seed, index, 1]).random()
    if lot < 0.6 * short:
        _cells(sheet, rng, em, split)
    elif lot < short:
        _lone(sheet, rng, em, split)
    elif rng.random() < 0.7:
        columns = int(rng.integers(1, 1 + max(1, min(3, width // (18 * em)))))
        column = (width - margin * (columns + 1)) // columns
        for c in range(columns):
            x = margin + c * (column + margin)
            _paragraphs(sheet, rng, x, margin, column, height - 2 * margin, em, split)
            if margin > 8 and rng.random() < 0.25:
                gutter = x + column + margin // 2
                sheet.rule(gutter, margin // 2, int(rng.integers(1, 4)), height - margin)
    else:
        _scatter(sheet, rng, int(rng.integers(5, 60)), em, split)
    effects = choose(d, rng)
    nothing = np.zeros((0, 2), np.float32)
    ink, points = sheet.ink, np.concatenate([nothing, *(e.reshape(-1, 2) for e in sheet.edges)])
    for name, strength in effects:
        if name in ("bleed", "thin", "dropout"):
            # These scale with the height of what they are given: a line, not a page.
            strip = max(1, height // (2 * em))
            weaker = strength / strip if name == "bleed" else strength
            ink = EFFECTS[name].function(ink, weaker, rng)
        elif name in PAGE_WARPS:
            ink, points = EFFECTS[name].function(ink, points, strength * 0.3, rng)
    splits = np.cumsum([e.shape[1] * 2 for e in sheet.edges])[:-1]
    edges = [p.reshape(2, -1, 2) for p in np.split(points, splits)] if sheet.edges else []
    # Blur is in parts of the height: on a page it must be as strong for a line as it is on a line's
    # own picture.
    blur = 1.6 * em / height
    milder = {"defocus": blur, "motion_blur": blur, "resample": 0.5}
    camera = [(name, strength * milder.get(name, 1)) for name, strength in effects]
    return Page(print_and_shoot(ink, camera, d, rng, split), sheet.texts, edges, d)
