import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import DBSCAN

from cvbook.labels import cleaning


def unit(rng, n, d=8, centre=None, spread=1.0):
    x = (np.zeros(d) if centre is None else centre) + spread * rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("n", [2, 3, 50, 1030])
def test_distances_equal_pdist(n):
    x = unit(np.random.default_rng(n), n)
    np.testing.assert_allclose(cleaning.distances(x, block=256), pdist(x.astype(float)), atol=2e-4)


@pytest.mark.parametrize("method", ["complete", "single", "average"])
def test_clusters_equal_scipy(method):
    x = unit(np.random.default_rng(1), 200)
    theirs = fcluster(linkage(pdist(x.astype(float)), method), 0.7, "distance")
    ours = cleaning.clusters(x, 0.7, method)
    assert (squareform(pdist(ours[:, None])) == 0).tolist() == (
        squareform(pdist(theirs[:, None])) == 0
    ).tolist()


def test_no_cluster_is_wider_than_the_threshold():
    x = unit(np.random.default_rng(2), 300)
    labels = cleaning.clusters(x, 0.9)
    widest = max(pdist(x[labels == k]).max(initial=0) for k in np.unique(labels))
    assert 0.6 < widest <= 0.9


def test_the_largest_cluster_stays_and_ties_go_to_the_tighter_one():
    rng = np.random.default_rng(3)
    a, b = np.eye(8)[0] * 6, np.eye(8)[1] * 6
    x = np.concatenate([unit(rng, 5, centre=a), unit(rng, 3, centre=b)])
    assert cleaning.keep_largest(x, np.zeros(8), 1.1).tolist() == [True] * 5 + [False] * 3
    x = np.concatenate([unit(rng, 4, centre=a, spread=1), unit(rng, 4, centre=b, spread=0.2)])
    assert cleaning.keep_largest(x, np.zeros(8), 1.1).tolist() == [False] * 4 + [True] * 4


def test_users_with_one_picture_or_with_none_alike():
    x = np.eye(8, dtype=np.float32)
    assert cleaning.keep_largest(x[:1], ["only"], 0.5).tolist() == [True]
    assert cleaning.keep_largest(x[:3], ["u"] * 3, 0.5).tolist() == [False] * 3
    assert cleaning.keep_largest(x[:0], [], 0.5).tolist() == []


def test_order_and_number_of_workers_do_not_matter():
    rng = np.random.default_rng(4)
    x, users = unit(rng, 3000, 16), rng.integers(0, 1200, 3000)
    keep = cleaning.keep_largest(x, users, 1.2)
    assert np.array_equal(keep, cleaning.keep_largest(x, users, 1.2, workers=2))
    shuffle = rng.permutation(3000)
    assert np.array_equal(keep[shuffle], cleaning.keep_largest(x[shuffle], users[shuffle], 1.2))
    assert 0.2 < keep.mean() < 0.9


def test_another_clustering_and_its_noise():
    rng = np.random.default_rng(5)
    x = np.concatenate([unit(rng, 6, centre=np.eye(8)[0] * 20), unit(rng, 4)])
    dense = DBSCAN(eps=0.5, min_samples=3).fit_predict
    keep = cleaning.keep_largest(x, np.zeros(10), 0, cluster=dense)
    assert keep.tolist() == [True] * 6 + [False] * 4
    apart = np.eye(8, dtype=np.float32)
    assert not cleaning.keep_largest(apart, np.zeros(8), 0, cluster=dense).any()


def test_bad_embeddings_are_refused():
    x = unit(np.random.default_rng(6), 5)
    with pytest.raises(ValueError, match="length 1"):
        cleaning.clusters(2 * x, 0.5)
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        cleaning.clusters(x, 0.5)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_begun(monkeypatch):
    class Memory:
        available = cleaning.memory_needed(3999)

    monkeypatch.setattr(cleaning.psutil, "virtual_memory", lambda: Memory)
    x = unit(np.random.default_rng(7), 4000)
    cleaning.clusters(x[:3000], 0.5)
    with pytest.raises(MemoryError, match="4,000 pictures needs"):
        cleaning.clusters(x, 0.5)


def test_threshold_of_pairs_equals_brute_force():
    rng = np.random.default_rng(8)
    identity = np.repeat(np.arange(12), 5)
    x = np.concatenate([unit(rng, 5, centre=4 * c) for c in rng.normal(size=(12, 8))])
    threshold, right = cleaning.pair_threshold(x, identity, rng)
    same = identity[:, None] == identity
    d, pair = squareform(pdist(x)), np.triu(np.ones((60, 60), bool), 1)
    near, far = d[same & pair], d[~same & pair]
    tried = np.linspace(0, 2, 4001)
    score = np.array([((near <= t).mean() + (far > t).mean()) / 2 for t in tried])
    assert right == pytest.approx(score.max(), abs=2e-3) and 0.9 < right <= 1
    best = tried[score > score.max() - 2e-3]
    assert best.min() - 1e-3 <= threshold <= best.max() + 1e-3
    with pytest.raises(ValueError, match="of one identity"):
        cleaning.pair_threshold(x[::5], identity[::5], rng)
    with pytest.raises(ValueError, match="of two identities"):
        cleaning.pair_threshold(x[:5], identity[:5], rng)
