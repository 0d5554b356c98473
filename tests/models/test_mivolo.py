import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cvbook.models.fusion import FUSIONS, CrossAttention, RelativePosition
from cvbook.models.mivolo import (
    MiVOLO,
    load_checkpoint,
    mivolo_d1,
    mivolo_small,
    save_checkpoint,
)
from cvbook.models.outlook import gather_windows, scatter_windows


def count(model):
    return sum(p.numel() for p in model.parameters()), len(model.state_dict())


def test_sizes_of_the_published_networks():
    assert count(mivolo_d1(inputs=2)) == (27_432_414, 290)
    assert count(mivolo_d1(inputs=1)) == (25_864_350, 260)


@pytest.mark.parametrize("shape", [(2, 6, 28, 28), (1, 3, 4, 10), (2, 1, 2, 2)])
def test_windows_are_those_of_unfold_and_fold(shape):
    b, c, height, width = shape
    v = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    cut = F.unfold(v, 3, padding=1, stride=2).reshape(b, c, 9, height // 2, width // 2)
    torch.testing.assert_close(gather_windows(v), cut)
    x = torch.randn_like(cut).requires_grad_()
    folded = F.fold(x.reshape(b, 9 * c, -1), (height, width), 3, padding=1, stride=2)
    torch.testing.assert_close(scatter_windows(x), folded)
    weight = torch.randn_like(folded)
    ours, theirs = (
        torch.autograd.grad((y * weight).sum(), x)[0] for y in (scatter_windows(x), folded)
    )
    torch.testing.assert_close(ours, theirs)


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


def fused_by_hand(state, face, person):
    """MiVOLO's fusion from its published definition, place by place, in float64."""

    def convolved(name: str, x: np.ndarray) -> np.ndarray:
        return np.einsum("oc,chw->ohw", state[f"{name}.weight"][..., 0, 0], x)

    (c, s, _), scale = face.shape, face.shape[0] ** -0.5
    rows, columns = state["pos_embed.height_rel"], state["pos_embed.width_rel"]
    qkv = {
        k: convolved(f"qkv_{k}", x).reshape(3, c, s, s)
        for k, x in zip("fp", (face, person), strict=True)
    }
    out = []
    for asks, tells in (("f", "p"), ("p", "f")):
        q, k, v = qkv[asks][0], qkv[tells][1], qkv[tells][2]
        seen = np.zeros((c, s, s))
        for y in range(s):
            for x in range(s):
                logits = np.zeros((s, s))
                for j in range(s):
                    for i in range(s):
                        place = rows[j - y + s - 1] + columns[i - x + s - 1]
                        logits[j, i] = q[:, y, x] @ k[:, j, i] * scale + q[:, y, x] @ place
                weight = np.exp(logits - logits.max())
                seen[:, y, x] = np.einsum("ji,cji->c", weight / weight.sum(), v)
        out.append(seen)
    both = np.concatenate(out)
    both = (both - both.mean()) / np.sqrt(both.var() + 1e-5)
    both = both * state["norm.weight"] + state["norm.bias"]
    hidden = convolved("mlp.fc1", both) + state["mlp.fc1.bias"][:, None, None]
    hidden = F.gelu(torch.from_numpy(hidden)).numpy()
    return convolved("mlp.fc2", hidden) + state["mlp.fc2.bias"][:, None, None]


def test_fusion_equals_its_definition():
    torch.manual_seed(0)
    fusion = CrossAttention(6, 5).double()
    for p in fusion.parameters():
        p.data = torch.randn_like(p)
    face, person = torch.randn(2, 2, 6, 5, 5, dtype=torch.float64)
    state = {k: v.detach().numpy() for k, v in fusion.state_dict().items()}
    pairs = zip(face.numpy(), person.numpy(), strict=True)
    expected = np.stack([fused_by_hand(state, f, p) for f, p in pairs])
    np.testing.assert_allclose(fusion(face, person).detach().numpy(), expected, atol=1e-9)


def test_position_terms_are_those_of_timm():
    from timm.layers.bottleneck_attn import PosEmbedRel

    torch.manual_seed(0)
    theirs, ours, q = PosEmbedRel((7, 7), 8, 0.3), RelativePosition(7, 8), torch.randn(3, 49, 8)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(q), theirs(q))


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
    for path in (tmp_path / "x.pth", tmp_path / "none.pth"):
        with pytest.raises(ValueError, match="not a checkpoint of MiVOLO"):
            load_checkpoint(path)
