import pytest

from cvbook.text.alphabet import ALPHABET, encode, fold_typography, to_text


def test_alphabet_has_no_character_twice():
    assert len(set(ALPHABET)) == len(ALPHABET) == 176


def test_fold_typography():
    assert fold_typography("‘‘Да’’ —  «нет»…\n") == '"Да" - "нет"...'


def test_encode_round_trip_and_unknown():
    assert to_text(encode(ALPHABET)) == ALPHABET
    with pytest.raises(ValueError, match="outside the alphabet"):
        encode("naïve")
