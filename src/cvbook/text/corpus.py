"""What the synthetic lines say: words by frequency, numbers, prices, dates, addresses, codes.

Source: mailru, system S3. A held-out tenth of the vocabulary (by a hash of the word, so that it
does not depend on any seed) is reserved for evaluation: a recogniser that has learnt words by
heart, rather than letters, is found out by it.
"""

import gzip
import zlib
from functools import lru_cache
from typing import Literal

import numpy as np

from cvbook.paths import data_path
from cvbook.text.alphabet import CYRILLIC, DIGITS, LATIN, PUNCTUATION

Split = Literal["train", "test"]
LANGUAGES = ("en", "ru")
# How often each kind of line is drawn. Prose dominates real pages; the rest is what recognisers are
# worst at.
KINDS = {
    "prose": 0.56,
    "heading": 0.1,
    "number": 0.06,
    "price": 0.05,
    "date": 0.05,
    "address": 0.05,
    "code": 0.07,
    "letters": 0.06,
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}


def is_held_out(word: str) -> bool:
    """Whether a word belongs to the test vocabulary (about one in ten)."""
    return zlib.crc32(word.lower().encode()) % 10 == 0


@lru_cache
def vocabulary(language: str, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Words of a language and the cumulative probability with which they are drawn.

    Frequencies are flattened (power 0.6): with the raw ones, half of all words drawn would be the
    hundred commonest.
    """
    packed = data_path("words", f"{language}.tsv.gz").read_bytes()
    rows = [line.split("\t") for line in gzip.decompress(packed).decode().splitlines()]
    rows = [row for row in rows if is_held_out(row[0]) == (split == "test")]
    weight = np.array([float(count) for _, count in rows]) ** 0.6
    return np.array([word for word, _ in rows], dtype=object), np.cumsum(weight) / weight.sum()


def sample_words(
    rng: np.random.Generator, n: int, language: str, split: Split = "train"
) -> list[str]:
    """Draw n words independently by (flattened) frequency."""
    words, cumulative = vocabulary(language, split)
    return list(words[np.searchsorted(cumulative, rng.random(n))])


def digits(rng: np.random.Generator, n: int) -> str:
    """So many digits."""
    return "".join(map(str, rng.integers(0, 10, n)))


def prose(rng: np.random.Generator, language: str, split: Split) -> str:
    """Words with punctuation, mostly few."""
    # Most runs are short, since a step of training costs what its longest line costs; a tail is as
    # long as lines of a book.
    n = rng.integers(1, 8) if rng.random() < 0.85 else rng.integers(6, 13)
    words = sample_words(rng, int(n), language, split)
    if rng.random() < 0.35:
        words[0] = words[0].capitalize()
    opening, closing = ("«", "»") if language == "ru" else ("“", "”")
    for i in range(len(words)):
        u = rng.random()
        if u < 0.08:
            words[i] += ","
        elif u < 0.10:
            words[i] += rng.choice([";", ":", "!", "?", "…"])
        elif u < 0.12:
            word = words[i]
            quoted = [f"{opening}{word}{closing}", f'"{word}"', f"({word})"]
            words[i] = rng.choice([*quoted, f"‘{word}’", f"„{word}“"])
        elif u < 0.14:
            words[i] += rng.choice([" –", " —", " -"])
        elif u < 0.17:
            words[i] = words[i].capitalize()
        elif u < 0.19:
            joint = rng.choice(["-", "/", ".", "’", "—"])
            words[i] += f"{joint}{sample_words(rng, 1, language, split)[0]}"
        elif u < 0.21:
            words[i] = digits(rng, int(rng.integers(1, 5)))
    text = " ".join(words)
    return text + "." if rng.random() < 0.3 else text


def heading(rng: np.random.Generator, language: str, split: Split) -> str:
    """A few words in capitals, or each with a capital."""
    text = " ".join(sample_words(rng, int(rng.integers(1, 5)), language, split))
    return text.upper() if rng.random() < 0.6 else text.title()


def number(rng: np.random.Generator, language: str, split: Split) -> str:
    """A number as pages write them: with separators, a sign, a unit."""
    value = int(10 ** rng.uniform(0, 8))
    forms = (
        f"{value}",
        f"{value:,}",
        f"{value:,}".replace(",", " "),
        f"{value / 100:.2f}",
        f"№ {value % 1000}",
        f"{value % 101} %",
        f"+7 ({digits(rng, 3)}) {digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 2)}",
        f"[{value % 1000}]",
        f"§ {value % 300}",
        f"{value % 60 - 30}°C",
        f"{value % 24:02d}:{digits(rng, 2)}",
        f"1/{value % 500}",
        f"± {value % 100 / 10}".replace("±", "="),
    )
    return forms[rng.integers(len(forms))]


def price(rng: np.random.Generator, language: str, split: Split) -> str:
    """A price, now and then with what it is for."""
    value = round(float(10 ** rng.uniform(0, 4.5)), 2)
    forms = (
        f"${value:,.2f}",
        f"€{value:.2f}",
        f"{value:.0f} ₽",
        f"{value:.2f} руб.",
        f"{value:.2f} €",
        f"{value:.0f}.-",
        f"-{int(value) % 90}%",
        f"{int(value) % 9 + 1} x {value:.2f}",
    )
    text = forms[rng.integers(len(forms))]
    return f"{sample_words(rng, 1, language, split)[0]} {text}" if rng.random() < 0.4 else text


def date(rng: np.random.Generator, language: str, split: Split) -> str:
    """A date, in one of the ways of writing it."""
    day, month = int(rng.integers(1, 29)), int(rng.integers(1, 13))
    year = int(rng.integers(1900, 2040))
    name = _MONTHS[language].split()[month - 1]
    forms = (
        f"{day:02d}.{month:02d}.{year}",
        f"{year}-{month:02d}-{day:02d}",
        f"{month}/{day}/{year % 100:02d}",
        f"{day} {name} {year}",
        f"{name} {day}, {year}",
        f"{day} {name[:3]}. {year}",
        f"© {year}",
        f"{year}–{year + 7}",
        f"{year} г.",
    )
    return forms[rng.integers(len(forms))]


def address(rng: np.random.Generator, language: str, split: Split) -> str:
    """An address of the web or of a mailbox, a path, a line of code."""
    a, b = sample_words(rng, 2, "en", split)
    a, b = a.replace("'", "_"), b.replace("'", "")
    domain = rng.choice(["com", "org", "net", "ru", "io", "edu", "info"])
    forms = (
        f"{a}@{b}.{domain}",
        f"{a}.{b}{digits(rng, 2)}@mail.{domain}",
        f"www.{a}{b}.{domain}",
        f"https://{b}.{domain}/{a}?id={digits(rng, 4)}",
        f"~/{a}/{b}.txt",
        f"C:\\{a}\\{b}",
        f"#{a}_{b}",
        f"@{a}{digits(rng, 2)}",
        f"{a} = {b}[{digits(rng, 1)}];",
        f"{{{a}: {b}}}",
        f"<{a}>",
        f"{a}|{b} & {b}*{digits(rng, 1)}^2",
    )
    return forms[rng.integers(len(forms))]


def code(rng: np.random.Generator, language: str, split: Split) -> str:
    """Groups of capitals and digits, such as on a number plate."""
    letters = (LATIN if language == "en" else CYRILLIC).upper()
    pool = np.array(list(letters + 3 * DIGITS))
    groups = ["".join(rng.choice(pool, rng.integers(2, 7))) for _ in range(rng.integers(1, 4))]
    return rng.choice(["-", " ", "/", ""]).join(groups)


def letters(rng: np.random.Generator, language: str, split: Split) -> str:
    """Random strings: no language to lean on, every character about equally often."""
    alphabet = LATIN if language == "en" else CYRILLIC
    pool = np.array(list(alphabet + 2 * DIGITS + PUNCTUATION))
    groups = ["".join(rng.choice(pool, rng.integers(1, 9))) for _ in range(rng.integers(1, 4))]
    return " ".join(groups)


_MAKE = {
    "prose": prose,
    "heading": heading,
    "number": number,
    "price": price,
    "date": date,
    "address": address,
    "code": code,
    "letters": letters,
}


def sample_text(
    rng: np.random.Generator,
    language: str | None = None,
    split: Split = "train",
    max_length: int = 80,
) -> tuple[str, str, str]:
    """Draw the text of one line.

    Args:
        rng: source of randomness; the same state gives the same text.
        language: "en", "ru", or None for either with equal odds.
        split: vocabulary to draw from; "test" words never occur in "train" lines.
        max_length: longest line, in characters; longer draws are cut at a space where there is one.

    Returns:
        text (never empty, no white space at its ends), kind (a key of `KINDS`), language.
    """
    language = language or LANGUAGES[rng.integers(len(LANGUAGES))]
    edges = np.cumsum(list(KINDS.values()))
    kind = list(KINDS)[np.searchsorted(edges, rng.random() * sum(KINDS.values()))]
    text = _MAKE[kind](rng, language, split).strip()
    if len(text) > max_length:
        cut = text.rfind(" ", 1, max_length + 1)
        text = text[: cut if cut > 0 else max_length].strip()
    return text, kind, language
