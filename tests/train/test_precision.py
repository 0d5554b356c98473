import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cvbook.train.precision import (
    RECIPES,
    LossScale,
    MasterWeights,
    Precision,
    step_times,
    train_in,
)


def task(seed=0, n=24, batch=16):
    """Batches of two noisy classes, and a small network."""
    torch.manual_seed(seed)
    batches = []
    for _ in range(n):
        y = torch.randint(0, 2, (batch,))
        batches.append((torch.randn(batch, 1, 8, 8) + y[:, None, None, None], y))
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2)
    )
    return model, batches


def sgd(parameters):
    return torch.optim.SGD(parameters, 0.1, momentum=0.9)


def run(recipe, **given):
    model, batches = task()
    usual = {"loss": F.cross_entropy, "optimiser": sgd, "rate": lambda step: 0.05}
    return model, train_in(recipe, model, batches, **(usual | given))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns_an_easy_task(name):
    model, log = run(RECIPES[name])
    assert sum(log.losses[-5:]) < 0.6 * sum(log.losses[:5])
    assert len(log.zeros) == len(log.scales) == 24
    assert all(p.dtype == RECIPES[name].dtype for p in model.parameters())


@pytest.mark.parametrize("optimiser", [sgd, partial(torch.optim.AdamW, lr=0.01)])
@pytest.mark.parametrize("start", [2.0**16, 2.0**40])
def test_scaling_as_needed_is_that_of_torch(optimiser, start):
    """The same weights and the same scales as torch.amp, overflows included."""
    recipe = Precision(scale=lambda: LossScale(start, 5), autocast=torch.float16)
    ours, log = run(recipe, optimiser=optimiser)
    model, batches = task()
    model.train()
    steps = optimiser(list(model.parameters()))
    scaler = torch.amp.GradScaler("cpu", init_scale=start, growth_interval=5)
    scales = []
    for x, y in batches:
        for group in steps.param_groups:
            group["lr"] = 0.05
        with torch.autocast("cpu", torch.float16):
            output = model(x)
        steps.zero_grad()
        scales.append(scaler.get_scale())
        scaler.scale(F.cross_entropy(output.float(), y)).backward()
        scaler.step(steps)
        scaler.update()
    assert log.scales == scales and len(set(scales)) > 1 and log.skipped > 0
    for a, b in zip(ours.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_fp32_recipe_is_plain_training():
    ours, _ = run(RECIPES["FP32"])
    model, batches = task()
    steps = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for x, y in batches:
        steps.zero_grad()
        F.cross_entropy(model(x), y).backward()
        steps.step()
    torch.testing.assert_close(ours.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_master_weights_remember_what_rounding_forgets():
    model = nn.Linear(1, 1, bias=False).half()
    nn.init.ones_(model.weight)
    master = MasterWeights(model)
    for _ in range(1000):
        # A tenth of what FP16 can tell from 1.
        model.weight.grad = torch.full_like(model.weight, 1e-4)
        master.collect()
        master.full[0].data -= master.full[0].grad
        master.publish()
    assert model.weight.item() == pytest.approx(0.9, abs=1e-3)
    nn.init.ones_(model.weight)
    for _ in range(1000):  # without them
        model.weight.data -= model.weight.grad
    assert model.weight.item() == 1


def test_adam_in_plain_fp16_dies_of_its_epsilon():
    def adam(eps: float):
        return partial(torch.optim.Adam, lr=2e-3, eps=eps)

    usual, larger = (
        run(RECIPES["plain FP16"], optimiser=adam(eps), rate=lambda step: 2e-3)[1]
        for eps in (1e-8, 1e-4)
    )
    assert not math.isfinite(usual.losses[-1]) and all(math.isfinite(v) for v in larger.losses)
    assert sum(larger.losses[-5:]) < sum(larger.losses[:5])


def test_small_gradients_need_the_scale():
    def tiny(output, y):
        return 1e-7 * F.cross_entropy(output, y)

    _, plain = run(RECIPES["plain FP16"], loss=tiny)
    _, scaled = run(Precision(torch.float16, lambda: LossScale(2.0**16, None), True), loss=tiny)
    assert min(plain.zeros) > 0.5 > max(scaled.zeros)


def test_a_fixed_scale_stays_and_skips_what_overflows():
    _, log = run(Precision(torch.float16, lambda: LossScale(1e9, None), True))
    assert log.skipped == 24 and set(log.scales) == {1e9}


def test_a_loss_that_is_not_finite_is_logged():
    _, log = run(RECIPES["plain FP16"], rate=lambda step: 6e4)
    assert not all(math.isfinite(v) for v in log.losses) and len(log.losses) == 24


def test_step_times_take_turns_and_train():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 2)
    )
    before, types = model[0].weight.detach().clone(), []
    model[0].register_forward_hook(lambda *given: types.append(given[-1].dtype))
    taken, memory = step_times(model, (torch.rand(2, 1, 8, 8),), 3)
    assert taken.keys() == {"FP32", "BF16"}
    assert all(len(t) == 3 and min(t) > 0 for t in taken.values())
    assert types == 4 * [torch.float32, torch.bfloat16]
    assert memory == {}
    assert model[0].weight.dtype == torch.float32
    assert not torch.equal(model[0].weight, before)
