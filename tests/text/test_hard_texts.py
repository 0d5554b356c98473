"""Texts drawn on purpose: each kind is what it says, in the words of its split."""

import re
from itertools import pairwise

import numpy as np
import pytest

from cvbook.text import corpus, hard_texts
from cvbook.text.alphabet import (
    ACCENTED,
    ACCENTED_LANGUAGES,
    ALPHABET,
    CHARACTERS,
    CYRILLIC,
    LATIN,
)


def test_short_texts_are_words_digits_and_numbers():
    rng = np.random.default_rng(0)
    said = [hard_texts.sample_short(rng, split="test") for _ in range(600)]
    assert all(set(t) <= set(ALPHABET) and t == t.strip() and t for t in said)
    assert 0.1 < np.mean([len(t) == 1 and t.isdigit() for t in said]) < 0.25
    assert 0.15 < np.mean([len(t) > 1 and t.isdigit() for t in said]) < 0.4
    words = [t.strip(":.,") for t in said if t.strip(":.,").isalpha() and len(t) > 3]
    assert len(words) > 100 and np.mean([corpus.is_held_out(w) for w in words]) > 0.9
    english = [hard_texts.sample_short(rng, "en") for _ in range(100)]
    assert not any("а" <= c.lower() <= "я" for t in english for c in t if t.isalpha())


@pytest.mark.parametrize("split", ["train", "test"])
def test_accented_texts_hold_every_letter_and_the_words_of_their_split(split):
    rng = np.random.default_rng(0)
    said = [hard_texts.sample_accented(rng, split=split) for _ in range(6000)]
    assert all(t and t == t.strip() and set(t) <= set(CHARACTERS) for t in said)
    assert set(ACCENTED + "¿¡") <= set("".join(said))
    german = [hard_texts.sample_accented(rng, "de", split) for _ in range(300)]
    known = set(corpus.vocabulary("de", split)[0])
    assert np.mean([t.lower() in known for t in german if t.isalpha()]) > 0.5
    for language in ACCENTED_LANGUAGES:
        words = corpus.sample_words(rng, 50, language, split)
        assert {corpus.is_held_out(word) for word in words} == {split == "test"}


def test_doubled_texts_have_a_character_twice_in_a_row():
    rng = np.random.default_rng(0)
    said = [hard_texts.sample_doubled(rng, split="test") for _ in range(600)]
    words = [w for t in said for w in t.lower().split() if w.isalpha()]
    assert len(words) > 400
    assert all(any(a == b for a, b in pairwise(w)) and corpus.is_held_out(w) for w in words)
    numbers = [t for t in said if t.isdigit()]
    assert 0.2 < len(numbers) / len(said) < 0.4
    assert np.mean([any(a == b for a, b in pairwise(t)) for t in numbers]) > 0.7
    assert all("а" <= c <= "ё" for c in hard_texts.sample_doubled(rng, "ru").lower() if c.isalpha())


def test_mixed_texts_have_words_of_both_scripts():
    rng = np.random.default_rng(0)
    said = [hard_texts.sample_mixed(rng, split="test") for _ in range(300)]
    assert all(set(t) <= set(ALPHABET) and t == t.strip() for t in said)
    both = [set(t) & set(LATIN) and set(t) & set(CYRILLIC) for t in said if len(t.split()) > 3]
    assert np.mean([bool(b) for b in both]) > 0.9


def test_sentences_end_and_begin_within_a_line():
    rng = np.random.default_rng(0)
    said = [hard_texts.sample_sentences(rng, split="test") for _ in range(300)]
    assert all(t and set(t) <= set(ALPHABET) and t == t.strip() for t in said)
    within = [bool(re.search(r"[.!?] [A-ZА-ЯЁ]", t)) for t in said]
    assert 0.5 < np.mean(within) < 1.0
