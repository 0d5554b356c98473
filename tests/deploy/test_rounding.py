import copy

import pytest
import torch
from torch import nn

from cvbook.deploy.prune import weighty
from cvbook.deploy.rounding import RoundedTraining, grid_of, rounded


@pytest.mark.parametrize("symmetric", [True, False])
def test_rounding_equals_torchs_with_gradients(symmetric):
    torch.manual_seed(0)
    x, weight = 3 * torch.randn(50, 6), torch.randn(50, 6)
    grid = grid_of(torch.tensor(-2.0), torch.tensor(3.5), symmetric)
    results = []
    for function in (
        lambda v: rounded(v, grid),
        lambda v: torch.fake_quantize_per_tensor_affine(
            v, grid.scale, grid.zero.int(), grid.low, grid.high
        ),
    ):
        v = x.clone().requires_grad_()
        out = function(v)
        (out * weight).sum().backward()
        results.append((out.detach(), v.grad))
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=1e-6)
    assert (results[0][1] == 0).any()
    # values beyond the range do not learn
    assert (results[0][1] != 0).any()


def test_rounding_by_channel_equals_torchs():
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 3, 3) * torch.tensor([0.01, 0.1, 1, 10])[:, None, None, None]
    largest = weight.abs().flatten(1).amax(1)
    grid = grid_of(-largest.view(4, 1, 1, 1), largest.view(4, 1, 1, 1), True)
    theirs = torch.fake_quantize_per_channel_affine(
        weight, grid.scale.flatten(), torch.zeros(4, dtype=torch.int32), 0, -127, 127
    )
    torch.testing.assert_close(rounded(weight, grid), theirs, atol=1e-6, rtol=1e-6)
    together = rounded(weight, grid_of(-largest.max(), largest.max(), True))
    assert not together[0].any()
    # one scale for all would lose the first channel
    assert rounded(weight, grid)[0].any()


@pytest.mark.parametrize("low, high", [(-1.0, 2.0), (0.5, 2.0), (-3.0, -1.0), (0.0, 0.0)])
def test_zero_is_always_on_the_grid(low, high):
    for symmetric in (True, False):
        grid = grid_of(torch.tensor(low), torch.tensor(high), symmetric)
        assert rounded(torch.zeros(1), grid).item() == 0 and grid.low <= grid.zero <= grid.high


def trained(bits_known: bool) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)), torch.randn(512, 8)
    y = x[:, :1] * x[:, 1:2]
    known = RoundedTraining(model) if bits_known else None
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimiser.step()
    if known:
        known.finish()
    return model, x, y


def test_training_that_knows_learns_and_leaves_no_trace():
    model, x, y = trained(True)
    assert nn.functional.mse_loss(model(x), y) < 0.5 * y.var()
    assert set(model.state_dict()) == set(trained(False)[0].state_dict())
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_in_training_weights_and_inputs_are_on_grids():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5, bias=False))
    free, x = copy.deepcopy(model), torch.rand(9, 6)
    known = RoundedTraining(model)
    torch.testing.assert_close(model.eval()(x), x @ model[0].weight.T)  # no range yet: inputs pass
    got = model.train()(x)
    row = free[0].weight.abs().amax(1, keepdim=True) / 127
    step = x.max() / 255
    inputs, weight = torch.round(x / step) * step, torch.round(free[0].weight / row) * row
    torch.testing.assert_close(got, inputs @ weight.T, atol=1e-5, rtol=1e-5)
    assert len(model[0].weight[0].div(row[0]).round().unique()) <= 255
    known.finish()
    assert torch.equal(model[0].weight, free[0].weight) and len(weighty(model)) == 1
