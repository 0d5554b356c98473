"""A text-line recogniser: convolutions, a sequence encoder, characters by CTC (mailru, system S9).

The convolutions turn a line 32 pixels high into one vector per 4 columns. The encoder lets the
vectors exchange what they know about the language. A linear layer scores characters at each of
them. A second linear layer over the same states may score BPE units during training; at inference
it is not evaluated.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cvbook.models.cropping import as_grey
from cvbook.models.decoding import greedy
from cvbook.text.alphabet import ALPHABET, to_text

HEIGHT = 32
LONGEST = 1600  # pixels: longer lines are squeezed
STRIDE = 4  # columns of the picture per time step
# Pixels: the convolutions look 31 to the right of a time step, which itself begins up to 3 after
# the line's end.
SIGHT = 36


def _conv(inputs: int, outputs: int, stride: tuple[int, int] | int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, width: int):
        super().__init__()
        self.first = _conv(width, width)
        again = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.second = nn.Sequential(again, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class EncoderLayer(nn.Module):
    """A pre-norm Transformer layer with a depth-wise convolution, which also tells positions apart.

    After Vaswani et al. (2017) and Gulati et al. (2020).
    """

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.norm_local = nn.LayerNorm(width)
        self.norm_mlp = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.local = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        b, t, d = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3,B,H,T,D/H
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None])  # B,H,T,D/H
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, d))
        local = self.norm_local(x) * valid[..., None]
        x = x + self.local(local.transpose(1, 2)).transpose(1, 2)
        return x + self.mlp(self.norm_mlp(x))


class Recogniser(nn.Module):
    """CNN → Transformer or LSTM → CTC.

    Args:
        classes: characters plus the blank, which is class 0; class i + 1 is `CHARACTERS[i]`.
        bpe_classes: units of the second branch plus its own blank (0), or 0 for no branch.
        encoder: "transformer" or "recurrent" (two bidirectional LSTM layers).
        width: channels of the sequence.
        layers, heads: of the Transformer.
        calibration: points of the curve from the mean probability of a line's characters to the
            share of them that is right, two lists; as it is made, both are the same.

    No dropout: training lines are drawn on the fly, none is seen twice.

    Input: float32[B, 1, 32, W], 0 (black) to 1 (white), and the true width of each picture in the
    batch, int64[B], pixels.
    Output: character scores float32[B, ceil(W / 4), classes], unnormalised.
    """

    def __init__(
        self,
        classes: int = len(ALPHABET) + 1,
        bpe_classes: int = 0,
        encoder: Literal["transformer", "recurrent"] = "transformer",
        width: int = 144,
        layers: int = 4,
        heads: int = 4,
        calibration: Sequence[Sequence[float]] = ((0.0, 1.0), (0.0, 1.0)),
    ):
        super().__init__()
        probability, right = np.asarray(calibration, float)
        if (np.diff(probability) <= 0).any() or not (abs(right - 0.5) <= 0.5).all():
            raise ValueError("A calibration is rising probabilities, and shares from 0 to 1.")
        self.calibration = calibration
        c1, c2, c3 = width // 6, width // 3, width * 2 // 3
        self.cnn = nn.Sequential(
            _conv(1, c1, 2),  # 16, W/2
            _conv(c1, c2, 2),  # 8, W/4
            Residual(c2),
            _conv(c2, c3, (2, 1)),  # 4, W/4
            Residual(c3),
            _conv(c3, width, (2, 1)),  # 2, W/4
        )
        self.squeeze = nn.Sequential(
            nn.Conv2d(width, width, (2, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        if encoder == "transformer":
            self.layers = nn.ModuleList(
                EncoderLayer(width, heads, width * 8 // 3) for _ in range(layers)
            )
            self.norm = nn.LayerNorm(width)
        elif encoder == "recurrent":
            self.lstm = nn.LSTM(width, width // 2, 2, batch_first=True, bidirectional=True)
        else:
            raise ValueError(f"encoder is {encoder!r}; choose 'transformer' or 'recurrent'.")
        self.head = nn.Linear(width, classes)
        self.bpe_head = nn.Linear(width, bpe_classes) if bpe_classes else None

    def learn_characters(self, classes: int) -> None:
        """Score more characters from now on, the further ones as little as an untrained layer."""
        known, self.head = self.head, nn.Linear(self.head.in_features, classes)
        with torch.no_grad():
            self.head.weight[: known.out_features] = known.weight
            self.head.bias[: known.out_features] = known.bias

    def states(self, images: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """What heads read: float32[B, T, width], and each line's valid time steps int64[B]."""
        x = self.squeeze(self.cnn(images))[:, :, 0].transpose(1, 2)  # B,T,C
        steps = time_steps(widths)
        valid = torch.arange(x.shape[1], device=x.device)[None] < steps[:, None]  # B,T
        if hasattr(self, "lstm"):
            packed = pack_padded_sequence(x, steps.cpu(), batch_first=True, enforce_sorted=False)
            mixed = self.lstm(packed)[0]
            return pad_packed_sequence(mixed, True, total_length=x.shape[1])[0], steps
        for layer in self.layers:
            x = layer(x, valid)
        return self.norm(x), steps

    def forward(self, images: Tensor, widths: Tensor) -> Tensor:
        return self.head(self.states(images, widths)[0])


def time_steps(widths: Tensor) -> Tensor:
    """Time steps of lines of some widths in pixels: ceil(width / 4), as both strides round."""
    return torch.div(widths + STRIDE - 1, STRIDE, rounding_mode="floor")


def prepare(image: np.ndarray, longest: int | None = LONGEST) -> np.ndarray:
    """Make a line picture ready for the recogniser.

    Args:
        image: uint8[H, W] grey or uint8[H, W, 3] RGB.
        longest: pixels; what is longer is squeezed. None squeezes nothing.

    Returns:
        uint8[32, W'], grey, W' in proportion, at least 8 and at most `longest`.
    """
    grey = as_grey(image)
    width = max(8, round(grey.shape[1] * HEIGHT / grey.shape[0]))
    width = min(longest or width, width)
    way = cv2.INTER_AREA if grey.shape[0] > HEIGHT else cv2.INTER_LINEAR
    return cv2.resize(grey, (width, HEIGHT), interpolation=way)


def padded_width(width: int) -> int:
    """The next multiple of 32 pixels.

    Few distinct shapes let the convolution library reuse its compiled kernels.
    """
    return math.ceil(width / 32) * 32


def collate(lines: list[np.ndarray], margin: int = 0) -> tuple[Tensor, Tensor]:
    """Pad prepared lines on the right to a common width.

    Each line is stretched to its own darkest and lightest grey, so that contrast is not something
    to learn. The padding is the line's median, mostly its paper.

    Args:
        lines: uint8[32, W'] each.
        margin: pixels that even the longest line is padded by. With `SIGHT` of them, what is read
            of a line does not depend on the lines beside it.

    Returns:
        float32[B, 1, 32, W] in 0–1, and the widths int64[B].
    """
    widths = torch.tensor([line.shape[1] for line in lines])
    batch = np.empty((len(lines), 1, HEIGHT, padded_width(int(widths.max()) + margin)), np.float32)
    for row, line in zip(batch, lines, strict=True):
        low, high = int(line.min()), int(line.max())
        scaled = (line.astype(np.float32) - low) / max(high - low, 1)
        row[0, :, : line.shape[1]] = scaled
        row[0, :, line.shape[1] :] = np.median(scaled)
    return torch.from_numpy(batch), widths


def read_lines(
    model: Recogniser,
    lines: list[np.ndarray],
    columns: int = 2112,
    margin: int = 0,
    settle: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[list[str], list[float]]:
    """Read prepared lines greedily, in batches of like width: small ones, which stay in the cache.

    Args:
        model: is set to evaluation.
        lines: uint8[32, W] each, from `prepare`.
        columns: picture columns in a batch.
        margin: see `collate`.
        settle: changes a line's probabilities float32[T, classes] before they are read, such as
            `likely_words`.

    Returns:
        The texts in the order given, and the mean probability of each one's characters, 0 to 1.
    """
    model.eval()
    device = next(model.parameters()).device
    texts, confidences = [""] * len(lines), [0.0] * len(lines)
    order = sorted(range(len(lines)), key=lambda i: -lines[i].shape[1])
    while order:
        n = max(1, columns // lines[order[0]].shape[1])
        part, order = order[:n], order[n:]
        images, widths = collate([lines[i] for i in part], margin)
        with torch.inference_mode():
            probabilities = model(images.to(device), widths.to(device)).softmax(-1).cpu()
        steps = time_steps(widths)
        if settle:
            probabilities = probabilities.clone()  # the others may not be written into
            for p, t in zip(probabilities, steps, strict=True):
                p[:t] = torch.from_numpy(settle(p[:t].numpy()))
        read = greedy(probabilities, steps)
        for i, p, t, classes in zip(part, probabilities, steps, read, strict=True):
            best = p[:t].max(-1)
            written = best.values[best.indices != 0]
            texts[i] = to_text(classes)
            confidences[i] = float(written.mean()) if len(written) else 0.0
    return texts, confidences
