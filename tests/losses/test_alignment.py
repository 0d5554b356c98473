import numpy as np
import pytest
import torch

from cvbook.losses.alignment import AlignedTriplet, aligned


def slow(a, b):
    """The paper's recursion, one cell at a time."""
    step = np.tanh(np.linalg.norm(a[:, None] - b, axis=-1) / 2)
    total = np.full(np.add(step.shape, 1), np.inf)
    total[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            best = 0 if i == j == 0 else min(total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = step[i, j] + best
    return total[-1, -1]


def test_distances_are_those_of_the_recursion():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 8, 4)), rng.normal(size=(5, 8, 4))
    d = aligned(torch.from_numpy(a)[:, None], torch.from_numpy(b)[None]).numpy()
    np.testing.assert_allclose(d, [[slow(p, q) for q in b] for p in a], rtol=1e-9)


def test_alignment_by_hand():
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [3.0]])
    t = np.tanh
    # Corner, the cheaper way round, corner.
    assert float(aligned(a, b)) == pytest.approx(t(0) + min(t(1.5), t(0.5)) + t(1))


def test_a_shifted_body_stays_nearer_than_another():
    draw = torch.Generator().manual_seed(0)
    body, other = torch.randn(8, 4, generator=draw), torch.randn(8, 4, generator=draw)
    shifted = torch.cat([torch.randn(1, 4, generator=draw), body[:-1]])
    straight = [float(torch.tanh((body - z).norm(dim=1) / 2).sum()) for z in (shifted, other)]
    assert aligned(body, shifted) / aligned(body, other) < 0.9 * straight[0] / straight[1]


def test_gradients_are_right_and_finite_where_stripes_are_equal():
    draw = torch.Generator().manual_seed(0)
    a = torch.randn(2, 4, 3, dtype=torch.double, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: aligned(x[0], x[1]), a)
    same = torch.ones(2, 4, 3, requires_grad=True)
    aligned(same[0], same[1]).backward()
    assert torch.isfinite(same.grad).all()


def test_the_loss_asks_for_both_distances():
    loss, y = AlignedTriplet(4, 8), torch.tensor([0, 0, 1, 1])
    good = torch.eye(4)[[0, 0, 1, 1]]
    alike = torch.ones(4, 8 * 2)
    told = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]).repeat(1, 8)
    assert float(loss(torch.cat([good, told], 1), y)) == 0
    # Nothing tells the stripes apart, or the pictures: the margin is missing.
    assert float(loss(torch.cat([good, alike], 1), y)) == pytest.approx(0.3, abs=1e-4)
    assert float(loss(torch.cat([torch.ones(4, 4), told], 1), y)) == pytest.approx(0.3, abs=1e-4)
    assert float(loss(torch.cat([good, told], 1)[:1], y[:1])) == 0  # one picture has no triplet


def test_bodies_of_other_numbers_of_stripes():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(8, 4)), rng.normal(size=(5, 4))
    for p, q in ((a, b), (b, a), (a[:1], b)):
        assert float(aligned(torch.from_numpy(p), torch.from_numpy(q))) == pytest.approx(slow(p, q))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        aligned(torch.zeros(0, 4), torch.zeros(3, 4))
    with pytest.raises(ValueError, match="cannot be compared"):
        aligned(torch.zeros(3, 4), torch.zeros(3, 5))
    loss, y = AlignedTriplet(4, 8), torch.tensor([0, 0, 1])
    for x in (torch.randn(3, 19), torch.randn(3, 4)):
        with pytest.raises(ValueError, match="8 stripes"):
            loss(x, y)
    with pytest.raises(ValueError, match="as many"):
        loss(torch.randn(2, 20), y)


@pytest.mark.parametrize("column", [0, 19])
def test_without_finite_embeddings_the_loss_is_nan(column):
    x, y = torch.randn(5, 20), torch.tensor([0, 0, 1, 1, 2])
    x[4, column] = torch.nan
    assert torch.isnan(AlignedTriplet(4, 8)(x, y))


HOSTILE = {
    "one sample": (torch.ones(1, 20), torch.zeros(1, dtype=torch.long)),
    "one class": (torch.arange(120.0).reshape(6, 20), torch.zeros(6, dtype=torch.long)),
    "duplicates": (torch.ones(6, 20), torch.arange(6) % 3),
    "zero vectors": (torch.zeros(6, 20), torch.arange(6) % 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", HOSTILE)
def test_the_loss_and_its_gradient_stay_finite(case, dtype):
    x, y = HOSTILE[case]
    x = x.to(dtype, copy=True).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = AlignedTriplet(4, 8)(x, y)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(x.grad).all()
