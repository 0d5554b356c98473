"""The characters the book reads and writes: Latin, Cyrillic, digits, punctuation.

One string, in a fixed order, because a character's position in it is its class in every shipped
recogniser. The generator writes English and Russian, and draws from `ALPHABET`: one twice as large
needs about twice the training for the same error rate. The accented letters of Europe's other Latin
alphabets come after it, so that a recogniser can learn them once it knows the rest.
"""

LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
DIGITS = "0123456789"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~«»—–…№€₽°§’‘“”„©"
ALPHABET = " " + LATIN + CYRILLIC + DIGITS + PUNCTUATION
# Languages that need no other letters than these and the Latin ones.
ACCENTED_LANGUAGES = ("fr", "de", "es", "it", "pt", "pl", "cs", "hu", "ro", "sv", "da")
_SMALL = "àáâãäåăąæçćčďèéêëěęìíîïłñńňòóôõöőøœřśšșťțùúûüůűýźżž"
ACCENTED = _SMALL + _SMALL.upper() + "ß"
CHARACTERS = ALPHABET + ACCENTED + "¿¡"  # class i + 1 of the shipped recogniser

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
    latin, cyrillic = set(LATIN + ACCENTED), set(CYRILLIC)
    return sum(bool(latin & set(word)) and bool(cyrillic & set(word)) for word in text.split())


_CLASS = {c: i + 1 for i, c in enumerate(CHARACTERS)}  # class 0 is the blank of CTC


def encode(text: str) -> list[int]:
    """Classes of a text's characters; raises ValueError for one outside the alphabet."""
    unknown = set(text) - _CLASS.keys()
    if unknown:
        raise ValueError(f"{text!r} has characters outside the alphabet: {sorted(unknown)}.")
    return [_CLASS[c] for c in text]


def to_text(classes: list[int]) -> str:
    """Characters of classes (no blanks among them)."""
    return "".join(CHARACTERS[c - 1] for c in classes)
