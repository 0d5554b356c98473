"""VOLO's outlook attention without `unfold` and `fold`, which TensorRT and OpenVINO do not know."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cvbook.models.torchvision_ops import declare_missing

declare_missing()
from timm.models import volo  # noqa: E402


def gather_windows(v: Tensor) -> Tensor:
    """The 3 × 3 windows at every second pixel, padded by one, as `F.unfold` cuts them.

    float[B, C, 2h, 2w] → float[B, C, 9, h, w].
    """
    h, w = v.shape[2] // 2, v.shape[3] // 2
    v = F.pad(v, [1, 1, 1, 1])
    windows = []
    for i in range(3):
        for j in range(3):
            windows.append(v[:, :, i : i + 2 * h - 1 : 2, j : j + 2 * w - 1 : 2])
    return torch.stack(windows, 2)


def _from_below(m: Tensor) -> Tensor:
    """For each window what the next one below it says."""
    return F.pad(m, [0, 0, 0, 1])[:, :, 1:]


def _from_right(m: Tensor) -> Tensor:
    return F.pad(m, [0, 1])[..., 1:]


def scatter_windows(x: Tensor) -> Tensor:
    """Add such windows up where they overlap, as `F.fold` does.

    float[B, C, 9, h, w] → float[B, C, 2h, 2w]. A pixel in an even row and column is the middle of
    one window; one beside it lies in two; one between four middles in four. So the four kinds of
    pixels are four sums of shifted maps, which are then interleaved.
    """
    b, c, _, h, w = x.shape
    middle, right, below, corner = (x[:, :, k] for k in (4, 5, 7, 8))
    right = right + _from_right(x[:, :, 3])
    below = below + _from_below(x[:, :, 1])
    corner = corner + _from_right(x[:, :, 6]) + _from_below(x[:, :, 2] + _from_right(x[:, :, 0]))
    kinds = torch.stack([middle, right, below, corner], 2).reshape(b, c, 2, 2, h, w)
    # b,c,row,column,h,w → b,c,h,row,w,column → b,c,2h,2w
    return kinds.permute(0, 1, 4, 2, 5, 3).reshape(b, c, 2 * h, 2 * w)


class OutlookAttention(volo.OutlookAttention):
    """Each window's pixels are mixed by weights that its centre alone decides.

    The same numbers and names as timm's, from plain operators.
    """

    def forward(self, x: Tensor) -> Tensor:
        """float[B, H, W, C] with even H and W → the same shape."""
        b, height, width, c = x.shape
        h, w, n, k = height // 2, width // 2, self.num_heads, 9
        v = gather_windows(self.v(x).permute(0, 3, 1, 2))  # b,c,k,h,w
        v = v.reshape(b, n, c // n, k, h * w).permute(0, 1, 4, 3, 2)  # b,heads,windows,k,c/heads
        centres = F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        attn = self.attn(centres)  # b,h,w,heads·k·k
        attn = attn.reshape(b, h * w, n, k, k).permute(0, 2, 1, 3, 4)  # b,heads,windows,k,k
        mixed = self.attn_drop((attn * self.scale).softmax(-1)) @ v
        # b,heads,windows,k,c/heads → b,heads,c/heads,k,windows → b,c,k,h,w
        mixed = mixed.permute(0, 1, 4, 3, 2).reshape(b, c, k, h, w)
        return self.proj_drop(self.proj(scatter_windows(mixed).permute(0, 2, 3, 1)))
