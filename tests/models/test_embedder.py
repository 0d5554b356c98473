import pytest
import timm
import torch

from cvbook.losses.alignment import AlignedTriplet
from cvbook.models.embedder import Embedder, StripedEmbedder, TimmEmbedder


def test_an_embedding_is_the_raw_vector_scaled_to_length_one():
    torch.manual_seed(0)
    model, x = Embedder(16, 8).eval(), torch.rand(3, 3, 32, 32)
    assert model.raw(x).norm(dim=1).min() > 0 and model(x).shape == (3, 16)
    torch.testing.assert_close(model(x), torch.nn.functional.normalize(model.raw(x)))


MISSING = {"checkpoint": "/nowhere/weights.pth"}


@pytest.mark.parametrize(("name", "given"), [("no_such_net", {}), ("test_resnet", MISSING)])
def test_a_backbone_that_cannot_be_had_gives_one_sentence(name, given):
    with pytest.raises(RuntimeError, match=f"No backbone '{name}'"):
        TimmEmbedder(name, **given)


def test_a_checkpoint_with_a_classifier_gives_the_backbone_s_features(tmp_path):
    torch.manual_seed(3)
    whole = timm.create_model("test_resnet", num_classes=7).eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    model = TimmEmbedder("test_resnet", checkpoint=str(tmp_path / "whole.pth")).eval()
    x = torch.rand(2, 3, 64, 64)
    features = whole.forward_features((x - model.mean) / model.std)
    expected = whole.forward_head(features, pre_logits=True)
    torch.testing.assert_close(model.features(x), expected)
    part = {k: v for k, v in whole.state_dict().items() if "layer1" not in k}
    torch.save(part, tmp_path / "part.pth")
    with pytest.raises(RuntimeError, match="the file lacks layer1.* and .* others"):
        TimmEmbedder("test_resnet", checkpoint=str(tmp_path / "part.pth"))


def test_a_striped_embedder_searches_by_the_global_vector():
    model = StripedEmbedder(16, 8).eval()
    x = torch.rand(2, 3, 64, 32)
    raw = model.raw(x)
    assert raw.shape == (2, 16 + 8 * 32) and model(x).shape == (2, 16)
    torch.testing.assert_close(model(x), torch.nn.functional.normalize(raw[:, :16]))
    AlignedTriplet(16)(raw, torch.tensor([0, 1])).backward()
