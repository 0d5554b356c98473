import re
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.text import corpus
from cvbook.text.alphabet import (
    ACCENTED,
    ACCENTED_LANGUAGES,
    ALPHABET,
    CHARACTERS,
    CYRILLIC,
    LATIN,
)


@pytest.mark.parametrize("language", corpus.LANGUAGES)
def test_vocabularies_are_disjoint_and_probabilities_sum_to_one(language):
    train, cumulative = corpus.vocabulary(language, "train")
    test, _ = corpus.vocabulary(language, "test")
    assert not set(train) & set(test)
    assert 0.05 < len(test) / (len(train) + len(test)) < 0.15
    assert cumulative[-1] == pytest.approx(1) and (np.diff(cumulative) > 0).all()


def test_held_out_is_decided_by_the_word_alone():
    for word in ("Table", "table", "TABLE"):
        assert corpus.is_held_out(word) == (zlib.crc32(b"table") % 10 == 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["train", "test"]))
def test_texts_are_never_empty_or_padded_and_stay_in_the_alphabet(seed, split):
    rng = np.random.default_rng(seed)
    text, kind, language = corpus.sample_text(rng, split=split, max_length=30)
    assert text and text == text.strip() and len(text) <= 30
    assert set(text) <= set(ALPHABET), (text, set(text) - set(ALPHABET))
    assert kind in corpus.KINDS and language in corpus.LANGUAGES


@pytest.mark.parametrize("split", ["train", "test"])
def test_lines_use_the_words_of_their_split_only(split):
    draws = (corpus.sample_words(np.random.default_rng(i), 5, "en", split) for i in range(300))
    words = {word for drawn in draws for word in drawn}
    assert len(words) > 100
    assert {corpus.is_held_out(word) for word in words} == {split == "test"}


def test_short_texts_are_words_digits_and_numbers():
    rng = np.random.default_rng(0)
    said = [corpus.sample_short(rng, split="test") for _ in range(600)]
    assert all(set(t) <= set(ALPHABET) and t == t.strip() and t for t in said)
    assert 0.1 < np.mean([len(t) == 1 and t.isdigit() for t in said]) < 0.25
    assert 0.15 < np.mean([len(t) > 1 and t.isdigit() for t in said]) < 0.4
    words = [t.strip(":.,") for t in said if t.strip(":.,").isalpha() and len(t) > 3]
    assert len(words) > 100 and np.mean([corpus.is_held_out(w) for w in words]) > 0.9
    english = [corpus.sample_short(rng, "en") for _ in range(100)]
    assert not any("а" <= c.lower() <= "я" for t in english for c in t if t.isalpha())


@pytest.mark.parametrize("split", ["train", "test"])
def test_accented_texts_hold_every_letter_and_the_words_of_their_split(split):
    rng = np.random.default_rng(0)
    said = [corpus.sample_accented(rng, split=split) for _ in range(6000)]
    assert all(t and t == t.strip() and set(t) <= set(CHARACTERS) for t in said)
    assert set(ACCENTED + "¿¡") <= set("".join(said))
    german = [corpus.sample_accented(rng, "de", split) for _ in range(300)]
    known = set(corpus.vocabulary("de", split)[0])
    assert np.mean([t.lower() in known for t in german if t.isalpha()]) > 0.5
    for language in ACCENTED_LANGUAGES:
        words = corpus.sample_words(rng, 50, language, split)
        assert {corpus.is_held_out(word) for word in words} == {split == "test"}


def test_doubled_texts_have_a_character_twice_in_a_row():
    rng = np.random.default_rng(0)
    said = [corpus.sample_doubled(rng, split="test") for _ in range(600)]
    words = [w for t in said for w in t.lower().split() if w.isalpha()]
    assert len(words) > 400
    assert all(any(a == b for a, b in pairwise(w)) and corpus.is_held_out(w) for w in words)
    numbers = [t for t in said if t.isdigit()]
    assert 0.2 < len(numbers) / len(said) < 0.4
    assert np.mean([any(a == b for a, b in pairwise(t)) for t in numbers]) > 0.7
    assert all("а" <= c <= "ё" for c in corpus.sample_doubled(rng, "ru").lower() if c.isalpha())


def test_mixed_texts_have_words_of_both_scripts():
    rng = np.random.default_rng(0)
    said = [corpus.sample_mixed(rng, split="test") for _ in range(300)]
    assert all(set(t) <= set(ALPHABET) and t == t.strip() for t in said)
    both = [set(t) & set(LATIN) and set(t) & set(CYRILLIC) for t in said if len(t.split()) > 3]
    assert np.mean([bool(b) for b in both]) > 0.9


def test_sentences_end_and_begin_within_a_line():
    rng = np.random.default_rng(0)
    said = [corpus.sample_sentences(rng, split="test") for _ in range(300)]
    assert all(t and set(t) <= set(ALPHABET) and t == t.strip() for t in said)
    within = [bool(re.search(r"[.!?] [A-ZА-ЯЁ]", t)) for t in said]
    assert 0.5 < np.mean(within) < 1.0
