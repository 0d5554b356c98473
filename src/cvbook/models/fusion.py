"""How MiVOLO makes one map out of the face's and the person's: the fusion it chose, and two rivals.

After Kuprashevich and Tolstykh (2023).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cvbook.models.torchvision_ops import declare_missing

declare_missing()
from timm.layers import Mlp, trunc_normal_  # noqa: E402


class RelativePosition(nn.Module):
    """Attention's position terms by a query and the offset of the key (Bello et al. 2019).

    Along the height plus along the width.
    """

    offset: Tensor

    def __init__(self, size: int, dim: int):
        super().__init__()
        self.size = size
        self.height_rel = nn.Parameter(torch.empty(2 * size - 1, dim))
        self.width_rel = nn.Parameter(torch.empty(2 * size - 1, dim))
        place = torch.arange(size)
        offset = place[None] - place[:, None] + size - 1  # query, key
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, q: Tensor) -> Tensor:
        """Queries float[B, size², dim] → float[B, size², size²]."""
        b, n, d = q.shape
        s = self.size
        q = q.reshape(b, s, s, d)  # row, column
        rows = torch.einsum("byxd,yYd->byxY", q, self.height_rel[self.offset])
        columns = torch.einsum("byxd,xXd->byxX", q, self.width_rel[self.offset])
        return (rows[..., :, None] + columns[..., None, :]).reshape(b, n, n)


class CrossAttention(nn.Module):
    """MiVOLO's fusion: the face asks the person and the person the face.

    Both answers, normalised, go through an MLP back to the width of one.

    Args:
        dim: channels of each input.
        size: height and width of the maps, to which the layer norm and the position terms are tied.
    """

    def __init__(self, dim: int, size: int):
        super().__init__()
        self.scale = dim**-0.5
        self.qkv_f = nn.Conv2d(dim, 3 * dim, 1, bias=False)
        self.qkv_p = nn.Conv2d(dim, 3 * dim, 1, bias=False)
        self.pos_embed = RelativePosition(size, dim)
        self.norm = nn.LayerNorm([2 * dim, size, size])
        self.mlp = Mlp(2 * dim, 4 * dim, dim, use_conv=True)
        for weight in (self.qkv_f.weight, self.qkv_p.weight, *self.pos_embed.parameters()):
            trunc_normal_(weight, std=self.scale)

    def attention(self, q: Tensor, k: Tensor) -> Tensor:
        """Where each place of the one looks in the other.

        float[B, dim, S, S] each → float[B, S², S²], rows summing to one.
        """
        q, k = q.flatten(2).transpose(1, 2), k.flatten(2)  # b,c,h,w → b,n,c; b,c,n
        return (q @ k * self.scale + self.pos_embed(q)).softmax(-1)

    def forward(self, face: Tensor, person: Tensor) -> Tensor:
        """float[B, dim, S, S] each → float[B, dim, S, S]."""
        (qf, kf, vf), (qp, kp, vp) = self.qkv_f(face).chunk(3, 1), self.qkv_p(person).chunk(3, 1)
        seen = []
        for q, k, v in ((qf, kp, vp), (qp, kf, vf)):
            seen.append(self.attention(q, k) @ v.flatten(2).transpose(1, 2))  # b,n,c
        maps = [x.transpose(1, 2).reshape(face.shape) for x in seen]  # b,n,c → b,c,h,w
        return self.mlp(self.norm(torch.cat(maps, 1)))


class Squeeze(nn.Module):
    """The simplest fusion: a 1 × 1 convolution of both maps back to the width of one."""

    def __init__(self, dim: int, size: int):
        super().__init__()
        self.conv = nn.Conv2d(2 * dim, dim, 1)

    def forward(self, face: Tensor, person: Tensor) -> Tensor:
        """float[B, dim, S, S] each → float[B, dim, S, S]."""
        return self.conv(torch.cat([face, person], 1))


class BottleneckAttention(nn.Module):
    """The other rejected fusion: both maps squeezed to one width, then self-attention.

    With position terms (Srinivas et al. 2021).
    """

    def __init__(self, dim: int, size: int):
        super().__init__()
        self.squeeze = nn.Conv2d(2 * dim, dim, 1)
        self.qkv = nn.Conv2d(dim, 3 * dim, 1, bias=False)
        self.norm = nn.LayerNorm([dim, size, size])
        self.pos_embed, self.scale = RelativePosition(size, dim), dim**-0.5
        for weight in (self.qkv.weight, *self.pos_embed.parameters()):
            trunc_normal_(weight, std=self.scale)

    def forward(self, face: Tensor, person: Tensor) -> Tensor:
        """float[B, dim, S, S] each → float[B, dim, S, S]."""
        x = self.squeeze(torch.cat([face, person], 1))
        q, k, v = (t.flatten(2).transpose(1, 2) for t in self.qkv(x).chunk(3, 1))  # b,c,h,w → b,n,c
        seen = (q @ k.transpose(1, 2) * self.scale + self.pos_embed(q)).softmax(-1) @ v
        return self.norm(x + seen.transpose(1, 2).reshape(x.shape))


FUSIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "cross-attention": CrossAttention,
    "squeeze": Squeeze,
    "bottleneck": BottleneckAttention,
}
