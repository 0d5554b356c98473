"""Make a recogniser's confidence mean something: the share of a line's characters that is right."""

import numpy as np
from sklearn.isotonic import IsotonicRegression

from cvbook.metrics.text import edit_distance
from cvbook.models.reader import Reader
from cvbook.models.recogniser import Recogniser
from cvbook.text.corpus import Split
from cvbook.text.hard_texts import sample_accented, sample_short
from cvbook.text.lines import make_line

SEED = 4_000_037  # lines that no recogniser is trained on


def share_right(text: str, reading: str) -> float:
    """What share of a reading's characters is right, 0 to 1; what is missing counts as wrong."""
    longest = max(len(text), len(reading), 1)
    return 1 - edit_distance(text, reading) / longest


def sample(n: int, seed: int = SEED, split: Split = "train") -> tuple[list[np.ndarray], list[str]]:
    """Line pictures uint8[H, W, 3] of every difficulty and their texts; a fifth has none to read.

    These stand on their head, and their text is empty: what a detector finds in a pattern, or on a
    page that lies the wrong way, looks no better.
    """
    pictures, texts = [], []
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        chance, text = rng.random(), None
        if chance < 0.3:
            text = sample_short(rng, split=split)
        elif chance < 0.45:
            text = sample_accented(rng, split=split)
        line = make_line(seed, i, split=split, text=text)
        headlong = rng.random() < 0.2
        pictures.append(np.ascontiguousarray(np.rot90(line.image, 2 if headlong else 0)))
        texts.append("" if headlong else line.text)
    return pictures, texts


def calibrate(model: Recogniser, n: int = 3000) -> list[list[float]]:
    """Points of a rising curve from the mean probability of a line's characters to what is right.

    Isotonic regression (Zadrozny and Elkan 2002) on drawn lines, thinned out.

    Returns:
        Probabilities, and the share of right characters at each; `numpy.interp` reads between.
    """
    pictures, texts = sample(n)
    model.calibration = ((0.0, 1.0), (0.0, 1.0))
    readings, sure = zip(*Reader(recogniser=model).recognise(pictures), strict=True)
    right = [share_right(t, r) for t, r in zip(texts, readings, strict=True)]
    weights = [max(len(r), 1) for r in readings]
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    curve.fit(sure, right, sample_weight=weights)
    at = np.quantile(sure, np.linspace(0, 1, 25))
    at = np.unique(np.concatenate([[0.0], at, [1.0]]).round(4))
    return [at.tolist(), curve.predict(at).round(4).tolist()]
