"""Words of one script and a usual shape, by the word and its line."""

import numpy as np
import pytest
import torch

from cvbook.models.decoding import greedy
from cvbook.models.word_shapes import Company, likely_words
from cvbook.text.alphabet import ALPHABET, CHARACTERS, encode, to_text


def scores(*steps: dict[str, float], classes: int = len(CHARACTERS) + 1) -> np.ndarray:
    """Probabilities of one line: a step says what it holds possible; blanks stand between."""
    found = np.full((2 * len(steps), classes), 1e-5)
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


def test_a_word_is_of_likely_words():
    race = [{"R": 1.0}, {"a": 0.6, "а": 0.4}, {"c": 0.5, "с": 0.5}, {"е": 0.7, "e": 0.3}]
    assert read(scores(*race)) != "Race" and read(likely_words(scores(*race))) == "Race"
    all_ = [
        {"B": 0.55, "В": 0.45},
        {"c": 0.6, "с": 0.4},
        {"e": 0.6, "е": 0.4},
        {"г": 0.9, "r": 0.1},
    ]
    assert read(likely_words(scores(*all_, {"o": 0.6, "о": 0.4}))) == "Всего"


@pytest.mark.parametrize("before, word", [("мир ", "ох"), ("the ", "ox")])
def test_the_line_is_a_witness(before, word):
    doubtful = [{"o": 0.5, "о": 0.5}, {"x": 0.5, "х": 0.5}]
    assert read(likely_words(scores(*sure(before), *doubtful))) == before + word


def test_so_is_the_page():
    doubtful = scores({"B": 0.55, "В": 0.45})
    for before, text in (("Порядок", "В"), ("Order", "B"), ("", "B")):
        company = Company()
        if before:
            company(scores(*sure(before)))
        assert read(company(doubtful)) == text


def test_accented_letters_are_latin_and_small_or_capital():
    word = [{"É": 0.6, "é": 0.4}, {"t": 1.0}, {"é": 1.0}]
    assert read(likely_words(scores(*sure("un "), *word))) in ("un Été", "un été")
    assert read(likely_words(scores({"ç": 1.0}, {"a": 0.4, "а": 0.6}))) == "ça"
    assert read(likely_words(scores(*sure("Straße über 5 Łódź")))) == "Straße über 5 Łódź"


def test_what_is_clear_stays():
    for text in ("Windows и Linux", "№ 12, кв. 3", "USB-кабель", "iPhone", "B2B", "", "100 %"):
        given = scores(*sure(text)) if text else np.eye(1, len(ALPHABET) + 1)
        assert read(likely_words(given)) == text


@pytest.mark.parametrize(
    "true, doubt",
    [
        ("TROUT", {2: "0"}),
        ("СПЛЮ", {2: "л"}),
        ("100", {0: "l", 1: "O"}),
        ("Olive", {0: "0", 2: "I"}),
        ("cow", {1: "O"}),
        ("110,000", {2: "o", 5: "O"}),
    ],
)
def test_a_shape_decides_what_looks_alike(true, doubt):
    steps = [{doubt[i]: 0.6, c: 0.4} if i in doubt else {c: 1.0} for i, c in enumerate(true)]
    assert read(scores(*steps)) != true and read(likely_words(scores(*steps))) == true


def test_a_recogniser_may_know_fewer_characters():
    few = len(ALPHABET) + 1
    given = scores({"R": 1.0}, {"a": 0.6, "а": 0.4}, {"c": 0.5, "с": 0.5}, classes=few)
    assert likely_words(given).shape == given.shape and read(likely_words(given)) == "Rac"
    blank = np.eye(1, few)
    assert likely_words(blank).shape == blank.shape
