"""Make the word lists of this folder from the `wordfreq` package (data CC BY-SA 4.0).

A line is word <tab> occurrences per 10⁹ words.
"""

import gzip
import re
from pathlib import Path

import wordfreq

from cvbook.text.alphabet import ACCENTED, ACCENTED_LANGUAGES

LETTERS = {"en": re.compile(r"[a-z]+(?:['-][a-z]+)?"), "ru": re.compile(r"[а-яё]+(?:-[а-яё]+)?")}
LETTERS |= dict.fromkeys(ACCENTED_LANGUAGES, re.compile(f"[a-z{ACCENTED}]+"))
for language, pattern in LETTERS.items():
    most = 3_500 if language in ACCENTED_LANGUAGES else 24_000
    words = [w for w in wordfreq.top_n_list(language, 40_000) if pattern.fullmatch(w)][:most]
    rows = (f"{word}\t{round(1e9 * wordfreq.word_frequency(word, language))}\n" for word in words)
    target = Path(__file__).parent / f"{language}.tsv.gz"
    target.write_bytes(gzip.compress("".join(rows).encode(), mtime=0))
    print(target.name, len(words), "words")
