import numpy as np

from cvbook.worlds.people import persons, pictures


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
