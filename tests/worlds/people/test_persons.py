import numpy as np
import pytest

from cvbook.worlds.people import looks, persons, pictures


def test_a_person_stays_the_same_and_a_look_changes():
    who = persons.person(0, 11)
    assert who == persons.person(0, 11) != persons.person(1, 11)
    first, second = (looks.look(0, who, i) for i in (0, 1))
    assert first == looks.look(0, who, 0)
    assert first.truth["identity"] == second.truth["identity"] == 11
    assert first.truth["eyes"] == second.truth["eyes"]
    assert abs(first.truth["years"] - second.truth["years"]) <= 6
    assert first.body["pose"] != second.body["pose"]
    for name in ("nose-hump-incr", "chin-width-incr"):
        before, after = (look.body["local"][name] for look in (first, second))
        assert after == pytest.approx(before, rel=0.3, abs=0.02)


def test_a_population_is_balanced_by_gender_in_five_year_bins_and_splits_by_identity():
    people = [persons.person(0, n) for n in range(648)]
    every, held = np.zeros((2, 2, persons.BINS), int)
    for p in people:
        cell = int(p.gender == "female"), int(p.years // persons.BIN_YEARS)
        every[cell] += 1
        held[cell] += pictures.split_of(p.number) == "test"
    assert (every == 18).all() and held.min() >= 3 and held.max() <= 4
    tones = np.histogram([p.tone for p in people], bins=9, range=(1, 10))[0]
    assert tones.min() > 45  # even over the Monk scale
