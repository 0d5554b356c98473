import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.text import corpus
from cvbook.text.alphabet import (
    ALPHABET,
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
