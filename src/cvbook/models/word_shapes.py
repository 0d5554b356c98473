"""What words look like: one script each, small, capital or with a capital first, or digits.

A recogniser decides letter by letter, and some letters cannot be told apart that way: o and O and
0, Latin c and Cyrillic с, which differ in size or in nothing at all. Their company tells.
"""

from dataclasses import dataclass

import numpy as np

from cvbook.text.alphabet import ACCENTED, CHARACTERS, CYRILLIC, DIGITS, LATIN, LOOKALIKES

COMPANY = 0.5  # how much a mean letter of the company counts in which script a word is
# What a word of unusual shape must be worth, in log probability: iPhone, B2B. Chosen on lines in
# the training fonts.
UNUSUAL = 2.0
FLOOR = 1e-2  # what is clear counts, but not endlessly


def _classes(characters: str) -> np.ndarray:
    """Which classes of a recogniser, blank first, are among some characters: bool[classes]."""
    return np.array([False, *(c in characters for c in CHARACTERS)])


_LETTERS = (LATIN + ACCENTED, CYRILLIC)
_SCRIPTS = [_classes(letters + DIGITS) for letters in _LETTERS]
# For each script: small letters, capitals.
_CASES = [
    [_classes("".join(c for c in letters if change(c) == c)) for change in (str.lower, str.upper)]
    for letters in _LETTERS
]
_DIGIT, _WORDY = _classes(DIGITS), _classes("".join(_LETTERS) + DIGITS)
_LETTER = _WORDY & ~_DIGIT
# Small letters that are their capitals, only smaller.
_SMALLER = "coksuvwxzpвгджзийклмнопстухцчшщъыьэюяçćčòóôõöőøœśšșùúûüűůźżž"


def _twins() -> np.ndarray:
    """For each class the number of its group: what cannot be told apart on its own has the same."""
    group = np.arange(len(CHARACTERS) + 1)
    for alike in (*LOOKALIKES, *(c + c.upper() for c in _SMALLER)):
        own = group[[CHARACTERS.index(c) + 1 for c in alike]]
        group[np.isin(group, own)] = own.min()
    return group


_TWINS = _twins()


@dataclass
class Company:
    """The letters read so far, as witnesses of which script is usual on a page.

    Attributes:
        latin: sum of log probability ratios, Latin against Cyrillic, of all letters.
        letters: how many.
    """

    latin: float = 0.0
    letters: int = 0

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """`likely_words` of the page's next line."""
        return likely_words(probabilities, self)


def likely_words(probabilities: np.ndarray, company: Company | None = None) -> np.ndarray:
    """A line's probabilities without those characters that would make its words unlikely.

    For each word, a run of letters and digits, every usual shape is weighed against the best that
    the recogniser sees, over all of its characters. Letters of both scripts in one word never stay;
    other unusual shapes do if they are clear.

    Args:
        probabilities: float[T, classes], of one line, class 0 the blank. A recogniser may know
            fewer characters than there are.
        company: lines of the same page, which this one joins; None for a line by itself.

    Returns:
        The same, with zeros for the characters that a word's shape excludes. Their probability goes
        to what is written instead if it looks the same.
    """
    classes = probabilities.shape[1]
    probabilities = np.pad(probabilities, ((0, 0), (0, len(_WORDY) - classes)))
    best = probabilities.argmax(1)
    here = _WORDY[best]  # steps that write a letter or a digit
    if not here.any():
        return probabilities[:, :classes]
    # Words end where something else is written: a space, a comma.
    word = np.cumsum((best != 0) & ~here)
    words = word[-1] + 1
    # The first character of each word may last for several steps.
    order = np.cumsum(here & (np.concatenate([[0], best[:-1]]) != best))
    starts = np.full(words, np.iinfo(int).max)
    np.minimum.at(starts, word[here], order[here])
    first = here & (order == starts[word])

    def weight(allowed: np.ndarray) -> np.ndarray:
        """Log probability of the best allowed class at each step."""
        return np.log(np.where(allowed, probabilities, 0).max(1) + FLOOR)

    def total(steps: np.ndarray) -> np.ndarray:
        return np.bincount(word, steps * here, words)

    latin, cyrillic = (weight(allowed) for allowed in _SCRIPTS)
    letter = _LETTER[best]
    company = company or Company()
    company.latin += float((latin - cyrillic)[letter].sum())
    company.letters += int(letter.sum())
    lean = COMPANY * company.latin / max(company.letters, 1)
    shapes, scores = [], []
    for script, allowed, bonus in zip(_CASES, _SCRIPTS, (lean, 0.0), strict=True):
        small, capital = (weight(case) for case in script)
        shapes += [
            np.broadcast_to(script[0], probabilities.shape),
            np.broadcast_to(script[1], probabilities.shape),
            np.where(first[:, None], script[1], script[0]),
            np.broadcast_to(allowed, probabilities.shape),
        ]
        scores += [
            total(small) + bonus,
            total(capital) + bonus,
            total(np.where(first, capital, small)) + bonus,
            total(weight(allowed)) + bonus - UNUSUAL,
        ]
    shapes.append(np.broadcast_to(_DIGIT, probabilities.shape))
    scores.append(total(weight(_DIGIT)))
    chosen = np.argmax(scores, 0)[word]  # a shape for each step
    allowed = np.stack([shapes[k][t] for t, k in enumerate(chosen)])
    found = np.where(allowed | ~_WORDY, probabilities, 0)
    written, steps = found.argmax(1), np.arange(len(best))
    alike = _TWINS[written][:, None] == _TWINS
    found[steps, written] += ((probabilities - found) * alike).sum(1)
    return found[:, :classes]
