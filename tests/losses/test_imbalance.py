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


def test_bins_that_nobody_was_in_pull_nothing():
    """Alike in all bins that were seen, features stay as they are, beside an empty one too."""
    fds = FDS(3, 9).train()
    x = 50 + torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    z, y = torch.cat([x, x, x]), torch.arange(3).repeat_interleave(40) * 3 + 1  # 1, 4 and 7
    fds.update(z, y)
    torch.testing.assert_close(fds(z, y), z)


def test_an_epoch_of_nan_changes_nothing():
    torch.manual_seed(0)
    fds, x, y = FDS(3, 6).train(), torch.randn(60, 3), torch.arange(60) % 6
    fds.update(x, y)
    before, expected = {k: v.clone() for k, v in fds.state_dict().items()}, fds(x, y)
    for wrong in (torch.nan, torch.inf, 1e30):  # whose square is infinite
        bad = x.clone()
        bad[2, 1] = wrong
        with pytest.raises(ValueError, match="not finite"):
            fds.update(bad, y)
    assert fds.epoch == 1 and all(torch.equal(v, before[k]) for k, v in fds.state_dict().items())
    assert torch.equal(fds(x, y), expected)


@pytest.mark.parametrize(
    ("shape", "bins", "sentence"),
    [
        ((2, 3), [0, 6], "0 to 5"),
        ((2, 3), [-1, 0], "0 to 5"),
        ((2, 3), [0], "as many"),
        ((2, 4), [0, 1], "3 numbers"),
        ((0, 3), [], "B > 0"),
        ((1, 3), [0.0], "whole"),
    ],
)
def test_features_that_do_not_fit_are_refused(shape, bins, sentence):
    fds = FDS(3, 6).train()
    for call in (fds.update, fds):
        with pytest.raises(ValueError, match=sentence):
            call(torch.zeros(shape), torch.tensor(bins))


def test_a_gaussian_wider_than_the_bins_is_refused():
    with pytest.raises(ValueError, match="more than 2 bins"):
        FDS(3, 2, size=5)


@pytest.mark.parametrize("targets", [[], [-1, 3], [3, 10]])
def test_targets_outside_are_refused(targets):
    with pytest.raises(ValueError, match="bins from 0 to 9"):
        lds_weights(np.array(targets, int), 10)


@pytest.mark.parametrize("targets", [[1.0, 2.0], [np.nan], [True, False], [[1, 2]], ["a"]])
def test_targets_that_are_no_bins_are_refused(targets):
    with pytest.raises(ValueError, match="bins from 0 to 9"):
        lds_weights(np.array(targets), 10)


def test_a_kernel_needs_a_middle():
    assert gaussian(5, 2.0).sum() == pytest.approx(1)
    assert gaussian(5, 2.0)[2] == gaussian(5, 2.0).max()
    with pytest.raises(ValueError, match="odd"):
        gaussian(4)
    with pytest.raises(ValueError, match="odd"):
        gaussian(-1)
    for sigma in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="above 0"):
            gaussian(5, sigma)


def smooth_by_hand(x, kernel, seen):
    """The kernel's mean over those of a bin's neighbours that were seen."""
    bins, half = len(x), len(kernel) // 2
    place, out = np.pad(np.arange(bins), half, mode="reflect"), np.zeros_like(x)
    for b in range(bins):
        near = [(kernel[k], place[b + k]) for k in range(len(kernel)) if place[b + k] in seen]
        if near:
            out[b] = sum(w * x[at] for w, at in near) / sum(w for w, _ in near)
    return out


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
    mean2, var2 = smooth_by_hand(mean, kernel, range(5)), smooth_by_hand(var, kernel, range(5))
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
