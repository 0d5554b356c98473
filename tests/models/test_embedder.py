import pytest
import torch

from cvbook.models.embedder import TimmEmbedder


@pytest.mark.parametrize(
    ("name", "given"),
    [("no_such_net", {}), ("test_resnet", {"checkpoint": "/nowhere/weights.pth"})],
)
def test_a_backbone_that_cannot_be_had_gives_one_sentence(name, given):
    with pytest.raises(RuntimeError, match=f"No backbone '{name}'"):
        TimmEmbedder(name, **given)


def test_a_checkpoint_with_a_classifier_gives_the_backbone_s_features(tmp_path):
    import timm

    torch.manual_seed(3)
    whole = timm.create_model("test_resnet", num_classes=7).eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    model = TimmEmbedder("test_resnet", checkpoint=str(tmp_path / "whole.pth")).eval()
    x = torch.rand(2, 3, 64, 64)
    expected = whole.forward_head(
        whole.forward_features((x - model.mean) / model.std), pre_logits=True
    )
    torch.testing.assert_close(model.features(x), expected)
    torch.save(
        {k: v for k, v in whole.state_dict().items() if "layer1" not in k}, tmp_path / "part.pth"
    )
    with pytest.raises(RuntimeError, match="the file lacks layer1.* and .* others"):
        TimmEmbedder("test_resnet", checkpoint=str(tmp_path / "part.pth"))


def test_a_striped_embedder_searches_by_the_global_vector():
    model = StripedEmbedder(16, 8).eval()
    x = torch.rand(2, 3, 64, 32)
    raw = model.raw(x)
    assert raw.shape == (2, 16 + 8 * 32) and model(x).shape == (2, 16)
    torch.testing.assert_close(model(x), torch.nn.functional.normalize(raw[:, :16]))
    AlignedTriplet(16)(raw, torch.tensor([0, 1])).backward()
