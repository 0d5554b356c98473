import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cvbook.metrics.reid import Gallery, across_cameras, detection_identification, evaluate, rerank
from cvbook.metrics.retrieval import distance


def world(seed=0, people=12, each=6, dim=16, spread=0.8):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    x = rng.normal(size=(people, dim))[who] + spread * rng.normal(size=(len(who), dim))
    return x / np.linalg.norm(x, axis=1, keepdims=True), who, rng.integers(3, size=len(who))


def apart(x, y):
    return np.sqrt(np.maximum(2 - 2 * x @ y.T, 0))


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_scikit_learn_on_random_matrices(seed):
    rng = np.random.default_rng(seed)
    distance = rng.random((20, 90))
    query = rng.integers(8, size=20)
    gallery = rng.integers(8, size=90)
    cameras = rng.integers(3, size=20), rng.integers(3, size=90)
    expected, first = [], []
    for d, who, camera in zip(distance, query, cameras[0], strict=True):
        keep = ~((gallery == who) & (cameras[1] == camera))
        expected.append(average_precision_score(gallery[keep] == who, -d[keep]))
        first.append((gallery[keep] == who)[d[keep].argsort()].argmax())
    result = evaluate(distance, query, gallery, *cameras)
    assert result.map == pytest.approx(np.mean(expected)) and result.queries == 20
    assert result.cmc == pytest.approx([(np.array(first) < k).mean() for k in range(1, 21)])


def test_same_camera_does_not_count_and_queries_without_a_match_are_skipped():
    distance = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    result = evaluate(distance, [0, 7], [0, 1, 0], [0, 0], [0, 0, 1], k=3)
    assert result.queries == 1 and result.cmc.tolist() == [0, 1, 1] and result.map == 0.5
    with pytest.raises(ValueError, match="No query has a match"):
        evaluate(distance, [8, 9], [0, 1, 0])
    with pytest.raises(ValueError, match="2 queries and 4 gallery"):
        evaluate(distance, [0, 1], [0, 1, 2, 3])
    with pytest.raises(ValueError, match="without NaN"):
        evaluate(distance * np.nan, [0, 1], [0, 1, 0])


def slow_rerank(between, queries, gallery, k1, k2, keep):
    """Zhong et al.'s algorithm with sets, picture by picture."""
    q = len(between)
    d = np.block([[queries, between], [between.T, gallery]]) ** 2
    d = (d / d.max(0)).T
    order = [list(np.argsort(row, kind="stable")) for row in d]

    def mutual(i: int, k: int) -> set[int]:
        return {j for j in order[i][: k + 1] if i in order[j][: k + 1]}

    v = np.zeros_like(d)
    for i in range(len(d)):
        own = mutual(i, k1)
        wide = set(own)
        for c in own:
            theirs = mutual(c, round(k1 / 2))
            if len(theirs & own) > 2 / 3 * len(theirs):
                wide |= theirs
        for j in wide:
            v[i, j] = np.exp(-d[i, j])
        v[i] /= v[i].sum()
    v = np.array([v[order[i][:k2]].mean(0) for i in range(len(d))])
    out = np.zeros((q, len(gallery)))
    for i in range(q):
        for g in range(len(gallery)):
            common = np.minimum(v[i], v[q + g]).sum()
            out[i, g] = (1 - keep) * (1 - common / (2 - common)) + keep * d[i, q + g]
    return out


@pytest.mark.parametrize(("k1", "k2"), [(5, 3), (20, 6), (4, 1)])
def test_rerank_is_the_papers_algorithm(k1, k2):
    x, _, _ = world()
    q, g = x[:20], x[20:]
    distances = apart(q, g), apart(q, q), apart(g, g)
    slow = slow_rerank(*distances, k1, k2, 0.3)
    np.testing.assert_allclose(rerank(*distances, k1, k2), slow, atol=1e-6)


def test_rerank_helps_where_classes_are_clusters():
    x, who, _ = world(people=30, each=8, spread=1.2)
    rows = np.arange(len(x)) % 8 == 0
    q, g = x[rows], x[~rows]
    plain, again = apart(q, g), rerank(apart(q, g), apart(q, q), apart(g, g), 8, 3)
    before, after = (evaluate(d, who[rows], who[~rows]).map for d in (plain, again))
    assert after > before + 0.02


def test_open_set():
    known = np.array([0.1, 0.4, 0.6, 0.2])
    right = np.array([True, True, True, False])
    strangers = np.linspace(0.5, 1.5, 100)
    rate, threshold = detection_identification(known, right, strangers, 0.1)
    assert (strangers <= threshold).mean() == pytest.approx(0.1)
    assert rate == 0.5 and threshold == pytest.approx(strangers[9])
    with pytest.raises(ValueError, match="needs 1000 strangers"):
        detection_identification(known, right, strangers, 1e-3)


def test_a_gallery_grows_by_strangers_only():
    x, who, _ = world(spread=0.1)
    gallery = Gallery(0.6)
    given = [gallery.identify(v) for v in x]
    assert given == who.tolist()


def test_first_pictures_search_the_others_across_cameras():
    x, who, _ = world(people=6, each=6, spread=0.5)
    camera = np.tile([0, 0, 1, 1, 2, 2], 6)
    result = across_cameras(x, who, camera)
    first = np.arange(36) % 2 == 0  # of each person by each camera
    expected = evaluate(
        apart(x[first], x[~first]), who[first], who[~first], camera[first], camera[~first]
    )
    assert result.queries == 18 and result.map == pytest.approx(expected.map)
    assert (result.cmc == expected.cmc).all()


def test_strangers_at_one_distance_are_let_in_together_or_not_at_all():
    known, right = np.array([0.1, 0.5]), np.array([True, True])
    alike = np.full(100, 0.5)
    rate, threshold = detection_identification(known, right, alike, 0.1)
    assert (alike <= threshold).sum() == 0 and rate == 0.5  # it let all hundred in
    some = np.repeat([0.3, 0.5], [4, 96])
    rate, threshold = detection_identification(known, right, some, 0.1)
    assert (some <= threshold).sum() == 4 and rate == 0.5
    zeros = np.zeros(100, np.float32)  # a threshold just below, in their own type
    assert (zeros <= detection_identification(known, right, zeros, 0.1)[1]).sum() == 0
    for strangers in (alike, some):
        rate, threshold = detection_identification(known, right, strangers, 1.0)
        assert (strangers <= threshold).all() and rate == 1


def test_a_share_is_counted_whatever_the_rounding():
    """0.29 · 100 is 28.999999999999996, and 1 / 49 of 49 is less than one."""
    strangers = np.arange(100.0)
    assert detection_identification([0.0], [True], strangers, 0.29)[1] == 28
    assert detection_identification([0.0], [True], strangers[:49], 1 / 49)[1] == 0


@pytest.mark.parametrize(
    ("known", "right", "strangers", "far", "sentence"),
    [
        ([], [], [1.0], 1, "do not fit"),
        ([0.1, 0.2], [True], [1.0], 1, "do not fit"),
        ([np.nan], [True], [1.0], 1, "NaN"),
        ([0.1], [True], [np.nan], 1, "NaN"),
        ([0.1], [True], [1.0], 0, "above 0"),
        ([0.1], [True], [1.0], 2, "at most 1"),
        ([0.1], [True], [1.0], np.nan, "at most 1"),
        ([0.1], [True], [], 1, "needs 1 strangers"),
    ],
)
def test_open_sets_that_cannot_be_measured_are_refused(known, right, strangers, far, sentence):
    with pytest.raises(ValueError, match=sentence):
        detection_identification(known, right, strangers, far)


def test_a_broken_vector_does_not_spoil_a_gallery():
    """With one NaN inside, no distance would be the least: all would be strangers for good."""
    gallery = Gallery(0.6)
    assert gallery.identify(np.array([1.0, 0])) == 0
    for wrong in ([np.nan, 0], [np.inf, 0], [1.0, 0, 0], [[1.0, 0]]):
        with pytest.raises(ValueError, match="2 finite numbers"):
            gallery.identify(np.array(wrong))
    x = np.array([0.0, 1])
    assert gallery.identify(x) == 1
    x[:] = 1, 0  # the caller's own memory
    assert gallery.identify(np.array([0.0, 1])) == 1


def test_near_vectors_keep_their_distance():
    a = np.array([1.0, 0], np.float32)
    assert distance(a, np.array([1, 1e-5], np.float32)) == pytest.approx(1e-5)


def test_what_does_not_fit_together_is_refused():
    d, ids = np.ones((2, 3)), ([0, 1], [0, 1, 0])
    for cameras in (([0, 0], None), (None, [0, 1, 1]), ([0], [0, 1, 1]), ([0, 0], [0])):
        with pytest.raises(ValueError, match="camera for each"):
            evaluate(d, *ids, *cameras)
    with pytest.raises(ValueError, match="infinity"):
        evaluate(d * np.inf, *ids)
    with pytest.raises(ValueError, match="at least 1"):
        evaluate(d, *ids, k=0)
    with pytest.raises(ValueError, match="as many cameras"):
        across_cameras(np.eye(3), np.arange(3), np.arange(2))
    with pytest.raises(ValueError, match="as many identities"):
        across_cameras(np.eye(3), np.arange(2), np.arange(2))
    for parts in ((d, d, d), (d[:0], np.ones((0, 0)), np.ones((3, 3)))):
        with pytest.raises(ValueError, match="those among each"):
            rerank(*parts)
    with pytest.raises(ValueError, match="not finite"):
        rerank(d * np.nan, np.ones((2, 2)), np.ones((3, 3)))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_reranking_pictures_that_are_all_alike_is_finite(value):
    """More equal neighbours than are looked at, or no distance at all."""
    n, q = 60, 5
    d = np.full((n, n), value)
    np.fill_diagonal(d, 0)
    out = rerank(d[:q, q:], d[:q, :q], d[q:, q:])
    assert np.isfinite(out).all()
