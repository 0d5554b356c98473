from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional as F

from cvbook.data.age_gender import AgeScale, Crops
from cvbook.losses.imbalance import FDS, lds_weights
from cvbook.metrics.age import evaluate
from cvbook.models.mivolo import mivolo_small
from cvbook.train.age_gender import (
    chosen,
    drop_inputs,
    estimate,
    multi_task,
    normalised,
    train_age_gender,
)


def people(seed=0, n=96, side=48):
    """The older, the brighter, in both crops; women are red."""
    rng = np.random.default_rng(seed)
    years, male = rng.uniform(0, 90, n), rng.random(n) < 0.5
    tint = np.stack([np.where(male, 0.5, 1.0), np.ones(n), np.where(male, 1.0, 0.5)], 1)
    colour = tint * (40 + 2 * years)[:, None]
    pixels = np.tile(colour, 2)[:, :, None, None] + rng.normal(0, 5, (n, 6, side, side))
    pixels = torch.from_numpy(pixels.clip(0, 255).astype(np.uint8))
    return Crops(pixels, years, male, np.ones(n), np.arange(n))


def test_a_black_crop_is_black_before_normalisation():
    x = normalised(torch.zeros(1, 6, 4, 4))
    expected = -torch.tensor([0.485 / 0.229, 0.456 / 0.224, 0.406 / 0.225] * 2)
    torch.testing.assert_close(x[0, :, 0, 0], expected)


def test_dropout_takes_a_face_or_a_body_and_never_both():
    x = drop_inputs(torch.ones(6000, 6, 2, 2), 0.4, 0.1, torch.Generator().manual_seed(0))
    face, body = (x[:, c].flatten(1).sum(1) == 0 for c in (slice(0, 3), slice(3, 6)))
    assert not (face & body).any()
    assert face.float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert body.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert (drop_inputs(torch.ones(9, 6, 2, 2), 1.0, 0.0, torch.Generator())[:, 3:] == 1).all()
    with pytest.raises(ValueError, match="more than 1"):
        drop_inputs(x, 0.7, 0.6, torch.Generator())


def test_loss_by_hand():
    output = torch.tensor([[2.0, -1.0, 0.3], [0.5, 0.5, -0.2]])
    age = torch.tensor([0.1, -0.2])
    male = torch.tensor([True, False])
    weight = torch.tensor([1.5, 0.5])
    expected = 1.5 * 0.2**2 / 2 + 0.1 * F.cross_entropy(output[:, :2], torch.tensor([0, 1]))
    torch.testing.assert_close(multi_task(output, age, male, weight), expected)
    of_age = multi_task(output[:, 2:], age, male, weight)
    torch.testing.assert_close(of_age, torch.tensor(1.5 * 0.2**2 / 2))


@pytest.mark.parametrize("inputs", ["both", "face", "body"])
def test_training_learns_age_and_gender(inputs):
    torch.manual_seed(0)
    crops, drop = (2, (0.2, 0.1)) if inputs == "both" else (1, (0, 0))
    model = mivolo_small(inputs=crops)
    train_age_gender(model, people(), 12, inputs=inputs, drop=drop)
    test = people(1)
    age, male = estimate(model, chosen(test.pixels, inputs))
    result = evaluate(age, test.years, male, test.male)
    assert result.mae < 14 and result.gender > 0.9  # a constant answer errs by 22 years


def test_a_network_of_age_alone_knows_no_gender():
    model = mivolo_small(inputs=1, outputs=1).eval()
    age, male = estimate(model, people(n=5).pixels[:, :3])
    assert age.shape == (5,) and np.isnan(male).all()
    train_age_gender(model, people(n=16), 1, inputs="face")


def test_weights_and_smoothed_features_on_a_network_of_timm():
    torch.manual_seed(0)
    data = people()
    model = timm.create_model("test_resnet", num_classes=3)
    bins = np.rint(data.years).astype(int)
    fds = FDS(model.num_features, 100)
    train_age_gender(model, data, 3, inputs="face", weights=lds_weights(bins, 100), fds=fds)
    assert fds.epoch == 3 and fds.seen.sum() == 3 * len(bins)
    assert torch.isfinite(fds.smooth_mean).all()


def test_same_seed_same_weights():
    def trained(seed: int) -> torch.Tensor:
        torch.manual_seed(7)
        model = mivolo_small()
        return train_age_gender(model, people(n=16), 1, seed, drop=(0.3, 0.1)).head.weight

    a, b, c = (trained(seed) for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_bad_input():
    with pytest.raises(ValueError, match="choose both, face or body"):
        chosen(people(n=2).pixels, "hands")
    broken = replace(people(n=4), years=np.array([1.0, np.inf, 2, 3]))
    with pytest.raises(ValueError, match="age is not finite"):
        train_age_gender(mivolo_small(), broken, 1)
    with pytest.raises(ValueError, match="at least two people; got 1"):
        train_age_gender(mivolo_small(), people(n=1), 1)
    for weights in (np.ones(5), np.ones(1), np.array([1, 1, np.nan, 1])):
        with pytest.raises(ValueError, match="4 people need as many weights"):
            train_age_gender(mivolo_small(), people(n=4), 1, weights=weights)


def test_estimates_use_the_scale():
    model, data = mivolo_small().eval(), people(n=3)
    narrow, wide = (estimate(model, data.pixels, AgeScale(0, high))[0] for high in (10, 100))
    np.testing.assert_allclose(narrow * 10, wide)
