"""The characters the book reads and writes: Latin, Cyrillic, digits, punctuation.

One string, in a fixed order, because a character's position in it is its class in every shipped
recogniser. Accented Latin letters and scripts other than these two are left out on purpose: a
generator can only teach what it draws, and an alphabet twice as large needs about twice the
training for the same error rate.
"""

LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
DIGITS = "0123456789"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~«»—–…№€₽°§’‘“”„©"
ALPHABET = " " + LATIN + CYRILLIC + DIGITS + PUNCTUATION

# Characters that a reader without context cannot tell apart; errors on them are counted apart from
# the rest.
_ALIKE = """
iIl1|! oO0оО° aа cCсС eе pPрР xXхХ yYуУ AА BВ EЕ HН KК MМ TТ
3ЗзЭэ sS5 vV wW zZ2 kк mм -–— '’‘ "“”„ ., 4Ч 6б
"""
LOOKALIKES = tuple(_ALIKE.split())

# Typographic variants that a transcriber writes one way or the other. Scores on scans fold them
# together, as OCR evaluations do; the recogniser still tells them apart.
_FOLD = str.maketrans("—–’‘“”„«»", "--''" + 5 * '"') | {ord("…"): "..."}


def fold_typography(text: str) -> str:
    """Fold dashes, quotes and the ellipsis to ASCII, and runs of white space to one space.

    Doubled single quotes become one double quote.
    """
    return " ".join(text.translate(_FOLD).replace("''", '"').split())


def mixed_words(text: str) -> int:
    """How many of a text's words have letters of both scripts."""
    return sum(bool(set(w) & set(LATIN)) and bool(set(w) & set(CYRILLIC)) for w in text.split())


_CLASS = {c: i + 1 for i, c in enumerate(ALPHABET)}  # class 0 is the blank of CTC


def encode(text: str) -> list[int]:
    """Classes of a text's characters; raises ValueError for one outside the alphabet."""
    unknown = set(text) - _CLASS.keys()
    if unknown:
        raise ValueError(f"{text!r} has characters outside the alphabet: {sorted(unknown)}.")
    return [_CLASS[c] for c in text]


def to_text(classes: list[int]) -> str:
    """Characters of classes (no blanks among them)."""
    return "".join(ALPHABET[c - 1] for c in classes)
