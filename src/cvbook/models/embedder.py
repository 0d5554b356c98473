"""A small network that turns a picture into a unit vector, close to those of the same thing."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.models.torchvision_ops import declare_missing


class Embedder(nn.Module):
    """Four strided 3 × 3 convolutions with batch norm, the mean over the map, and a linear layer.

    Args:
        dim: size of the embedding.
        width: channels of the first convolution, doubled twice.
        channels: of the picture.
    """

    def __init__(self, dim: int = 64, width: int = 32, channels: int = 3):
        super().__init__()
        sizes = [channels, width, 2 * width, 4 * width, 4 * width]
        blocks = []
        for a, b in pairwise(sizes):
            conv = nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)
            blocks.append(nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU(inplace=True)))
        self.body, self.head = nn.Sequential(*blocks), nn.Linear(4 * width, dim)

    def raw(self, x: Tensor) -> Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, dim] of any length, which is what losses take."""
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, 4 · width], the mean over the last map."""
        return self.body(x - 0.5).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, dim], each row of length 1."""
        return F.normalize(self.raw(x))


class StripedEmbedder(Embedder):
    """An `Embedder` with a second, local answer for AlignedReID.

    It is a vector for each row of the map after three convolutions; for pictures 64 pixels high
    that is eight stripes. Search uses the global vector alone; the stripes shape it in training.
    """

    def __init__(self, dim: int = 64, width: int = 32, channels: int = 3, local: int = 32):
        super().__init__(dim, width, channels)
        self.local = nn.Linear(4 * width, local)

    def raw(self, x: Tensor) -> Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, dim + (H / 8) · local], for `AlignedTriplet`."""
        middle = self.body[:3](x - 0.5)
        stripes = self.local(middle.mean(3).transpose(1, 2))  # b,c,h,w → b,c,h → b,h,c
        return torch.cat([self.head(self.body[3:](middle).mean((2, 3))), stripes.flatten(1)], 1)

    def forward(self, x: Tensor) -> Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, dim], each row of length 1: the global vector."""
        return F.normalize(self.raw(x)[:, : self.head.out_features])


class TimmEmbedder(nn.Module):
    """Any timm backbone with a linear layer to `dim` numbers; `raw` and `forward` as in `Embedder`.

    Args:
        name: of the backbone in timm.
        dim: size of the embedding.
        pretrained: fetch timm's weights, which needs a network the first time.
        checkpoint: a file of weights instead, with or without a classifier.

    Raises:
        RuntimeError: timm has no such backbone, or its weights cannot be had or are of another.
    """

    backbone: Any  # a network of timm, whose attributes no type knows
    mean: Tensor
    std: Tensor

    def __init__(self, name: str, dim: int = 128, pretrained: bool = False, checkpoint: str = ""):
        super().__init__()
        declare_missing()
        import timm

        try:
            self.backbone = timm.create_model(name, pretrained=pretrained, num_classes=0)
            if checkpoint:
                # It may hold a classifier of any size, which is left. Nothing of the rest may lack.
                state = timm.models.load_state_dict(checkpoint, weights_only=True)
                lacking = self.backbone.load_state_dict(state, strict=False).missing_keys
                if lacking:
                    raise ValueError(f"the file lacks {lacking[0]} and {len(lacking) - 1} others")
        except Exception as error:
            source = checkpoint or ("the hub" if pretrained else "timm")
            raise RuntimeError(
                f"No backbone {name!r} from {source}: check the name, the file, or the network. "
                f"({str(error)[:200] or type(error).__name__})"
            ) from None
        self.head = nn.Linear(self.backbone.num_features, dim)
        for key in ("mean", "std"):
            value = torch.tensor(self.backbone.pretrained_cfg[key])[None, :, None, None]
            self.register_buffer(key, value, persistent=False)

    def raw(self, x: Tensor) -> Tensor:
        """float32[B, 3, H, W] in 0–1 → float32[B, dim] of any length."""
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """float32[B, 3, H, W] in 0–1 → float32[B, num_features], what the backbone knew before."""
        return self.backbone((x - self.mean) / self.std)

    def forward(self, x: Tensor) -> Tensor:
        """float32[B, 3, H, W] in 0–1 → float32[B, dim], each row of length 1."""
        return F.normalize(self.raw(x))
