"""One script a word, by the word and its line."""

import numpy as np
import pytest
import torch

from cvbook.models.decoding import greedy
from cvbook.models.scripts import one_script
from cvbook.text.alphabet import ALPHABET, encode, to_text


def scores(*steps: dict[str, float]) -> np.ndarray:
    """Probabilities of one line: a step says what it holds possible; blanks stand between."""
    found = np.full((2 * len(steps), len(ALPHABET) + 1), 1e-5)
    found[1::2, 0] = 1
    for row, step in zip(found[::2], steps, strict=True):
        for c, p in step.items():
            row[encode(c)[0]] = p
    return found / found.sum(1, keepdims=True)


def read(probabilities: np.ndarray) -> str:

    return to_text(
        greedy(torch.from_numpy(probabilities)[None], torch.tensor([len(probabilities)]))[0]
    )


def sure(text: str) -> list[dict[str, float]]:
    return [{c: 1.0} for c in text]


def test_a_word_is_of_one_script():
    race = [{"R": 1.0}, {"a": 0.6, "а": 0.4}, {"c": 0.5, "с": 0.5}, {"е": 0.7, "e": 0.3}]
    assert read(scores(*race)) != "Race" and read(one_script(scores(*race))) == "Race"
    all_ = [
        {"B": 0.55, "В": 0.45},
        {"c": 0.6, "с": 0.4},
        {"e": 0.6, "е": 0.4},
        {"г": 0.9, "r": 0.1},
    ]
    assert read(one_script(scores(*all_, {"o": 0.6, "о": 0.4}))) == "Всего"


@pytest.mark.parametrize("before, word", [("мир ", "он"), ("the ", "oH")])
def test_the_line_is_a_witness(before, word):
    doubtful = [{"o": 0.5, "о": 0.5}, {"H": 0.5, "н": 0.5}]
    assert read(one_script(scores(*sure(before), *doubtful))) == before + word


def test_what_is_clear_stays():
    for text in ("Windows и Linux", "№ 12, кв. 3", "USB-кабель", "A4Б", "", "100 %"):
        given = scores(*sure(text)) if text else np.eye(1, len(ALPHABET) + 1)
        assert read(one_script(given)) == text
