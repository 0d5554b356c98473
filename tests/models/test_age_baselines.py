import pytest
import torch

from cvbook.models.age_baselines import LARGE, SMALL, baseline


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("outputs", [1, 3])
def test_small_baselines_are_of_one_size(name, outputs):
    model = baseline(name, 64, outputs)
    assert model.eval()(torch.rand(2, 3, 64, 64)).shape == (2, outputs)
    assert 300_000 < sum(p.numel() for p in model.parameters()) < 800_000


@pytest.mark.parametrize("name", [*LARGE, "VOLO"])
def test_published_sizes(name):
    with torch.device("meta"):
        model = baseline(name, 224, small=False)
        assert model.eval()(torch.rand(1, 3, 224, 224)).shape == (1, 3)


def test_an_unknown_baseline_is_named():
    with pytest.raises(ValueError, match="choose one of ResNeXt, ViT"):
        baseline("LeNet")
