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


@pytest.mark.parametrize("judge", [evaluate, by_bin])
@pytest.mark.parametrize(
    ("age", "truth", "sentence"),
    [
        ([], [], "nobody"),
        ([30.0, np.nan], [30, 31], "estimated age is not finite"),
        ([30.0, 31], [30, np.nan], "true age is not finite"),
        ([30.0, 31], [np.inf, 31], "true age is not finite"),
        ([30.0, 31], [30], "an estimate for each"),  # one truth would stand for all
        ([[30.0]], [[31]], "an estimate for each"),
    ],
)
def test_ages_that_cannot_be_judged_are_refused(judge, age, truth, sentence):
    with pytest.raises(ValueError, match=sentence):
        judge(np.array(age), np.array(truth))


def test_genders_that_cannot_be_judged():
    age = np.array([30.0, 40])
    unknown = evaluate(age, age, [np.nan, np.nan], [True, False])  # a model without gender
    assert np.isnan(unknown.gender) and unknown.mae == 0
    for male, truth, sentence in (
        ([0.9, np.nan], [True, False], "probability of male is nan"),
        ([0.9], [True, False], "as many genders"),
        ([0.9, 0.1], [True], "as many genders"),
        ([0.9, 0.1], [1.0, np.nan], "neither true nor false"),
    ):
        with pytest.raises(ValueError, match=sentence):
            evaluate(age, age, male, truth)


def test_bins_and_ranges_that_are_none_are_refused():
    for width in (0, -5, np.nan, np.inf):
        with pytest.raises(ValueError, match="above 0"):
            by_bin(np.array([3.0]), np.array([4.0]), width)
    for edges in ((), (0, 5, 3), (0, 0)):
        with pytest.raises(ValueError, match="must rise"):
            in_range(np.array([3.0]), edges)
    with pytest.raises(ValueError, match="no range"):
        in_range(np.array([3.0, np.nan]), (0, 5))
