import pytest
import torch
from torch import nn

from cvbook.train.underflow import SMALLEST, Underflow


def test_what_counts_as_lost_is_what_fp16_rounds_to_zero():
    layer = nn.Linear(1, 4, bias=False)
    watch = Underflow(layer, (1.0, 4.0), every=1)
    sizes = torch.tensor([0.0, SMALLEST / 2, SMALLEST * 0.51, 1.0])
    (layer(torch.ones(1, 1)) * sizes).sum().backward()
    assert (watch.seen, watch.lost) == (3, {1.0: 1, 4.0: 0})
    rounded = sizes.half()
    assert watch.lost[1.0] == int(((rounded == 0) & (sizes > 0)).sum())
    assert watch.share() == 1 / 3 and watch.share(4.0) == 0


def test_backward_passes_add_up_and_evaluation_does_not_count():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    watch = Underflow(net, every=1)
    for _ in range(2):
        net(torch.ones(1, 1, 4, 4)).sum().backward()
    assert watch.seen == 2 * (8 + 1)
    with torch.inference_mode():
        net(torch.ones(1, 1, 4, 4))
    assert watch.seen == 18


def test_nothing_seen_is_nothing_lost():
    watch = Underflow(nn.ReLU())
    assert watch.share() == 0
    with pytest.raises(KeyError):
        watch.share(2.0)
