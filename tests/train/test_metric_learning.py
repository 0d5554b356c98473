import numpy as np
import pytest
import torch

from cvbook.losses.pairs import MINERS
from cvbook.metrics.retrieval import retrieval
from cvbook.train.embedder import embed, train_embedder
from cvbook.train.metric_learning import ARMS, FACTORIAL, PAIR_LOSSES


def coloured(seed=0, n=120):
    """Noisy squares whose colour is their class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, n)
    colour = np.random.default_rng(9).uniform(40, 215, (6, 3, 1, 1))[labels]
    images = (colour + 20 * rng.normal(size=(n, 3, 24, 24))).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(images), labels


@pytest.mark.parametrize("name", ARMS)
def test_every_loss_learns_to_tell_classes_apart(name):
    images, labels = coloured()
    arm, small = ARMS[name], {"batch": 24, "width": 8, "dim": 16, "decay": 0.0}
    loss = arm.make(arm.strengths[0])
    model, losses = train_embedder(images, labels, 6, loss=loss, per_class=arm.per_class, **small)
    test, truth = coloured(seed=1)
    assert np.isfinite(losses).all() and retrieval(embed(model, test), truth)["recall@1"] > 0.8


def test_the_factorial_has_every_loss_with_every_way_and_no_two_alike():
    assert len(FACTORIAL) == len(PAIR_LOSSES) * len(MINERS) == 16
    draw = torch.Generator().manual_seed(1)  # of few dimensions, so that some lie near
    x = torch.randn(32, 4, generator=draw) @ torch.randn(4, 64, generator=draw)
    y = torch.arange(32) % 8
    values = []
    for arm in FACTORIAL.values():
        torch.manual_seed(0)
        values.append(float(arm.make(arm.strengths[1])(64, 8)(x, y)))
    assert np.isfinite(values).all() and len({round(v, 5) for v in values}) == 16
