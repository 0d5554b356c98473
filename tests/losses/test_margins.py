import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as reference
from torch.nn import functional as F

from cvbook.losses.margins import (
    Classification,
    WithCenters,
    arcface,
    combined,
    cosface,
    sphereface,
    unit,
)

CLASSES, DIM = 7, 16
MARGINS = {
    "cosface": cosface(0.35),
    "arcface": arcface(0.5),
    "sphereface": sphereface(1.5),
    "combined": combined(1.1, 0.3, 0.2),
}


def batch(seed=0, n=40):
    torch.manual_seed(seed)
    return torch.randn(n, DIM), torch.randint(CLASSES, (n,))


def made(margin=None, scale=30.0, **kwargs):
    torch.manual_seed(1)
    return Classification(DIM, CLASSES, margin, scale, **kwargs)


def grad(loss, x, y):
    x = x.clone().requires_grad_()
    value = loss(x, y)
    value.backward()
    return value.item(), x.grad


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (None, lambda: reference.NormalizedSoftmaxLoss(CLASSES, DIM, temperature=1 / 30)),
        (cosface(0.35), lambda: reference.CosFaceLoss(CLASSES, DIM, margin=0.35, scale=30)),
        (
            arcface(0.5),
            lambda: reference.ArcFaceLoss(CLASSES, DIM, margin=math.degrees(0.5), scale=30),
        ),
        (
            arcface(1.2),
            lambda: reference.ArcFaceLoss(CLASSES, DIM, margin=math.degrees(1.2), scale=30),
        ),  # many samples past π − m
        (sphereface(3), lambda: reference.SphereFaceLoss(CLASSES, DIM, margin=3, scale=30)),
    ],
)
def test_values_and_gradients_are_those_of_pytorch_metric_learning(ours, theirs):
    x, y = batch()
    x = F.normalize(x)  # its SphereFace keeps the length of the embedding
    a, b = made(ours), theirs()
    b.W.data = a.centres.data.T.clone()
    (value, slope), (expected, expected_slope) = grad(a, x, y), grad(b, x, y)
    assert value == pytest.approx(expected, rel=1e-5)
    # Their gradient along x differs where they do not normalise; only directions across it matter.
    across, expected_across = (
        g - (g * x).sum(1, keepdim=True) * x for g in (slope, expected_slope)
    )
    torch.testing.assert_close(across, expected_across, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(a.centres.grad, b.W.grad.T, atol=1e-5, rtol=1e-4)


def test_plain_softmax_is_a_linear_layer():
    x, y = batch()
    loss = made(normalise=False, scale=1.0)
    expected = F.cross_entropy(F.linear(x, loss.centres), y)
    assert loss(x, y).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("margin", [cosface(0), arcface(0), sphereface(1), combined(1, 0, 0)])
def test_without_a_margin_all_are_normalised_softmax(margin):
    x, y = batch()
    (value, slope), (expected, expected_slope) = grad(made(margin), x, y), grad(made(), x, y)
    assert value == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(slope, expected_slope, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", MARGINS)
def test_a_margin_lowers_the_true_score_and_keeps_its_order_over_the_whole_half_circle(name):
    cos = torch.linspace(1, -1, 4001)
    lowered = MARGINS[name](cos)
    assert (lowered <= cos + 1e-6).all() and (lowered[1:] <= lowered[:-1] + 1e-6).all()


@pytest.mark.parametrize("name", MARGINS)
def test_the_true_class_loses_and_the_others_keep_their_score(name, monkeypatch):
    seen = []
    monkeypatch.setattr(F, "cross_entropy", lambda scores, y: seen.append(scores.detach()))
    x, y = batch()
    for loss in (made(MARGINS[name]), made()):
        loss(x, y)
    margin, plain = seen
    own = F.one_hot(y, CLASSES).bool()
    assert torch.equal(margin[~own], plain[~own]) and (margin[own] < plain[own]).all()


@pytest.mark.parametrize("name", ["none", *MARGINS])
def test_rotating_everything_changes_nothing(name):
    x, y = batch()
    turn = torch.linalg.qr(torch.randn(DIM, DIM))[0]
    loss = made(MARGINS.get(name))
    before = loss(x, y).item()
    loss.centres.data = loss.centres.data @ turn
    assert loss(x @ turn, y).item() == pytest.approx(before, rel=1e-4)
    assert loss(3 * x @ turn, y).item() == pytest.approx(before, rel=1e-4)  # nor does length


@pytest.mark.parametrize("name", ["none", *MARGINS])
def test_renaming_the_classes_changes_nothing(name):
    x, y = batch()
    loss, order = made(MARGINS.get(name)), torch.randperm(CLASSES)
    before = loss(x, y).item()
    loss.centres.data = loss.centres.data[order]
    assert loss(x, order.argsort()[y]).item() == pytest.approx(before, rel=1e-5)


HOSTILE = {
    "one sample": (torch.randn(1, DIM), torch.zeros(1, dtype=torch.long)),
    "duplicates": (torch.ones(6, DIM), torch.tensor([0, 0, 1, 1, 2, 2])),
    "zero vectors": (torch.zeros(6, DIM), torch.tensor([0, 0, 1, 1, 2, 2])),
    "huge": (1e4 * torch.ones(6, DIM), torch.tensor([0, 0, 1, 1, 2, 2])),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("name", ["none", "centers", "contrastive centers", *MARGINS])
def test_losses_and_gradients_stay_finite(name, case, dtype):
    x, y = HOSTILE[case]
    torch.manual_seed(0)
    if "centers" in name and case == "huge":
        x = x / 100  # a plain distance to a far point is what it is
    if "centers" in name:
        loss = WithCenters(DIM, CLASSES, contrastive="contrastive" in name)
    else:
        loss = Classification(DIM, CLASSES, MARGINS.get(name), 64.0)
    value, slope = grad(loss, x.to(dtype), y)
    assert np.isfinite(value) and torch.isfinite(slope).all()


@pytest.mark.parametrize("name", MARGINS)
def test_a_sample_on_its_own_centre_or_opposite_it_has_a_finite_gradient(name):
    loss = made(MARGINS[name])
    for sign in (1, -1):
        value, slope = grad(loss, sign * loss.centres.data[:3], torch.arange(3))
        assert np.isfinite(value) and torch.isfinite(slope).all()


def test_one_class_has_no_loss():
    x, y = torch.randn(5, DIM), torch.zeros(5, dtype=torch.long)
    assert Classification(DIM, 1, arcface())(x, y).item() == 0


@pytest.mark.parametrize("loss", [made(arcface()), WithCenters(DIM, CLASSES, weight=1.0)])
def test_autocast_does_not_reach_the_angles(loss):
    x, y = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x.T).dtype == torch.bfloat16  # it is at work here
        inside = loss(x, y)
    assert inside.dtype == torch.float32 and torch.equal(inside, loss(x, y))


def test_a_margin_needs_cosines():
    with pytest.raises(ValueError, match="normalise=True"):
        Classification(DIM, CLASSES, arcface(), normalise=False)


def test_center_loss_by_hand():
    x, y = batch()
    loss = WithCenters(DIM, CLASSES, weight=0.1)
    own = loss.centers.detach()[y]
    by_hand = sum(0.5 * float(((a - c) ** 2).sum()) for a, c in zip(x, own, strict=True)) / len(x)
    assert loss.pull(x, y).item() == pytest.approx(by_hand, rel=1e-5)
    assert loss(x, y).item() == pytest.approx(loss.softmax(x, y).item() + 0.1 * by_hand, rel=1e-5)


def test_contrastive_center_loss_by_hand():
    x, y = batch()
    loss, total = WithCenters(DIM, CLASSES, contrastive=True), 0.0
    for a, k in zip(x, y, strict=True):
        square = [float(((a - c) ** 2).sum()) for c in loss.centers.detach()]
        total += 0.5 * square[k] / (1 + sum(square) - square[k])
    assert loss.pull(x, y).item() == pytest.approx(total / len(x), rel=1e-5)


def test_contrastive_center_keeps_a_small_rest_beside_a_large_own_distance():
    """1 + Σ − own in FP32 would leave nothing of the other centres."""
    loss, y = WithCenters(4, 2, contrastive=True), torch.tensor([0])
    loss.centers.data = torch.tensor([[1e4, 0, 0, 0], [0, 0, 0, 1.0]])
    x = torch.zeros(1, 4, requires_grad=True)
    value = loss.pull(x, y)
    value.backward()
    z = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    square = (z - loss.centers.detach().double()).square().sum(1)
    expected = 0.5 * square[0] / (1 + square[1])
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(x.grad.double(), z.grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["none", "centers", "contrastive centers", *MARGINS])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e30])
def test_without_finite_embeddings_the_loss_is_not_finite(name, wrong):
    x, y = batch()
    x[3, 2] = wrong
    if "centers" in name:
        loss = WithCenters(DIM, CLASSES, contrastive="contrastive" in name)
    else:
        loss = Classification(DIM, CLASSES, MARGINS.get(name))
    assert not np.isfinite(grad(loss, x, y)[0])


@pytest.mark.parametrize("loss", [Classification(DIM, CLASSES), WithCenters(DIM, CLASSES)])
@pytest.mark.parametrize(
    ("n", "y", "sentence"),
    [
        (2, [0, CLASSES], f"0 to {CLASSES - 1}; got 0 to {CLASSES}"),
        (2, [-100, 0], "got -100 to 0"),  # cross-entropy would leave it out in silence
        (2, [0], "as many classes"),
        (0, [], "B > 0"),
        (1, [0.0], "whole numbers"),
    ],
)
def test_classes_that_do_not_fit_are_refused(loss, n, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        loss(torch.randn(n, DIM), torch.tensor(y))


def test_unit_keeps_zero():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    out = unit(x)
    torch.testing.assert_close(out, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    out.sum().backward()
    assert (x.grad[1] == 0).all()
