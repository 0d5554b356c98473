import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.flop_counter import FlopCounterMode

from cvbook.deploy.prune import (
    Couple,
    Pruner,
    couples,
    importance,
    multiply_adds,
    narrow,
    remove_channels,
    sparsity_at,
    weighty,
)
from cvbook.models.embedder import Embedder
from cvbook.models.mivolo import mivolo_small
from cvbook.models.recogniser import Recogniser


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 5))


def test_schedule_of_zhu_and_gupta():
    assert [round(sparsity_at(k, 100, 0.8), 4) for k in (0, 50, 100, 200)] == [0, 0.7, 0.8, 0.8]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_magnitude_equals_torchs_global_pruning(share):
    ours, theirs = small(), small()
    pruner = Pruner(ours)
    pruner.prune(share)
    layers = [(m, "weight") for m in weighty(theirs)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=share)
    for a, b in zip(weighty(ours), weighty(theirs), strict=True):
        assert torch.equal(a.weight, b.weight)
    pruner.finish()
    assert set(ours.state_dict()) == set(small().state_dict())
    zeros = sum(int((m.weight == 0).sum()) for m in weighty(ours))
    assert zeros == round(share * sum(m.weight.numel() for m in weighty(ours)))


def test_movement_is_the_papers_update():
    """Written out, with D = rate · ∂L/∂W′: W′ = W · M; S ← S − D · W; W ← W − D · M.

    The mask M keeps the highest scores of the layer.
    """
    torch.manual_seed(0)
    layer, rate = nn.Linear(6, 4, bias=False), 0.1
    w, s, m = layer.weight.detach().clone(), torch.zeros(4, 6), torch.ones(4, 6)
    model = nn.Sequential(layer)
    pruner = Pruner(model, "movement")
    optimiser = torch.optim.SGD(model.parameters(), rate)
    assert {id(m.scores) for m in pruner.masks} < {id(p) for p in model.parameters()}
    for step in range(6):
        x, y = torch.randn(8, 6), torch.randn(8, 4)
        optimiser.zero_grad()
        ((model(x) - y) ** 2).sum().backward()
        optimiser.step()
        of_product = 2 * (x @ (w * m).T - y).T @ x
        s, w = s - rate * of_product * w, w - rate * of_product * m
        torch.testing.assert_close(layer.parametrizations.weight.original, w)
        torch.testing.assert_close(layer.parametrizations.weight[0].scores, s)
        pruner.prune(sparsity_at(step + 1, 6, 0.5))
        m = (s > s.flatten().kthvalue(round(sparsity_at(step + 1, 6, 0.5) * 24)).values).float()
        assert torch.equal(layer.parametrizations.weight[0].mask, m)
    assert int((layer.weight == 0).sum()) == 12


def test_a_pruned_weight_may_come_back():
    model = nn.Sequential(nn.Linear(4, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    pruner = Pruner(model)
    pruner.prune(0.5)
    assert model[0].weight.tolist() == [[0, 0, 3, 4]]
    pruner.prune(0.25)
    assert model[0].weight.tolist() == [[0, 2, 3, 4]]


@pytest.mark.parametrize(
    "make, inputs",
    [
        (lambda: Embedder(16, 8), (torch.rand(2, 3, 32, 32),)),
        (
            lambda: Recogniser(width=24, layers=1),
            (torch.rand(2, 1, 32, 64), torch.tensor([64, 40])),
        ),
        (lambda: mivolo_small(), (torch.randn(2, 6, 48, 48),)),
    ],
)
def test_removing_dead_channels_changes_nothing_and_the_rest_shrinks(make, inputs):
    torch.manual_seed(0)
    model = make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics as after training
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    for couple in couples(model):  # every second channel is dead: it passes nothing on
        with torch.no_grad():
            couple.second.weight[:, ::2] = 0
    with torch.no_grad():
        expected, before = model(*inputs), sum(p.numel() for p in model.parameters())
        for couple in couples(model):
            remove_channels(couple, torch.arange(1, couple.first.weight.shape[0], 2))
        torch.testing.assert_close(model(*inputs), expected, atol=1e-5, rtol=1e-5)
    assert couples(model) and sum(p.numel() for p in model.parameters()) < before
    assert all(c.first.weight.shape[0] == c.second.weight.shape[1] for c in couples(model))


def test_narrow_drops_the_least_and_the_network_still_trains():
    torch.manual_seed(0)
    model = Embedder(16, 8)
    one = couples(model)[0]
    with torch.no_grad():
        one.first.weight[[2, 5]] = 1e-4
    kept = one.first.weight[[0, 1, 3, 4, 6, 7]].clone()
    narrow(model, 0.25)
    assert torch.equal(model.body[0][0].weight, kept)
    assert [c.first.weight.shape[0] for c in couples(model)] == [6, 12, 24, 24]
    model(torch.rand(4, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())
    copy.deepcopy(model).load_state_dict(model.state_dict())


def test_importance_by_norms():
    couple = Couple(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1))
    with torch.no_grad():
        couple.norm.weight.copy_(torch.tensor([-3.0, 1.0, 2.0]))
    assert importance(couple, "norms").tolist() == [3, 1, 2]
    assert torch.equal(importance(couple), couple.first.weight.abs().flatten())


def test_multiplications_against_torchs_counter():
    model, x = small().eval(), torch.rand(2, 3, 6, 6)
    with FlopCounterMode(display=False) as counter:
        model(x)
    total, needed = multiply_adds(model, x)
    assert 2 * total == counter.get_total_flops() and needed == total
    pruner = Pruner(model)
    pruner.prune(0.5)
    pruner.finish()
    assert multiply_adds(model, x)[0] == total and 0 < multiply_adds(model, x)[1] < total
    assert not any(m._forward_hooks for m in model.modules())


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="choose 'magnitude' or 'movement'"):
        Pruner(small(), "lottery")
    with pytest.raises(ValueError, match="nothing to prune"):
        Pruner(nn.ReLU())
    with pytest.raises(ValueError, match="below 1"):
        Pruner(small()).prune(1.0)
    for steps, share in ((0, 0.5), (10, 1.0), (10, float("nan"))):
        with pytest.raises(ValueError, match="Need a step"):
            sparsity_at(1, steps, share)
    with pytest.raises(ValueError, match="no hidden channels"):
        narrow(small(), 0.5)
    with pytest.raises(ValueError, match="below 1"):
        narrow(Embedder(16, 8), -0.1)


def test_a_schedule_prunes_in_training_only_and_then_leaves_the_masks_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 20))
    pruner, x, shares = Pruner(model), torch.randn(4, 20), []
    pruner.schedule(4, 0.8)
    for _ in range(4):
        model.eval()(x)
        model.train()(x)
        shares.append(1 - torch.cat([m.mask.flatten() for m in pruner.masks]).mean().item())
    assert shares == pytest.approx([sparsity_at(step, 4, 0.8) for step in (1, 2, 3, 4)], abs=1e-3)
    before = [m.mask.clone() for m in pruner.masks]
    with torch.no_grad():
        model[0].parametrizations.weight.original.mul_(0.01)  # would all go, if masks were set anew
    model(x)
    assert all(torch.equal(m.mask, old) for m, old in zip(pruner.masks, before, strict=True))
    pruner.finish()
    assert not model[0]._forward_pre_hooks and not model[0]._forward_hooks


def test_scores_that_are_alike_do_not_empty_the_network():
    model = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 10))
    pruner = Pruner(model, "movement")
    pruner.prune(0.3)  # all scores are still zero
    assert [int(mask.mask.sum()) for mask in pruner.masks] == [70, 70]


def test_a_schedule_lets_scores_form_first():
    model = nn.Sequential(nn.Linear(10, 10))
    pruner, gone = Pruner(model, "movement"), []
    pruner.schedule(20, 0.5)
    for _ in range(20):
        model(torch.randn(2, 10))
        gone.append(100 - int(pruner.masks[0].mask.sum()))
    assert gone[:2] == [0, 0] and gone[2] > 0 and gone[-1] == 50 and gone == sorted(gone)
