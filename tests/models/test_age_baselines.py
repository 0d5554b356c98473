import pytest
import torch

from cvbook.models.age_baselines import SMALL, baseline


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("outputs", [1, 3])
def test_small_baselines_are_of_one_size(name, outputs):
    model = baseline(name, 64, outputs)
    assert model.eval()(torch.rand(2, 3, 64, 64)).shape == (2, outputs)
    assert 300_000 < sum(p.numel() for p in model.parameters()) < 800_000


# Millions of weights with the thousand classes of ImageNet, from the networks' papers.
PUBLISHED = {"ResNeXt": 25.0, "ViT": 22.1, "CaiT": 12.0, "XCiT": 6.7, "VOLO": 26.6}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    assert PUBLISHED.keys() == SMALL.keys()
    with torch.device("meta"):
        model = baseline(name, 224, small=False)
        assert model.eval()(torch.rand(1, 3, 224, 224)).shape == (1, 3)
        whole = baseline(name, 224, outputs=1000, small=False)
    weights = sum(p.numel() for p in whole.parameters())
    assert weights / 1e6 == pytest.approx(PUBLISHED[name], abs=0.1)


def test_an_unknown_baseline_is_named():
    with pytest.raises(ValueError, match="choose one of ResNeXt, ViT"):
        baseline("LeNet")
