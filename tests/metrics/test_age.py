import numpy as np
import pytest

from cvbook.data.age_annotations import RANGES
from cvbook.metrics.age import by_bin, evaluate, in_range


def test_by_hand():
    result = evaluate([10, 25, 40.0], [12, 20, 50], [0.9, 0.2, 0.5], [True, True, True])
    assert (result.mae, result.cs5, result.gender) == pytest.approx((17 / 3, 2 / 3, 2 / 3))
    assert result.count == 3
    assert np.isnan(evaluate([1.0], [1]).gender)


def test_an_error_of_five_years_counts_whatever_the_rounding():
    assert evaluate([0.1 + 0.2 + 5], [0.3]).cs5 == 1


@pytest.mark.parametrize(("age", "sentence"), [([], "nobody"), ([np.nan], "not finite")])
def test_bad_estimates(age, sentence):
    with pytest.raises(ValueError, match=sentence):
        evaluate(age, np.zeros(len(age)))


def test_bins():
    edge, error, count = by_bin(np.array([1.0, 6, 8, 31]), np.array([3.0, 5, 9, 30]), 5)
    assert edge.tolist() == [0, 5, 30]
    assert error.tolist() == [2, 1, 1]
    assert count.tolist() == [1, 2, 1]


def test_ranges_as_the_authors_round_them():
    years = np.array([-3, 0, 3.4, 3.6, 56.6, 99])
    assert in_range(years, RANGES["Adience"]).tolist() == [0, 0, 0, 1, 7, 7]
    assert in_range(np.array([2.6, 9.4, 69.6, 120]), RANGES["FairFace"]).tolist() == [1, 1, 8, 8]


PUBLISHED = {
    "Adience": "0-2 4-6 8-12 15-20 25-32 38-43 48-53 60-100",
    "FairFace": "0-2 3-9 10-19 20-29 30-39 40-49 50-59 60-69 70-120",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_middle_of_every_published_range_lies_in_it(name):
    ranges = [[int(end) for end in label.split("-")] for label in PUBLISHED[name].split()]
    assert in_range(np.mean(ranges, 1), RANGES[name]).tolist() == list(range(len(ranges)))
