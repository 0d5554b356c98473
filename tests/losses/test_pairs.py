from functools import partial

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as reference
from pytorch_metric_learning import miners
from pytorch_metric_learning.distances import LpDistance
from torch.nn import functional as F

from cvbook.losses import pairs
from cvbook.losses.pairs import (
    MINERS,
    contrastive,
    cosine,
    distance_weights,
    distances,
    quadruplet,
    triplet,
)

LOSSES = {loss.__name__: loss for loss in (contrastive, cosine, triplet, quadruplet)}


def batch(n=24, classes=6, dim=8, seed=0):
    torch.manual_seed(seed)
    return torch.randn(n, dim), torch.arange(n) % classes


def grad(loss, x):
    x = x.clone().requires_grad_()
    value = loss(x)
    value.backward()
    return value.item(), x.grad


def test_contrastive_is_that_of_pytorch_metric_learning():
    x, y = batch()
    (value, slope) = grad(lambda x: contrastive(x, y, 1.2), x)
    (expected, expected_slope) = grad(lambda x: reference.ContrastiveLoss(0, 1.2)(x, y), x)
    assert value == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(slope, expected_slope, atol=1e-5, rtol=1e-4)


MINED = {  # ours, theirs, and what of a triplet theirs takes
    "triplet": (partial(triplet, margin=0.3), reference.TripletMarginLoss(0.3), (0, 1, 2)),
    "contrastive": (
        partial(contrastive, margin=1.2),
        reference.ContrastiveLoss(0, 1.2),
        (0, 1, 0, 2),
    ),
}


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("name", MINED)
def test_a_mined_loss_is_that_of_pytorch_metric_learning_on_the_same_triplets(miner, name):
    mine, peer, places = MINED[name]
    x, y = batch()
    chosen = MINERS[miner](distances(x), y)
    ours = grad(lambda x: mine(x, y, miner=lambda *_: chosen), x)
    theirs = grad(lambda x: peer(x, y, tuple(chosen[k] for k in places)), x)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    torch.testing.assert_close(ours[1], theirs[1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("miner", MINERS)
def test_cosine_is_torchs_on_the_same_pairs(miner):
    x, y = batch()
    a, p, n = chosen = MINERS[miner](distances(x), y)
    near = F.cosine_embedding_loss(x[a], x[p], torch.ones(len(a)), margin=0.1)
    far = F.cosine_embedding_loss(x[a], x[n], -torch.ones(len(a)), margin=0.1)
    value = cosine(x, y, 0.1, miner=lambda *_: chosen).item()
    assert value == pytest.approx(float(near + far), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_where_nothing_is_mined_the_loss_is_zero_and_has_a_gradient(loss):
    x, y = batch(4, 1)  # one class: no negatives
    value, slope = grad(lambda x: loss(x, y, miner=MINERS["random"]), x)
    assert value == 0 and torch.equal(slope, torch.zeros_like(slope))


def test_hard_negatives_are_those_of_pytorch_metric_learning():
    x, y = batch()
    ours, theirs = pairs.hard_negatives(distances(x), y), miners.BatchHardMiner()(x, y)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)


def test_cosine_is_torchs_for_each_kind_of_pair():
    x, y = batch()
    i, j = torch.triu_indices(len(y), len(y), 1)
    same = y[i] == y[j]
    expected = 0.0
    for kind, sign in ((same, 1.0), (~same, -1.0)):
        a, b = x[i[kind]], x[j[kind]]
        expected += F.cosine_embedding_loss(a, b, torch.full((len(a),), sign), margin=0.1).item()
    assert cosine(x, y, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_quadruplet_by_hand():
    """Two pictures of a class, one each of two others: all is forced but the fourth picture."""
    x, y = torch.randn(4, 5, generator=torch.Generator().manual_seed(3)), torch.tensor([0, 0, 1, 2])
    d2 = distances(x).square()
    chosen = (torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([2, 2]))
    first = [max(0.0, float(d2[a, p] - d2[a, n]) + 0.9) for a, p, n in zip(*chosen, strict=True)]
    second = [max(0.0, float(d2[a, p] - d2[2, 3]) + 0.45) for a, p in zip(*chosen[:2], strict=True)]
    expected = sum(sum(terms) / max(1, sum(t > 0 for t in terms)) for terms in (first, second))
    value = quadruplet(x, y, 0.9, 0.5, miner=lambda *_: chosen).item()
    assert value == pytest.approx(expected, rel=1e-5) and expected > 0


@pytest.mark.parametrize("name", MINERS)
def test_triplets_are_triplets(name):
    x, y = batch()
    a, p, n = MINERS[name](distances(x), y)
    assert len(a) and (y[a] == y[p]).all() and (a != p).all() and (y[a] != y[n]).all()


def test_semi_hard_negatives_are_the_nearest_beyond_the_positive():
    x, y = batch(n=40)
    d = distances(x)
    for a, p, n in zip(*pairs.semi_hard_negatives(d, y), strict=True):
        negatives = d[a][y != y[a]]
        beyond = negatives[negatives > d[a, p]]
        assert d[a, n] == (beyond.min() if len(beyond) else negatives.max())


def test_distance_weights_undo_the_density_of_distances_on_a_sphere():
    """Random points of a sphere, drawn with these weights, have distances spread evenly."""
    x = F.normalize(torch.randn(4000, 16, generator=torch.Generator().manual_seed(0)))
    d = (2 - 2 * x[:1] @ x[1:].T).clamp(min=0).sqrt()
    weight = distance_weights(d, 16)[0]
    share, _ = np.histogram(d[0].numpy(), 5, (0.9, 1.4), weights=weight.numpy())
    plain, _ = np.histogram(d[0].numpy(), 5, (0.9, 1.4))
    assert share.max() / share.min() < 2 < 10 < plain.max() / plain.min()


def test_distance_weighted_draws_are_those_of_pytorch_metric_learning():
    x, y = batch(n=12, classes=3)
    x = F.normalize(x)
    torch.manual_seed(0)
    count = np.zeros((2, 12, 12))
    for _ in range(600):
        ours = pairs.distance_weighted_negatives(distances(x), y, dim=8)
        theirs = miners.DistanceWeightedMiner()(x, y)
        for counted, (a, _, n) in zip(count, (ours, theirs), strict=True):
            np.add.at(counted, (a.numpy(), n.numpy()), 1)
    rows = count.sum(2).min(0) > 0  # theirs has no triplet for an anchor without a near negative
    share = count[:, rows] / count[:, rows].sum(2, keepdims=True)
    assert np.abs(share[0] - share[1]).max() < 0.06 and rows.sum() > 6


@pytest.mark.parametrize("name", LOSSES)
def test_length_and_rotation_do_not_matter(name):
    x, y = batch()
    turn = torch.linalg.qr(torch.randn(8, 8))[0]
    values = []
    for z in (x, 5 * x @ turn):
        torch.manual_seed(0)  # the same triplets
        values.append(LOSSES[name](z, y).item())
    before, after = values
    assert before == pytest.approx(after, rel=1e-4) and before > 0


@pytest.mark.parametrize("name", LOSSES)
def test_perfect_embeddings_have_no_loss(name):
    y = torch.arange(12) % 3
    assert LOSSES[name](torch.eye(3)[y], y).item() < 1e-3


def in_double(x):
    """Distances in FP64, one pair at a time, and the reference's: both keep near pairs."""
    z = F.normalize(x.double())
    by_hand = torch.stack([torch.linalg.vector_norm(z - row, dim=1) for row in z])
    return by_hand, LpDistance()(x.double())


@pytest.mark.parametrize("apart", [1e-1, 1.1e-2, 9e-3, 1e-3, 1e-4, 1e-5])
def test_near_pairs_keep_their_distance_and_gradient(apart):
    """To the rounding of unit vectors in FP32; 2 − 2 cos alone would be off by up to 3e-4."""
    torch.manual_seed(0)
    base = F.normalize(torch.randn(4, 64))
    x = torch.cat([base, base + apart * F.normalize(torch.randn(4, 64))])
    x.requires_grad_()
    ours, (by_hand, reference_d) = distances(x), in_double(x)
    pair = torch.arange(4), torch.arange(4) + 4
    assert 0.5 * apart < by_hand[pair].min() < by_hand[pair].max() < 1.1 * apart
    torch.testing.assert_close(by_hand, reference_d)
    torch.testing.assert_close(ours.double(), by_hand, atol=3e-7, rtol=2e-3)
    if apart < 0.01:
        torch.testing.assert_close(ours.double()[pair], by_hand[pair], atol=3e-7, rtol=0)
    slope, expected = (torch.autograd.grad(d[pair].sum(), x)[0] for d in (ours, by_hand))
    torch.testing.assert_close(slope, expected, atol=1e-3 + 1e-6 / apart, rtol=0)


def test_equal_rows_are_not_active():
    """Whatever their length: rounding is no distance, and there is no slope."""
    y = torch.tensor([0, 0, 0, 1])
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    x[1], x[2] = x[0], 7.3 * x[0]
    assert (distances(x)[:3, :3] == 0).all()
    x[3] = -x[0]
    value, slope = grad(lambda x: contrastive(x, y, 1.0), x)
    assert value == 0 and (slope == 0).all()
    # One pair that is apart is not watered down by the equal one.
    x[2] += torch.randn(16)
    expected = distances(x)[0, 2].item()
    assert contrastive(x, y, 0.0).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("name", [*LOSSES, *MINERS])
def test_without_finite_embeddings_the_loss_is_nan(name, wrong):
    """Even where no pair or triplet holds the row, and whatever the miner would make of it."""
    x, y = batch()
    y[5] = 99  # alone in its class
    loss = LOSSES.get(name) or (lambda x, y: triplet(x, y, miner=MINERS[name]))
    x[5, 3] = wrong
    assert np.isnan(grad(lambda x: loss(x, y), x)[0])
    assert torch.isnan(distances(x)[5]).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (torch.randn(4, 8), torch.zeros(3, dtype=torch.long), r"\[4, 8\] and \[3\]"),
        (torch.randn(4, 8), torch.zeros(4, 1, dtype=torch.long), r"\[4, 1\]"),
        (torch.randn(8), torch.zeros(8, dtype=torch.long), r"got \[8\]"),
        (torch.randn(0, 8), torch.zeros(0, dtype=torch.long), "B > 0"),
        (torch.randn(4, 8), torch.zeros(4), "whole numbers"),
        (torch.randn(4, 8), torch.zeros(4, dtype=torch.bool), "whole numbers"),
    ],
)
def test_batches_that_do_not_fit_are_refused(name, x, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        LOSSES[name](x, y)


HOSTILE = {
    "one sample": (torch.randn(1, 8), torch.zeros(1, dtype=torch.long)),
    "one class": (torch.randn(6, 8), torch.zeros(6, dtype=torch.long)),
    "all different": (torch.randn(6, 8), torch.arange(6)),
    "two classes": (torch.randn(6, 8), torch.arange(6) % 2),
    "duplicates": (torch.ones(6, 8), torch.arange(6) % 3),
    "zero vectors": (torch.zeros(6, 8), torch.arange(6) % 3),
    "opposite": (torch.ones(6, 8) * (-1.0) ** torch.arange(6)[:, None], torch.arange(6) % 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("name", [*LOSSES, *MINERS])
def test_losses_and_gradients_stay_finite(name, case, dtype):
    x, y = HOSTILE[case]
    loss = LOSSES.get(name) or (lambda x, y: triplet(x, y, miner=MINERS[name]))
    value, slope = grad(lambda x: loss(x, y), x.to(dtype))
    assert np.isfinite(value) and torch.isfinite(slope).all()
