import numpy as np
import pytest
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.metrics import ndcg_score, roc_curve

from cvbook.metrics.retrieval import (
    by_class,
    chance,
    compactness,
    graded,
    pair_scores,
    queries,
    ranking,
    retrieval,
    tar_at_far,
)


def embeddings(seed=0, n=120, classes=15, spread=0.9):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    x = rng.normal(size=(classes, 12))[y] + spread * rng.normal(size=(n, 12))
    return x.astype(np.float32), y


@pytest.mark.parametrize("seed", range(3))
def test_parity_with_pytorch_metric_learning(seed):
    x, y = embeddings(seed)
    counted = np.bincount(y)[y] > 1
    x, y = x[counted], y[counted]
    ours = retrieval(x, y)
    wanted = ("precision_at_1", "mean_average_precision_at_r")
    nearest = CustomKNN(CosineSimilarity())
    calculator = AccuracyCalculator(include=wanted, k="max_bin_count", knn_func=nearest)
    theirs = calculator.get_accuracy(x, y)
    assert ours["recall@1"] == pytest.approx(theirs["precision_at_1"], abs=1e-6)
    assert ours["map@r"] == pytest.approx(theirs["mean_average_precision_at_r"], abs=1e-6)
    assert ours["recall@1"] <= ours["recall@5"] <= ours["recall@10"]


def test_by_hand():
    x = np.array([[1, 0], [0.99, 0.1], [0.9, 0.5], [0, 1.0]])
    result = retrieval(x, np.array([0, 1, 0, 2]), ks=(1, 2))
    # R is 1, and the first result is wrong both times.
    assert result == {"recall@1": 0.0, "recall@2": 1.0, "map@r": 0.0, "queries": 2}


def test_ranking_is_that_of_cosines_and_never_holds_oneself():
    x, _ = embeddings(n=40)
    x *= np.random.default_rng(1).uniform(0.1, 9, (40, 1))  # lengths play no part
    order, unit = ranking(x), x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = unit @ unit.T
    for i in range(40):
        others = [j for j in range(40) if j != i]
        assert order[i].tolist() == sorted(others, key=lambda j: -cosine[i, j])
    assert ranking(np.ones((4, 3)))[2].tolist() == [0, 1, 3]  # the same vector four times


def test_perfect_and_lonely():
    y = np.repeat(np.arange(5), 4)
    assert retrieval(np.eye(5)[y], y)["map@r"] == 1
    with pytest.raises(ValueError, match="No class has two pictures"):
        retrieval(np.eye(5), np.arange(5))
    with pytest.raises(ValueError, match="not finite"):
        retrieval(np.full((4, 2), np.nan), np.zeros(4))


def test_true_accepts_are_those_of_a_roc_curve():
    same, different = pair_scores(*embeddings(n=300))
    truth = np.r_[np.ones(len(same)), np.zeros(len(different))]
    far, tar, _ = roc_curve(truth, np.r_[same, different], drop_intermediate=False)
    for wanted in (1e-3, 1e-2, 0.1):
        expected = tar[np.flatnonzero(far <= wanted)[-1]]
        assert tar_at_far(same, different, wanted) == pytest.approx(expected, abs=2 / len(same))


def test_a_rate_that_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="needs 1000 pairs"):
        tar_at_far(np.ones(10), np.zeros(999), 1e-3)


def test_compactness():
    x, y = embeddings(spread=0.1)
    assert compactness(x, y) < 0.3
    assert 0.9 < compactness(x, np.random.default_rng(0).permutation(y)) < 1.1


def test_chance_is_what_random_orders_reach():
    rng = np.random.default_rng(0)
    y = np.array([0] * 6 + [1] * 3 + [2] * 11 + [3])  # class 3 has nothing to be found
    found = [retrieval(rng.normal(size=(21, 64)), y)["recall@1"] for _ in range(400)]
    assert chance(y) == pytest.approx(np.mean(found), abs=0.02)


def test_graded_equals_scikit_learn():
    x, fine = embeddings()
    coarse = fine // 4
    cos = x @ x.T / np.linalg.norm(x, axis=1) / np.linalg.norm(x, axis=1)[:, None]
    other = ~np.eye(len(x), dtype=bool)
    gain = np.where(fine == fine[:, None], 3, coarse == coarse[:, None])
    rows = [(g[o][None], c[o][None]) for g, c, o in zip(gain, cos, other, strict=True)]
    expected = np.mean([ndcg_score(g, c, ignore_ties=True) for g, c in rows])
    assert graded(x, fine, coarse) == pytest.approx(expected, abs=1e-9)
    assert graded(np.eye(15)[fine], fine, fine) == pytest.approx(1)


def test_ties_and_a_rate_of_one():
    same, different = np.array([0.5, 0.9]), np.array([0.1, 0.2, 0.3, 0.5])
    assert tar_at_far(same, different, 1.0) == 1  # all are accepted
    assert tar_at_far(-same, different, 1.0) == 1
    assert tar_at_far(same, different, 0.75) == 1
    assert tar_at_far(same, np.full(4, 0.5), 0.5) == 0.5  # nobody of two classes at 0.5 comes in
    assert tar_at_far(same, np.linspace(0, 0.4, 49), 1 / 49) == 1  # 1 / 49 · 49 is below one


@pytest.mark.parametrize(
    ("same", "different", "far", "sentence"),
    [
        ([0.5], [np.nan], 1, "NaN"),
        ([np.nan], [0.5], 1, "NaN"),
        ([], [0.5], 1, "got 1 and 0"),
        ([0.5], [], 1, "got 0 and 1"),
        ([0.5], [0.5], 0, "above 0"),
        ([0.5], [0.5], 1.5, "at most 1"),
        ([0.5], [0.5], np.nan, "at most 1"),
    ],
)
def test_scores_that_cannot_be_judged_are_refused(same, different, far, sentence):
    with pytest.raises(ValueError, match=sentence):
        tar_at_far(np.array(same), np.array(different), far)


MEASURES = {
    "retrieval": retrieval,
    "graded": lambda x, y: graded(x, y, y),
    "pairs": pair_scores,
    "compactness": compactness,
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_embeddings_that_cannot_be_judged_are_refused(measure):
    y = np.array([0, 0, 1, 1])
    for x in (np.eye(3), np.zeros((0, 3)), np.zeros(4)):
        with pytest.raises(ValueError, match="a class for each"):
            measure(x, y)
    for wrong in (np.nan, np.inf, 1e200):
        x = np.eye(4)
        x[2, 1] = wrong
        with pytest.raises(ValueError, match="not finite"):
            measure(x, y)


def test_classes_in_which_nothing_can_be_found_are_refused():
    lonely = np.arange(4)
    for measure in (lambda: graded(np.eye(4), lonely, lonely), lambda: chance(lonely)):
        with pytest.raises(ValueError, match="No class has two pictures"):
            measure()
    for x, y in ((np.eye(4), lonely), (np.eye(4), lonely * 0), (np.ones((4, 2)), lonely // 2)):
        with pytest.raises(ValueError, match="Need two pictures"):
            compactness(x, y)
    with pytest.raises(ValueError, match="at 1 or more"):
        retrieval(np.eye(4), lonely // 2, ks=(0,))


@pytest.mark.parametrize("size", [1e-20, 1e-13, 1e20])
def test_lengths_play_no_part_however_small_or_large(size):
    x, y = embeddings()
    assert retrieval(size * x.astype(float), y) == retrieval(x.astype(float), y)
    small = pair_scores(size * x.astype(float), y)[0]
    np.testing.assert_allclose(small, pair_scores(x, y)[0], atol=1e-12)


@pytest.mark.parametrize("measure", ["recall@1", "map@r"])
def test_classes_weighted_by_their_queries_make_the_whole(measure):
    x, y = embeddings(3, n=60, classes=20)
    each, count = by_class(x, y, measure)
    whole = retrieval(x, y)
    assert count.sum() == whole["queries"] and len(each) == (np.bincount(y) > 1).sum()
    assert each @ count / count.sum() == pytest.approx(whole[measure])


def test_a_class_with_one_picture_asks_nothing():
    x, y = np.eye(5), np.array([7, 3, 7, 3, 9])
    assert queries(x, y)["row"].tolist() == [0, 1, 2, 3]
    each, count = by_class(np.eye(2)[[0, 1, 0, 1, 1]], y)
    assert each.tolist() == [1, 1] and count.tolist() == [2, 2]
