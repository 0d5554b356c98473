import pytest
import torch
from torch import nn

from cvbook.deploy.low_rank import factorise, factorised, rank_for
from cvbook.deploy.prune import Pruner
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
        (nn.Conv2d(4, 6, 3, padding="same", padding_mode="reflect"), torch.randn(2, 4, 8, 8)),
        (nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="circular"), torch.randn(2, 4, 8, 8)),
        (nn.Conv2d(4, 6, 3, padding="valid", padding_mode="replicate"), torch.randn(2, 4, 8, 8)),
        (nn.Linear(12, 7, dtype=torch.float64), torch.randn(3, 12, dtype=torch.float64)),
    ],
)
def test_full_rank_changes_nothing(layer, x):
    with torch.no_grad():
        torch.testing.assert_close(
            factorised(layer, min(layer.weight.flatten(1).shape))(x), layer(x), atol=1e-5, rtol=1e-5
        )


def test_the_two_are_as_the_one_was():
    """Type, place, mode, and what learns."""
    layer = nn.Conv2d(4, 6, 3, dtype=torch.bfloat16).eval()
    layer.weight.requires_grad_(False)
    both = factorised(layer, 2)
    assert not both.training and not both[1].training
    assert {p.dtype for p in both.parameters()} == {torch.bfloat16}
    assert [p.requires_grad for p in both.parameters()] == [False, False, True]
    assert factorised(nn.Linear(4, 4), 2).training
    half = nn.Linear(12, 8, dtype=torch.float16)
    assert factorise(nn.Sequential(half), 0.3) == 1


def hooked():
    layer = nn.Linear(8, 8)
    layer.register_forward_hook(lambda *_: None)
    return layer


def hooked_before():
    layer = nn.Linear(8, 8)
    layer.register_forward_pre_hook(lambda *_: None)
    return layer


def masked():
    layer = nn.Linear(8, 8)
    Pruner(layer)
    return layer


MORE = {
    "hook": hooked,
    "mask": masked,
    "hook before": hooked_before,
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)),
    "a class of its own": lambda: type("Scaled", (nn.Linear,), {})(8, 8),
}


@pytest.mark.parametrize("kind", MORE)
def test_what_is_more_than_its_weights_stays(kind):
    layer = MORE[kind]()
    model = nn.Sequential(layer)
    assert factorise(model, 0.1) == 0 and model[0] is layer
    with pytest.raises(ValueError, match="more than its weights"):
        factorised(layer, 1)


def test_attention_that_reads_its_layers_weights_still_works():
    """Torch's takes the weight of its last layer, which is of a class of its own, by hand."""
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(16, 2, 64, batch_first=True)
    assert factorise(model, 0.3) == 2
    model(torch.randn(2, 5, 16)).sum().backward()


def test_a_layer_in_two_places_stays_one():
    shared = nn.Linear(16, 16)
    model = nn.Sequential(shared, nn.ReLU(), nn.Sequential(shared), shared)
    assert factorise(model, 0.3) == 1
    assert model[0] is model[3] is model[2][0] and len(model[0]) == 2


def test_weights_that_are_not_finite_are_refused():
    layer = nn.Linear(8, 8)
    with torch.no_grad():
        layer.weight[2, 3] = torch.nan
    for use in (lambda: factorised(layer, 2), lambda: factorise(nn.Sequential(layer), 0.5)):
        with pytest.raises(ValueError, match="not finite"):
            use()


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
