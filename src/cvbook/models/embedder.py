"""A small network that turns a picture into a unit vector, so that pictures of one thing lie close together."""

import torch
from torch import nn
from torch.nn import functional as F


class Embedder(nn.Module):
    """Four strided 3 × 3 convolutions with batch norm, the mean over the map, and a linear layer to `dim` numbers of length 1.

    Args:
        dim: size of the embedding. width: channels of the first convolution, doubled twice. channels: of the picture.
    """

    def __init__(self, dim: int = 64, width: int = 32, channels: int = 3):
        super().__init__()
        sizes = [channels, width, 2 * width, 4 * width, 4 * width]
        blocks = [
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)) for a, b in zip(sizes, sizes[1:])
        ]
        self.body, self.head = nn.Sequential(*blocks), nn.Linear(4 * width, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B, C, H, W] in 0–1 → float32[B, dim], each row of length 1."""
        return F.normalize(self.head(self.body(x - 0.5).mean((2, 3))))
