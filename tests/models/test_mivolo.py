import pytest
import torch

from cvbook.models.fusion import FUSIONS
from cvbook.models.mivolo import (
    MiVOLO,
    load_checkpoint,
    mivolo_d1,
    mivolo_small,
    save_checkpoint,
)


def count(model):
    return sum(p.numel() for p in model.parameters()), len(model.state_dict())


def test_sizes_of_the_published_networks():
    assert count(mivolo_d1(inputs=2)) == (27_432_414, 290)
    assert count(mivolo_d1(inputs=1)) == (25_864_350, 260)


def test_a_volo_of_timm_loads_by_name_and_gives_the_same_numbers_and_gradients():
    import timm

    torch.manual_seed(0)
    reference = timm.create_model("volo_d1_224", num_classes=3).eval()
    ours, x = mivolo_d1(inputs=1).eval(), torch.randn(1, 3, 224, 224)
    ours.load_state_dict(reference.state_dict())
    torch.testing.assert_close(ours(x), reference(x), atol=1e-5, rtol=0)
    for model in (ours, reference):
        model(x).square().sum().backward()
    for name in ("network.0.0.attn.attn.weight", "patch_embed.conv.0.weight", "head.bias"):
        torch.testing.assert_close(
            ours.get_parameter(name).grad, reference.get_parameter(name).grad, atol=1e-5, rtol=1e-3
        )


def test_both_crops_of_a_person_count_and_no_one_else_does():
    torch.manual_seed(0)
    model, x = mivolo_small().eval(), torch.randn(2, 6, 48, 48)
    y = model(x)
    assert y.shape == (2, 3)
    for crop in (slice(0, 3), slice(3, 6)):
        other = x.clone()
        other[0, crop] = 0
        assert not torch.allclose(model(other)[0], y[0])
        torch.testing.assert_close(model(other)[1], y[1])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_learns_from_both_crops(fusion):
    torch.manual_seed(0)
    model = mivolo_small(fusion=fusion)
    x = torch.randn(2, 6, 48, 48, requires_grad=True)
    model(x).sum().backward()
    assert x.grad[:, :3].abs().sum() > 0 and x.grad[:, 3:].abs().sum() > 0
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_starting_from_a_single_input():
    torch.manual_seed(0)
    single, model = mivolo_small(inputs=1), mivolo_small()
    model.start_from(single)
    for stem in (model.patch_embed.conv1, model.patch_embed.conv2):
        torch.testing.assert_close(stem.state_dict(), single.patch_embed.conv.state_dict())
    assert torch.equal(model.head.weight, single.head.weight)
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert frozen and all(n.startswith(("patch_embed.conv1", "patch_embed.proj1")) for n in frozen)
    with pytest.raises(ValueError, match="do not fit"):
        model.start_from(mivolo_small(inputs=1, hidden=32))


@pytest.mark.parametrize("shape", [(1, 3, 48, 48), (1, 6, 64, 64)])
def test_crops_of_another_kind_are_refused(shape):
    with pytest.raises(ValueError, match="takes 6 channels of 48 × 48"):
        mivolo_small()(torch.zeros(shape))


def test_a_side_that_has_no_patches_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        MiVOLO((1, 1, 1, 1), (48, 96, 96, 96), (2, 4, 4, 4), side=100)


@pytest.mark.parametrize(
    "given", [{}, {"inputs": 1}, {"outputs": 1}, {"inputs": 1, "side": 96, "hidden": 24}]
)
def test_a_checkpoint_gives_the_same_network(tmp_path, given):
    torch.manual_seed(0)
    model = mivolo_small(**given).eval()
    save_checkpoint(model, tmp_path / "model.pth.tar", 1, 95)
    again, low, high = load_checkpoint(tmp_path / "model.pth.tar")
    x = torch.randn(1, 3 * model.inputs, model.side, model.side)
    assert (low, high) == (1, 95)
    assert torch.equal(model(x), again(x))
    assert list(tmp_path.iterdir()) == [tmp_path / "model.pth.tar"]


def test_a_file_in_the_official_layout_loads(tmp_path):
    torch.manual_seed(0)
    model = mivolo_d1().eval()
    about = {"epoch": 377, "arch": "mivolo_d1_224", "no_gender": False, "with_persons_model": True}
    ages = {"min_age": 1, "max_age": 95, "avg_age": 48.0}
    weights = {"state_dict": model.state_dict() | {"fds.epoch": torch.zeros(1)}}
    torch.save(about | ages | weights, tmp_path / "official.pth.tar")
    again, low, high = load_checkpoint(tmp_path / "official.pth.tar")
    assert (low, high, again.side) == (1, 95, 224)
    torch.testing.assert_close(again.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_other_files_give_one_sentence(tmp_path, content):
    if content is None:
        other = {"state_dict": {"fc.weight": torch.zeros(2, 2)}, "min_age": 1, "max_age": 95}
        torch.save(other, tmp_path / "x.pth")
    else:
        (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint of MiVOLO"):
        load_checkpoint(tmp_path / "x.pth")
    with pytest.raises(ValueError, match="does not exist"):
        load_checkpoint(tmp_path / "none.pth")


@pytest.mark.parametrize(
    "change",
    [
        {"min_age": 95},
        {"max_age": float("nan")},
        {"max_age": 1e30},
        {"min_age": "young"},
        {"network.0.0.attn.attn.weight": torch.zeros(0, 48)},
        {"pos_embed": torch.zeros(())},
        {"pos_embed": torch.zeros(1).expand(1, 10**5, 10**5, 96)},
        {"network.0.0.norm1.weight": torch.zeros(1).expand(10**9)},
        {"head.weight": torch.full((3, 96), torch.nan)},
        {"head.weight": None},
    ],
)
def test_weights_that_do_not_fit_are_one_sentence_and_take_no_memory(tmp_path, change):
    file, (name, value) = tmp_path / "x.pth", next(iter(change.items()))
    content = {"state_dict": mivolo_small().state_dict(), "min_age": 1, "max_age": 95}
    (content if name in content else content["state_dict"])[name] = value
    torch.save(content, file)
    with pytest.raises(ValueError, match="x.pth is not a checkpoint of MiVOLO"):
        load_checkpoint(file)
