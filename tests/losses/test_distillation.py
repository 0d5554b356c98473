import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cvbook.losses.distillation import GradNorm, averaged, balanced, bce, features, kl, l2_sp


def scores(seed=0, n=8, classes=5, scale=3.0):
    return scale * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("loss", [bce, kl, features])
def test_a_perfect_student_has_no_loss_and_no_gradient(loss):
    teacher = scores()
    student = teacher.clone().requires_grad_()
    value = loss(student, teacher)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-5) and student.grad.abs().max() < 1e-5
    assert loss(scores(1), teacher).item() > 0.01


def test_bce_by_hand():
    student, teacher = scores(1), scores(2)
    p, q = torch.sigmoid(teacher).double(), torch.sigmoid(student).double()
    divergence = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()
    assert bce(student, teacher).item() == pytest.approx(divergence.item(), rel=1e-4)


def test_kl_by_hand():
    student, teacher = scores(1), scores(2)
    p, q = (torch.softmax(z / 4, 1) for z in (teacher, student))
    assert kl(student, teacher, 4.0).item() == pytest.approx(
        16 * (p * (p / q).log()).sum(1).mean().item(), rel=1e-4
    )


@pytest.mark.parametrize("loss", [bce, kl, features])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_are_finite_in_half_precision_and_for_extreme_scores(loss, dtype):
    student = torch.full((3, 4), 200.0, dtype=dtype).requires_grad_()
    value = loss(student, torch.full((3, 4), -200.0, dtype=dtype))
    value.backward()
    assert np.isfinite(value.item()) and torch.isfinite(student.grad).all()
    assert np.isfinite(loss(torch.zeros(1, 4, dtype=dtype), torch.zeros(1, 4, dtype=dtype)).item())


def test_the_teacher_gets_no_gradient():
    teacher = scores().requires_grad_()
    for loss in (bce, kl, features):
        loss(scores(1).requires_grad_(), teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.0, 1.0)])
def test_balanced_gradients_have_norms_in_proportion(shares):
    torch.manual_seed(0)
    shared = torch.randn(6, 4, requires_grad=True)
    heads = (torch.randn(4, 3), 1000 * torch.randn(4, 3))
    parts = [(shared @ h).square().mean() for h in heads]
    before = [torch.autograd.grad(p, shared, retain_graph=True)[0] for p in parts]
    total = torch.autograd.grad(balanced(parts, shares, shared), shared)[0]
    size = sum(g.norm() for g in before)
    expected = sum(s * size * g / g.norm() for s, g in zip(shares, before, strict=True))
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-2)


def test_a_loss_that_is_perfect_leaves_the_gradient_to_the_other():
    shared = torch.randn(6, 4, requires_grad=True)
    parts = [shared.square().mean(), 0 * shared.sum()]
    total = torch.autograd.grad(balanced(parts, (0.5, 0.5), shared), shared)[0]
    torch.testing.assert_close(total, shared.detach() / 12)


def test_rounding_gets_no_share():
    """What is left of a perfect loss's gradient would be blown up to half of the sum."""
    torch.manual_seed(0)
    shared, head = torch.randn(16, 8, requires_grad=True), torch.randn(8, 5)
    wanted = shared.square().sum()
    # As good as the teacher but for rounding.
    kept = kl(shared @ head, (shared.double() @ head.double()).detach())
    own, noise = (torch.autograd.grad(p, shared, retain_graph=True)[0] for p in (wanted, kept))
    assert 0 < noise.norm() < 1e-6
    total = torch.autograd.grad(balanced([wanted, kept], (0.5, 0.5), shared), shared)[0]
    torch.testing.assert_close(total, own, rtol=1e-5, atol=1e-6)


def test_small_gradients_keep_their_shares_and_half_precision_does_not_overflow():
    shared = torch.randn(6, 4, requires_grad=True)
    parts = [1e-20 * shared.square().sum(), 1e-21 * (shared - 1).square().sum()]
    first, second = (torch.autograd.grad(p, shared, retain_graph=True)[0] for p in parts)
    total = torch.autograd.grad(balanced(parts, (0.5, 0.5), shared), shared)[0]
    size = (first.norm() + second.norm()) / 2
    expected = size * (first / first.norm() + second / second.norm())
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-25)
    half = torch.full((64, 64), 2000.0, dtype=torch.float16, requires_grad=True)
    loss = half.float().square().sum() / 2  # its gradient's norm is 128 000
    value = balanced([loss, loss], (0.5, 0.5), half)
    assert torch.isfinite(value) and torch.isfinite(torch.autograd.grad(value, half)[0]).all()


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5, 0.5), (-1.0, 2.0), (0.0, 0.0), (np.nan, 1)])
def test_shares_that_are_none_are_refused(shares):
    shared = torch.randn(2, 2, requires_grad=True)
    with pytest.raises(ValueError, match="as many shares"):
        balanced([shared.sum(), shared.sum()], shares, shared)


def test_one_bad_batch_does_not_spoil_gradnorm():
    shared, level = torch.randn(6, 4, requires_grad=True), GradNorm(2)
    good = [shared.square().mean(), 3 * (shared - 1).square().mean()]
    assert torch.isnan(level([good[0], torch.nan * good[1]], shared))
    assert level.first is None and level.weights.tolist() == [1, 1]
    assert torch.isfinite(level(good, shared)) and torch.isfinite(level.weights).all()
    with pytest.raises(ValueError, match="2 losses"):
        level(good[:1], shared)


@pytest.mark.parametrize("loss", [bce, kl, features])
@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 1)), ((3, 4), (1, 4)), ((3, 4), (2, 4)), ((0, 4),) * 2]
)
def test_shapes_that_do_not_fit_are_refused(loss, shapes):
    with pytest.raises(ValueError, match="same shape"):
        loss(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("loss", [bce, kl, features])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_stays_nan(loss, wrong):
    for i in range(2):
        given = [scores(1), scores(2)]
        given[i][2, 3] = wrong
        assert not torch.isfinite(loss(*given))


def test_kinds_and_networks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'cosine' or 'mse'"):
        features(scores(), scores(), "l1")
    with pytest.raises(ValueError, match="differ in names or shapes"):
        averaged(nn.Linear(3, 3), nn.Linear(3, 1), 0.5)
    with pytest.raises(ValueError, match="another shape"):
        l2_sp(nn.Linear(3, 3), {"weight": torch.zeros(1, 3)})


def test_gradnorm_levels_gradients_of_very_different_size():
    torch.manual_seed(0)
    shared = torch.randn(6, 4, requires_grad=True)
    level = GradNorm(2, alpha=0.0)

    def parts() -> list[torch.Tensor]:
        return [shared.square().mean(), 30 * (shared - 1).square().mean()]

    for _ in range(300):
        level(parts(), shared)
    norms = torch.stack([torch.autograd.grad(p, shared)[0].norm() for p in parts()])
    weighted = level.weights * norms
    assert weighted.max() / weighted.min() < 1.3
    assert level.weights.sum().item() == pytest.approx(2, rel=1e-4)


def test_l2_sp_is_zero_at_the_start_and_leaves_new_layers_free():
    model = nn.ModuleDict({"old": nn.Linear(3, 3), "new": nn.Linear(3, 2)})
    start = {k: v.detach().clone() for k, v in model.named_parameters() if k.startswith("old")}
    assert l2_sp(model, start).item() == 0
    with torch.no_grad():
        model["old"].bias += 2
        model["new"].bias += 5
    assert l2_sp(model, start).item() == pytest.approx(6)


def test_weights_are_averaged_and_counters_are_not():
    old, new = (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)) for _ in range(2))
    new(torch.randn(8, 3))
    mixed = averaged(old, new, 0.25)
    torch.testing.assert_close(mixed[0].weight, 0.75 * old[0].weight + 0.25 * new[0].weight)
    assert mixed[1].num_batches_tracked == 1
    assert F.mse_loss(averaged(old, new, 1.0)[0].weight, new[0].weight) == 0
