"""The pictures of print that ship with the book, and the fair scoring of any reader on them.

Six real scans were looked at while the generator of text was written. The unseen pages were not:
other people's texts, fonts, layout code and simulated wear, made by `data/pages/build.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cvbook.images import load_image
from cvbook.metrics.pages import page_edits
from cvbook.paths import data_path
from cvbook.text.alphabet import fold_typography


@dataclass(frozen=True)
class Scan:
    """A picture of printed text.

    Attributes:
        file: name under `data/` and the folder.
        title, language, source, licence: what it is.
        lines: its transcription, line by line as printed.
        ignore: rectangles (x0, y0, x1, y1), pixels, with text cut off by the border; nobody is
            scored on them.
        folder: "scans", or "pages" for the unseen ones, of which the rest is known.
        layout, font, points, dpi: how the page was set, and how finely it was drawn.
        seed: which draw of its wear it shows.
    """

    file: str
    title: str
    language: str
    source: str
    licence: str
    lines: list[str]
    ignore: list[list[int]] = field(default_factory=list)
    folder: str = "scans"
    layout: str = ""
    font: str = ""
    points: float = 0.0
    dpi: int = 0
    seed: int = 0

    @property
    def image(self) -> np.ndarray:
        """uint8[H, W, 3]."""
        if self.folder == "pages":
            return load_image(data_path("pages", self.file))
        return load_image(data_path("scans", self.file))

    def counts(self, corners: np.ndarray) -> bool:
        """Whether a line that was read at corners float32[4, 2] is scored.

        It is where its middle lies in no ignored rectangle.
        """
        x, y = corners.mean(0)
        return not any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in self.ignore)

    @property
    def truth(self) -> list[str]:
        """Its lines with typographic variants folded, as they are scored."""
        return [fold_typography(line) for line in self.lines]

    @property
    def characters(self) -> int:
        """How many the truth has."""
        return len(" ".join(self.truth))

    def edits(self, read: Sequence[tuple[str, np.ndarray]]) -> int:
        """Edits of what was read, (text, corners float32[4, 2]) a line: one rule for all engines.

        Dashes and quotes are folded, ignored rectangles left out; `page_edits` says what order
        costs.
        """
        lines = [fold_typography(text) for text, corners in read if self.counts(corners)]
        return page_edits(self.truth, lines)


def scans() -> list[Scan]:
    """The six real scans, which were looked at."""
    return [Scan(**row) for row in json.loads(data_path("scans", "scans.json").read_text())]


def pages() -> list[Scan]:
    """The unseen pages: half English, half Russian, in as many of each layout."""
    rows = json.loads(data_path("pages", "pages.json").read_text())
    return [Scan(**row, folder="pages") for row in rows]
