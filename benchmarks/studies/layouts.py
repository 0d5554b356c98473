"""How the reader copes with what pages look like: lone words, columns, tables, long lines, turns.

    python benchmarks/studies/layouts.py [--count 20]

Pages in fonts and words that training never saw, black on white, drawn by code that training does
not use. The reader's rules were developed while looking at pages of seeds 22, 30, 31 and 261126 and
at pages that a tester made in fonts of Debian; on 261126, many a page with columns was read across.
Those measured here are of another seed, and nobody looked at them. Their error rates were known
twice before today's rules stood: three columns at 0.0743 before boxes were held against their ink.

For each kind: how much of the text is read, in the right order. The result goes to layouts.json
beside this file. About 7 minutes on two cores.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch

from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.metrics.text import cer
from cvbook.models.reader import Reader, page_text
from cvbook.text.alphabet import ACCENTED_LANGUAGES, CYRILLIC, LATIN, mixed_words
from cvbook.text.corpus import LANGUAGES, sample_words
from cvbook.text.fonts import coverage, draw_text, fonts

Made = tuple[np.ndarray, str]  # uint8[H, W, 3], and its text in reading order
SEED = 261_127
PLAIN = ("sans", "serif", "mono", "condensed")  # no handwriting, nothing for display only


class Sheet:
    """White paper, uint8[H, W], with black text in one font."""

    def __init__(self, rng: np.random.Generator, height: int, width: int, size: int, language: str):
        wanted = set("aеZЯ1") & set(CYRILLIC if language == "ru" else LATIN) | {"1", "-"}
        able = [f.file for f in fonts("test") if f.style in PLAIN and wanted <= coverage(f.file)]
        self.font, self.size, self.language = able[rng.integers(len(able))], size, language
        self.ink, self.rng = np.zeros((height, width), np.uint8), rng

    def words(self, count: int) -> list[str]:
        drawn = sample_words(self.rng, 4 * count + 8, self.language, "test")
        able = [w for w in drawn if set(w) <= coverage(self.font)]
        return able[:count]

    def put(self, text: str, x: int, baseline: int) -> int:
        """Write a text; where it ends, or -1 if it leaves the sheet and was left out."""
        ink, _, ascent = draw_text(text, self.font, self.size)
        (h, w), y = ink.shape, baseline - ascent
        if x + w > self.ink.shape[1] - 2 or y < 0 or y + h > self.ink.shape[0]:
            return -1
        np.maximum(self.ink[y : y + h, x : x + w], ink, out=self.ink[y : y + h, x : x + w])
        return x + w

    def lines(self, x: int, y: int, width: int, count: int, leading: float = 1.45) -> list[str]:
        """Lines of running text from (x, y) down, none wider than a width."""
        said: list[str] = []
        for row in range(count):
            line: list[str] = []
            for word in self.words(40):
                trial = " ".join([*line, word])
                if draw_text(trial, self.font, self.size)[0].shape[1] > width:
                    break
                line.append(word)
            text = " ".join(line)
            if text and self.put(text, x, y + self.size + int(row * leading * self.size)) > 0:
                said.append(text)
        return said

    @property
    def image(self) -> np.ndarray:
        return np.repeat(255 - self.ink[..., None], 3, 2)


def blank(
    rng: np.random.Generator, height: int, width: int, low: int = 18, high: int = 44
) -> Sheet:
    size = int(np.exp(rng.uniform(np.log(low), np.log(high))))
    return Sheet(rng, height, width, size, LANGUAGES[rng.integers(2)])


def lone_word(rng: np.random.Generator) -> Made:
    sheet = blank(rng, 300, 900)
    word = sheet.words(1)[0]
    word = (word, word.capitalize(), word.upper())[rng.integers(3)]
    sheet.put(word, int(rng.integers(20, 300)), int(rng.integers(80, 260)))
    return sheet.image, word


def lone_digit(rng: np.random.Generator) -> Made:
    sheet, digit = blank(rng, 200, 300), str(rng.integers(10))
    sheet.put(digit, int(rng.integers(20, 200)), int(rng.integers(70, 180)))
    return sheet.image, digit


def lone_number(rng: np.random.Generator) -> Made:
    sheet = blank(rng, 200, 500)
    number = str(rng.integers(10, 10 ** int(rng.integers(2, 7))))
    sheet.put(number, int(rng.integers(20, 200)), int(rng.integers(70, 180)))
    return sheet.image, number


def form(rng: np.random.Generator) -> Made:
    """Labels on the left, values on the right, some of them digits alone."""
    sheet, said = blank(rng, 900, 900, 18, 32), []
    for row in range(int(rng.integers(5, 12))):
        label = sheet.words(1)[0].capitalize()
        value = str(rng.integers(100)) if rng.random() < 0.5 else sheet.words(1)[0]
        y = 60 + row * 2 * sheet.size
        if sheet.put(label, 40, y) > 0 and sheet.put(value, 450, y) > 0:
            said.append(f"{label} {value}")
    return sheet.image, "\n".join(said)


def table(rng: np.random.Generator) -> Made:
    """Columns of words and numbers without rules: read row by row."""
    columns = int(rng.integers(3, 6))
    sheet, said = blank(rng, 1000, 320 * columns, 18, 28), []
    for row in range(int(rng.integers(6, 16))):
        cells = [sheet.words(1)[0].capitalize()]
        cells += [str(rng.integers(10 ** int(rng.integers(1, 6)))) for _ in range(columns - 1)]
        ends = [
            sheet.put(c, 30 + 310 * i, 60 + int(1.7 * row * sheet.size))
            for i, c in enumerate(cells)
        ]
        said.append(" ".join(c for c, end in zip(cells, ends, strict=True) if end > 0))
    return sheet.image, "\n".join(line for line in said if line)


def column_page(count: int, heading: bool = False) -> Callable[[np.random.Generator], Made]:
    """Columns side by side at 200 dpi, a fifth to half an inch apart; one may cross the top."""

    def make(rng: np.random.Generator) -> Made:
        gutter, width = int(200 * rng.uniform(0.2, 0.5)), 1500 // count
        sheet = blank(rng, 1300, 120 + count * width + (count - 1) * gutter, 20, 30)
        top, said = 60, []
        if heading:
            said += sheet.lines(60, top, sheet.ink.shape[1] - 120, 2)
            top += 4 * sheet.size
        for column in range(count):
            said += sheet.lines(60 + column * (width + gutter), top, width, 25)
        return sheet.image, "\n".join(said)

    return make


def long_line(rng: np.random.Generator) -> Made:
    sheet = blank(rng, 160, 14_000, 24, 32)
    said = " ".join(sheet.words(60))
    while sheet.put(said, 20, 90) < 0:
        said = said.rpartition(" ")[0]
    return sheet.image, said


def screen(rng: np.random.Generator) -> Made:
    """A terminal of full HD: small letters, lines from edge to edge."""
    sheet = blank(rng, 1080, 1920, 15, 17)
    said = sheet.lines(4, 4, 1900, 38, 1.5)
    return sheet.image, "\n".join(said)


def tall(rng: np.random.Generator) -> Made:
    sheet = blank(rng, 6_000, 800, 20, 24)
    said = sheet.lines(30, 20, 740, 165, 1.55)
    return sheet.image, "\n".join(said)


def paragraph(rng: np.random.Generator) -> Made:
    sheet = blank(rng, 1000, 1300, 20, 34)
    said = sheet.lines(60, 60, 1180, 16)
    return sheet.image, "\n".join(said)


def tight(rng: np.random.Generator) -> Made:
    """Two lines or more whose letters nearly touch."""
    sheet = blank(rng, 1000, 1300, 20, 34)
    said = sheet.lines(60, 60, 1180, int(rng.integers(2, 13)), rng.uniform(0.95, 1.1))
    return sheet.image, "\n".join(said)


def contents(rng: np.random.Generator) -> Made:
    """Headings, rows of dots that lead to numbers, and numbers."""
    sheet, said = blank(rng, 900, 1100, 20, 34), []
    for row in range(int(rng.integers(4, 12))):
        heading, number = sheet.words(1)[0].capitalize(), str(rng.integers(1, 200))
        y = 60 + int(1.8 * row * sheet.size)
        end = sheet.put(heading, 60, y)
        if end > 0 and sheet.put(number, 980, y) > 0:
            while 0 < end < 930:
                end = sheet.put(".", end + sheet.size // 4, y)
            said.append(f"{heading} {number}")
    return sheet.image, "\n".join(said)


def accented(rng: np.random.Generator) -> Made:
    """A paragraph in a language with accented letters."""
    sheet = blank(rng, 1000, 1300, 20, 34)
    sheet.language = ACCENTED_LANGUAGES[rng.integers(len(ACCENTED_LANGUAGES))]
    said = sheet.lines(60, 60, 1180, 16)
    return sheet.image, "\n".join(said)


def turned(quarters: int) -> Callable[[np.random.Generator], Made]:
    def make(rng: np.random.Generator) -> Made:
        image, text = paragraph(rng)
        return np.ascontiguousarray(np.rot90(image, quarters)), text

    return make


KINDS: dict[str, Callable[[np.random.Generator], Made]] = {
    "lone word": lone_word,
    "lone digit": lone_digit,
    "lone number": lone_number,
    "form": form,
    "table": table,
    "paragraph": paragraph,
    "accented letters": accented,
    "tight lines": tight,
    "contents": contents,
    "two columns": column_page(2),
    "three columns": column_page(3),
    "heading over columns": column_page(2, heading=True),
    "long line": long_line,
    "screen": screen,
    "tall page": tall,
    "turned 90": turned(1),
    "turned 180": turned(2),
    "turned 270": turned(3),
}
LONE = ("lone word", "lone digit", "lone number")


def measure(reader: Reader, kind: str, count: int) -> dict:
    """What a reader makes of pages of a kind."""
    true, read, seconds = [], [], 0.0
    for number in range(count):
        image, text = KINDS[kind](np.random.default_rng([SEED, number]))
        begun = time.perf_counter()
        read.append(page_text(reader.read(image)))
        seconds += time.perf_counter() - begun
        true.append(text)
    words = sum(len(text.split()) for text in read)
    return {
        "pages": count,
        # All of its letters, whether right or wrong: what a box that begins too late loses.
        "whole": round(
            float(np.mean([len(a) == len(b) for a, b in zip(true, read, strict=True)])), 4
        ),
        "exact": round(float(np.mean([a == b for a, b in zip(true, read, strict=True)])), 4),
        "cer": round(cer(true, read), 4),
        "mixed words": round(sum(map(mixed_words, read)) / max(words, 1), 4),
        "seconds a page": round(seconds / count, 3),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="pages of a kind; lone ones 10 times")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), help="some of them only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader, found = Reader(), {}
    for kind in args.kinds:
        found[kind] = measure(reader, kind, args.count * (10 if kind in LONE else 1))
        print(f"{kind:22}", found[kind], flush=True)
    if args.kinds == list(KINDS):
        about = {"date": date.today().isoformat(), "machine": machine()}
        content = json.dumps(about | {"kinds": found}, indent=1) + "\n"
        write_text(Path(__file__).with_suffix(".json"), content)
