"""Texts that a recogniser finds hard, drawn on purpose where the corpus holds too few of them.

What stands alone, accented letters, a letter twice in a row, the end of a sentence within a line,
both scripts side by side.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from cvbook.text.alphabet import ACCENTED, ACCENTED_LANGUAGES, CYRILLIC, LATIN
from cvbook.text.corpus import (
    LANGUAGES,
    Split,
    code,
    date,
    digits,
    heading,
    number,
    price,
    prose,
    sample_words,
    vocabulary,
)


def drawn(rng: np.random.Generator, languages: tuple[str, ...]) -> str:
    """One of several languages, each as likely."""
    return languages[rng.integers(len(languages))]


def sample_short(
    rng: np.random.Generator, language: str | None = None, split: Split = "train"
) -> str:
    """Draw what stands alone in forms, tables, receipts and labels: a word, a digit, a number.

    Args:
        as `sample_text`.
    """
    language = language or drawn(rng, LANGUAGES)
    u = rng.random()
    if u < 0.34:
        word = sample_words(rng, 1, language, split)[0]
        word = (word, word.capitalize(), word.upper())[rng.integers(3)]
        return word + rng.choice([":", ".", ","]) if rng.random() < 0.15 else word
    if u < 0.50:
        return digits(rng, 1)
    if u < 0.70:
        return digits(rng, int(rng.integers(2, 7)))
    if u < 0.78:
        letters = LATIN if language == "en" else CYRILLIC
        return letters[rng.integers(len(letters))]
    if u < 0.84:  # digits that repeat are what CTC loses
        return str(rng.integers(1, 10)) + str(rng.integers(10)) * int(rng.integers(2, 6))
    make = (number, price, date, code)[rng.integers(4)]
    return make(rng, language, split).strip()


def sample_accented(
    rng: np.random.Generator, language: str | None = None, split: Split = "train"
) -> str:
    """Draw a text of another European language: prose, a heading, or letters at random.

    Args:
        language: one of `ACCENTED_LANGUAGES`; None draws it.
        rng, split: as `sample_text`.
    """
    language = language or drawn(rng, ACCENTED_LANGUAGES)
    u = rng.random()
    if u < 0.7:
        text = prose(rng, language, split)
        return f"¿{text}?" if language == "es" and rng.random() < 0.1 else text
    if u < 0.85:
        return heading(rng, language, split)
    pool = np.array(list(LATIN + 2 * ACCENTED + "¿¡"))
    groups = ["".join(rng.choice(pool, rng.integers(1, 9))) for _ in range(rng.integers(1, 4))]
    return " ".join(groups)


@lru_cache
def _doubled_words(language: str, split: Split) -> tuple[np.ndarray, np.ndarray]:
    words, cumulative = vocabulary(language, split)
    double = np.array([any(a == b for a, b in pairwise(word)) for word in words])
    odds = np.diff(cumulative, prepend=0) * double
    return words[double], np.cumsum(odds[double]) / odds.sum()


def sample_doubled(
    rng: np.random.Generator, language: str | None = None, split: Split = "train"
) -> str:
    """Draw what CTC loses most easily: words and numbers with one character twice in a row.

    Args:
        as `sample_text`.
    """
    if rng.random() < 0.3:
        return "".join(digits(rng, 1) * int(rng.integers(1, 4)) for _ in range(rng.integers(1, 4)))
    words, cumulative = _doubled_words(language or drawn(rng, LANGUAGES), split)
    text = " ".join(words[np.searchsorted(cumulative, rng.random(rng.integers(1, 5)))])
    return (text, text.title(), text.upper())[rng.integers(3)]


def sample_sentences(
    rng: np.random.Generator, language: str | None = None, split: Split = "train"
) -> str:
    """Draw several short sentences: a line may hold the end of one and the beginning of the next.

    Args:
        as `sample_text`.
    """
    language = language or drawn(rng, LANGUAGES)
    said = []
    for _ in range(rng.integers(2, 5)):
        words = sample_words(rng, int(rng.integers(1, 7)), language, split)
        if rng.random() < 0.3:
            u, at = rng.random(), int(rng.integers(len(words)))
            if u < 0.4:
                words[at] = str(rng.integers(1, 10)) * int(rng.integers(1, 3))
            elif u < 0.6:
                words[at] = digits(rng, int(rng.integers(1, 5)))
            elif u < 0.8:
                words[at] = f"{rng.integers(24)}:{rng.integers(60):02d}"
            else:
                words[at] = code(rng, language, split)
        if rng.random() < 0.3:
            words[rng.integers(len(words))] += ","
        sentence = " ".join(words).rstrip(",")
        said.append(sentence[0].upper() + sentence[1:] + rng.choice([*".....", "!", "?", ";", ":"]))
    text = " ".join(said)
    # Most lines begin or end within a sentence.
    words = text.split()
    first, last = sorted(rng.integers(0, len(words) + 1, 2)) if len(words) > 6 else (0, len(words))
    return " ".join(words[first:last] if last - first > 3 else words)


def sample_mixed(rng: np.random.Generator, split: Split = "train") -> str:
    """Draw prose with words of the other language in it, such as "скачайте PDF" or "USB-кабель".

    Args:
        rng, split: as `sample_text`.
    """
    own = int(rng.integers(2))
    words = prose(rng, LANGUAGES[own], split).split()
    for _ in range(rng.integers(1, 4)):
        word = sample_words(rng, 1, LANGUAGES[1 - own], split)[0]
        word = (word, word.capitalize(), word.upper())[rng.integers(3)]
        at, way = int(rng.integers(len(words))), rng.random()
        if way < 0.2:
            words[at] = f"{word}-{words[at]}"
        elif way < 0.7:
            words[at] = word
        else:
            words.insert(at, word)
    return " ".join(words)
