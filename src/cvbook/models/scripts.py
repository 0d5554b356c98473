"""One script a word: Latin and Cyrillic share a dozen letters, told apart by their company only."""

import numpy as np

from cvbook.text.alphabet import ALPHABET, CYRILLIC, LATIN

COMPANY = 0.5  # how much a mean letter of the line counts in what a word is
# Of each class of a recogniser, blank first: is it a letter of the script?
_LATIN, _CYRILLIC = (
    np.array([False, *(c in letters for c in ALPHABET)]) for letters in (LATIN, CYRILLIC)
)


def one_script(probabilities: np.ndarray) -> np.ndarray:
    """A line's probabilities without those letters that would mix scripts within a word.

    Which script a word is in is decided over all of its letters, with the rest of its line as a
    witness: "Bcero" looks like Latin letter by letter, and is Russian.

    Args:
        probabilities: float[T, classes], of one line, class 0 the blank.

    Returns:
        The same, with zeros for the letters of the other script where a word is.
    """
    best = probabilities.argmax(1)
    letter = _LATIN[best] | _CYRILLIC[best]
    if not letter.any():
        return probabilities
    # Words end where something is written that is no letter: a space, a digit, a comma.
    number = np.cumsum((best != 0) & ~letter)
    allowed = [np.where(foreign, 0, probabilities) for foreign in (_CYRILLIC, _LATIN)]
    # How much more likely each letter is if it is Latin. What is clear counts, but not endlessly.
    first, second = (np.log(way.max(1) + 1e-2) for way in allowed)
    more = (first - second)[letter]
    latin = np.bincount(number[letter], more, number[-1] + 1) + COMPANY * more.mean() >= 0
    latin = latin[number]
    one, other = allowed
    return np.where(latin[:, None], one, other)
