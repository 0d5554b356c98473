import numpy as np
import pytest

from cvbook.labels.label_noise import dirty, purity_recall

IDENTITY = np.repeat(np.arange(20), 5)
TRAITS = IDENTITY[:, None].astype(float)


@pytest.mark.parametrize("kind", ["random", "partner", "relatives", "mixed"])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5])
def test_the_rate_is_kept_and_right_means_right(kind, rate):
    f = dirty(IDENTITY, kind, rate, np.random.default_rng(0), TRAITS)
    assert np.array_equal(f.right, IDENTITY[f.picture] == f.user)
    assert (~f.right).mean() == pytest.approx(rate, abs=0.03)
    for user in range(20):
        own = f.picture[f.right & (f.user == user)]
        assert set(own) == set(np.flatnonzero(user == IDENTITY))


def test_who_the_strangers_are():
    def strangers(kind: str) -> list[set]:
        f = dirty(IDENTITY, kind, 0.5, np.random.default_rng(1), TRAITS)
        return [set(IDENTITY[f.picture[~f.right & (f.user == u)]]) for u in range(20)]

    assert all(len(s) == 1 for s in strangers("partner"))
    assert np.mean([len(s) for s in strangers("random")]) > 3
    assert all(max(abs(o - u) for o in s) <= 3 for u, s in enumerate(strangers("relatives")))


def test_what_cannot_be_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no kind of noise 'cats'"):
        dirty(IDENTITY, "cats", 0.3, rng)
    with pytest.raises(ValueError, match="rate must be"):
        dirty(IDENTITY, "random", 1.0, rng)
    with pytest.raises(ValueError, match="traits"):
        dirty(IDENTITY, "relatives", 0.3, rng)


def test_purity_and_recall():
    right, keep = np.array([1, 1, 1, 1, 0, 0], bool), np.array([1, 1, 1, 0, 1, 0], bool)
    assert purity_recall(keep, right) == (0.75, 0.75)
    assert np.isnan(purity_recall(np.zeros(6, bool), right)[0])
