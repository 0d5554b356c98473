import numpy as np
import torch
from torch.nn import functional as F

from cvbook.models.fusion import CrossAttention, RelativePosition


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
