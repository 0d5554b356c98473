import numpy as np
import pytest

from cvbook.labels.balance import balanced, cells


def skewed(n=4000):
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(33, 18, n), 0, 94), rng.choice(["female", "male"], n, p=[0.3, 0.7])


def test_every_cell_has_the_same_number_and_nobody_is_drawn_twice():
    years, gender = skewed()
    drawn = balanced(years, gender, 8, np.random.default_rng(1))
    bins, group = cells(years[drawn], gender[drawn])
    assert len(set(drawn)) == len(drawn) and (np.bincount(2 * bins + group) == 8).all()
    assert np.array_equal(drawn, balanced(years, gender, 8, np.random.default_rng(1)))


def test_a_bin_that_is_too_small_is_named():
    years, gender = skewed()
    hole = ~((years > 20) & (years < 25) & (gender == "female"))
    with pytest.raises(ValueError, match="aged 20 to 25: 0 of a gender, 8 are wanted"):
        balanced(years[hole], gender[hole], 8, np.random.default_rng(0))
    with pytest.raises(ValueError, match="wanted"):
        balanced(years, gender, 3000, np.random.default_rng(0))


def test_missing_ages_and_one_gender_are_refused():
    with pytest.raises(ValueError, match="age is missing"):
        balanced(np.array([3.0, np.nan]), np.array(["f", "m"]), 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="same gender"):
        balanced(np.array([3.0, 4.0]), np.array(["f", "f"]), 1, np.random.default_rng(0))
