import numpy as np
import pytest
import torch

from cvbook.losses.imbalance import FDS, gaussian, lds_weights


def test_weights_by_hand():
    targets = np.array([0] * 9 + [1] * 4 + [4])
    count = np.array([3, 2, 0, 0, 1, 0.0])  # roots
    kernel = np.exp(-np.array([1, 0, 1]) / (2 * 1.5**2))
    smooth = np.array(
        [sum(count[j] * kernel[j - i + 1] for j in range(6) if abs(i - j) < 2) for i in range(6)]
    )
    expected = 1 / smooth[targets]
    np.testing.assert_allclose(lds_weights(targets, 6, 3, 1.5), expected * 14 / expected.sum())


def test_the_inverse_is_clipped():
    targets = np.repeat([0, 20, 40], [2000, 3, 50])
    weight = lds_weights(targets, 50, size=1, root=False)
    np.testing.assert_allclose([weight[-1] / weight[0], weight[2001] / weight[0]], [20, 200])


def test_rare_targets_weigh_more_unless_their_neighbours_are_common():
    targets = np.concatenate([np.full(400, 30), np.full(2, 31), np.full(2, 60)])
    weight = lds_weights(targets, 90)
    assert weight.mean() == pytest.approx(1) and weight[400] < 2 * weight[0] < weight[-1]


@pytest.mark.parametrize("targets", [[], [-1, 3], [3, 10]])
def test_targets_outside_are_refused(targets):
    with pytest.raises(ValueError, match="bins from 0 to 9"):
        lds_weights(np.array(targets, int), 10)


def test_a_kernel_needs_a_middle():
    assert gaussian(5, 2.0).sum() == pytest.approx(1)
    assert gaussian(5, 2.0)[2] == gaussian(5, 2.0).max()
    with pytest.raises(ValueError, match="odd"):
        gaussian(4)


def smooth_by_hand(x, kernel):
    bins, half = len(x), len(kernel) // 2
    place = np.pad(np.arange(bins), half, mode="reflect")
    return np.stack(
        [sum(kernel[k] * x[place[b + k]] for k in range(len(kernel))) for b in range(bins)]
    )


def test_statistics_by_hand():
    rng, bins, dim = np.random.default_rng(0), 6, 3
    fds, kernel = FDS(dim, bins, size=3, sigma=1.0).train(), gaussian(3, 1.0)
    mean, var = np.zeros((bins, dim)), np.ones((bins, dim))
    for epoch in range(3):
        x, y = rng.normal(size=(80, dim)), rng.integers(0, 5, 80)  # nobody in bin 5
        for b in range(5):
            m, v = x[y == b].mean(0), x[y == b].var(0, ddof=1)
            mean[b], var[b] = (
                (m, v) if epoch == 0 else (0.9 * mean[b] + 0.1 * m, 0.9 * var[b] + 0.1 * v)
            )
        fds.update(torch.from_numpy(x).float(), torch.from_numpy(y))
    mean2, var2 = smooth_by_hand(mean, kernel), smooth_by_hand(var, kernel)
    z, y = rng.normal(size=(10, dim)), np.arange(10) % 5
    expected = (z - mean[y]) * np.sqrt(np.clip(var2[y] / var[y], 0.1, 10)) + mean2[y]
    np.testing.assert_allclose(
        fds(torch.from_numpy(z).float(), torch.from_numpy(y)).numpy(), expected, atol=1e-5
    )


def test_nothing_is_smoothed_before_its_time_nor_in_evaluation_nor_where_nothing_was_seen():
    fds, x, y = FDS(2, 4, start=1).train(), torch.randn(20, 2), torch.arange(20) % 3
    assert torch.equal(fds(x, y), x)
    fds.update(x, y)
    kept = x.clone()
    assert not torch.equal(fds(x, y), x) and torch.equal(x, kept)  # a new tensor
    assert torch.equal(fds(x, torch.full((20,), 3)), x)
    assert torch.equal(fds.eval()(x, y), x)


def test_constant_features_stay_finite():
    fds, x, y = FDS(2, 4).train(), torch.ones(8, 2), torch.arange(8) % 4
    fds.update(x, y)
    assert torch.isfinite(fds(x, y)).all()
    fds.update(x[:1], y[:1])  # a single sample has no variance
    assert torch.isfinite(fds(x, y)).all()
