"""The real scans that ship with the book, and the fair scoring of any reader on them."""

import json
from dataclasses import dataclass

import numpy as np

from cvbook.images import load_image
from cvbook.paths import data_path


@dataclass(frozen=True)
class Scan:
    """A real picture of printed text.

    Attributes:
        file: name under `data/scans`.
        title, language, source, licence: what it is.
        lines: its transcription, line by line as printed.
        ignore: rectangles (x0, y0, x1, y1), pixels, with text cut off by the border; nobody is
            scored on them.
    """

    file: str
    title: str
    language: str
    source: str
    licence: str
    lines: list[str]
    ignore: list[list[int]]

    @property
    def image(self) -> np.ndarray:
        """uint8[H, W, 3]."""
        return load_image(data_path("scans", self.file))

    def counts(self, corners: np.ndarray) -> bool:
        """Whether a line that was read at corners float32[4, 2] is scored.

        It is where its middle lies in no ignored rectangle.
        """
        x, y = corners.mean(0)
        return not any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in self.ignore)


def scans() -> list[Scan]:
    """All shipped scans."""
    return [Scan(**row) for row in json.loads(data_path("scans", "scans.json").read_text())]
