import pytest

from cvbook.text.alphabet import (
    ACCENTED,
    ALPHABET,
    CHARACTERS,
    encode,
    fold_typography,
    mixed_words,
    to_text,
)


def test_alphabet_has_no_character_twice():
    assert len(set(ALPHABET)) == len(ALPHABET) == 176
    # A character's place is its class in every shipped recogniser: what is new comes after.
    assert len(set(CHARACTERS)) == len(CHARACTERS) == 281 and CHARACTERS.startswith(ALPHABET)
    assert {c.upper() for c in ACCENTED if c != "ß"} < set(ACCENTED)


def test_fold_typography():
    assert fold_typography("‘‘Да’’ —  «нет»…\n") == '"Да" - "нет"...'


def test_encode_round_trip_and_unknown():
    assert to_text(encode(CHARACTERS)) == CHARACTERS and to_text(encode("naïve")) == "naïve"
    with pytest.raises(ValueError, match="outside the alphabet"):
        encode("Ωmega")


def test_words_of_both_scripts_are_counted():
    assert mixed_words("Všеgo кафe été где where 10м") == 2
