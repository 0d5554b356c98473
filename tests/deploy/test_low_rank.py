import pytest
import torch
from torch import nn

from cvbook.deploy.low_rank import factorise, factorised, rank_for
from cvbook.models.embedder import Embedder
from cvbook.models.mivolo import mivolo_small
from cvbook.models.recogniser import Recogniser


@pytest.mark.parametrize(
    "layer, x",
    [
        (nn.Linear(12, 7), torch.randn(3, 5, 12)),
        (nn.Linear(7, 12, bias=False), torch.randn(4, 7)),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), torch.randn(2, 4, 9, 9)),
        (nn.Conv2d(4, 6, (1, 3), padding=(0, 2), dilation=2, bias=False), torch.randn(2, 4, 8, 8)),
    ],
)
def test_full_rank_changes_nothing(layer, x):
    with torch.no_grad():
        torch.testing.assert_close(
            factorised(layer, min(layer.weight.flatten(1).shape))(x), layer(x), atol=1e-5, rtol=1e-5
        )


def test_lower_ranks_are_the_nearest():
    torch.manual_seed(0)
    layer = nn.Linear(20, 10, bias=False)
    thin = factorised(layer, 4)
    product = thin[1].weight @ thin[0].weight
    # Eckart and Young: no matrix of rank 4 is nearer
    lost = torch.linalg.svdvals(layer.weight)[4:].square().sum().sqrt()
    torch.testing.assert_close((product - layer.weight).norm(), lost, atol=1e-5, rtol=1e-5)


def test_rank_by_energy():
    layer = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.tensor([3.0, 2.0, 1.0])))  # squares 9, 4, 1
    ranks = [rank_for(layer, energy) for energy in (0.5, 9 / 14, 0.9, 13 / 14, 0.95, 1.0)]
    assert ranks == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    "make, inputs",
    [
        (lambda: Embedder(16, 16), (torch.rand(2, 3, 32, 32),)),
        (
            lambda: Recogniser(width=24, layers=1),
            (torch.rand(2, 1, 32, 64), torch.tensor([64, 40])),
        ),
        (mivolo_small, (torch.randn(2, 6, 48, 48),)),
    ],
)
def test_networks_become_smaller_and_still_learn(make, inputs):
    torch.manual_seed(0)
    model = make()
    before = sum(p.numel() for p in model.parameters())
    split = factorise(model, 0.6)
    assert sum(p.numel() for p in model.parameters()) < before
    model(*inputs).sum().backward()
    pairs = [m for m in model.modules() if isinstance(m, nn.Sequential) and len(m) == 2]
    assert len(pairs) >= split > 2
    assert all(p.grad is not None for pair in pairs for p in pair.parameters())


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="1 to 3"):
        factorised(nn.Linear(3, 4), 4)
    with pytest.raises(ValueError, match="grouped"):
        factorised(nn.Conv2d(4, 4, 3, groups=4), 1)
    with pytest.raises(ValueError, match="above 0"):
        factorise(nn.Linear(3, 3), 0)
