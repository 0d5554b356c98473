"""A text detector in the manner of DB (Liao et al. 2020; mailru, system S9).

A small net says for each pixel how likely it is the core of a line, and of a word. The cores are
cut out, grown back and become boxes.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvbook.models.cropping import as_grey

# A core is its box, shrunk by 0.4 × area / perimeter on every side, so that lines that touch stay
# apart.
SHRINK = 0.4
STRIDE = 2  # pixels of the picture per pixel of the maps
# Pixels: larger pictures are searched in tiles, each with so much of its neighbours around it as
# matters for what is found in it. Memory then does not grow with the picture.
TILE, MARGIN = 2624, 256


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Detector(nn.Module):
    """A U-net of 6 scales with few channels: cheap at the fine ones, wide at the coarse ones.

    Input: float32[B, 1, H, W], 0 (black) to 1 (white), H and W multiples of 64.
    Output: float32[B, 4, H/2, W/2]: core of a line, core of a word (scores before the sigmoid), and
    the thresholds of both.
    """

    def __init__(self, widths: tuple[int, ...] = (12, 24, 32, 48, 64, 96)):
        super().__init__()
        self.down = nn.ModuleList()
        for i, w in enumerate(widths):
            self.down.append(nn.Sequential(_conv(widths[i - 1] if i else 1, w, 2), _conv(w, w)))
        self.lateral = nn.ModuleList(
            nn.Conv2d(w, widths[max(0, i - 1)], 1) for i, w in enumerate(widths)
        )
        self.up = nn.ModuleList(_conv(widths[i], widths[i]) for i in range(len(widths) - 1))
        self.head = nn.Sequential(_conv(widths[0], 16), nn.Conv2d(16, 4, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        maps, x = [], images
        for stage in self.down:
            x = stage(x)
            maps.append(x)
        for i in range(len(maps) - 2, -1, -1):
            coarse = F.interpolate(self.lateral[i + 1](x), size=maps[i].shape[2:], mode="nearest")
            x = self.up[i](maps[i] + coarse)
        return self.head(x)


def targets(
    polygons: list[np.ndarray], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps to learn from some outlines.

    Args:
        polygons: outlines, float32[n, 2], in pixels of the picture.
        shape: height and width of the maps, which are `STRIDE` times smaller than the picture.

    Returns:
        core: float32[h, w], 1 inside the shrunk outlines.
        threshold: float32[h, w], 0.7 on the outlines, 0.3 as far from them as they were shrunk.
        border: float32[h, w], 1 where the threshold is learnt.
    """
    core, border = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    threshold = np.full(shape, 0.3, np.float32)
    for polygon in polygons:
        p = polygon / STRIDE
        outline = p.astype(np.float32)
        area, length = cv2.contourArea(outline), cv2.arcLength(outline, True)
        if area < 4:
            continue
        distance = max(1.0, SHRINK * area / length)
        x0, y0 = np.maximum(np.floor(p.min(0) - distance).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(p.max(0) + distance).astype(int) + 2, (shape[1], shape[0]))
        if x1 <= x0 or y1 <= y0:
            continue
        # Pad the window, or a shape cut by the picture's border would have no border there.
        pad = int(distance) + 2
        inside = np.zeros((y1 - y0 + 2 * pad, x1 - x0 + 2 * pad), np.uint8)
        sixteenths = np.round((p - (x0 - pad, y0 - pad)) * 16).astype(np.int32)
        cv2.fillPoly(inside, [sixteenths], [1], shift=4)
        within = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
        depth = within + without - 0.5  # to the outline, from either side
        window = (slice(y0, y1), slice(x0, x1))
        depth, filled = depth[pad:-pad, pad:-pad], inside[pad:-pad, pad:-pad] > 0
        core[window][filled & (depth > distance)] = 1
        near = depth < distance
        ring = 0.7 - 0.4 * np.clip(depth / distance, 0, 1)
        threshold[window] = np.where(near, np.maximum(threshold[window], ring), threshold[window])
        border[window] |= near.astype(np.uint8)
    return core, threshold, border.astype(np.float32)


def detector_loss(scores: Tensor, core: Tensor, threshold: Tensor, border: Tensor) -> Tensor:
    """DB's loss: BCE on the cores, L1 on the thresholds, Dice on the differentiable binarisation.

    BCE counts the hardest negatives only, three for each positive.

    Args:
        scores: float32[B, 4, h, w], of the detector.
        core, threshold, border: float32[B, 2, h, w], for lines and words.
    """
    logits, learnt = scores[:, :2], scores[:, 2:].sigmoid()
    bce = F.binary_cross_entropy_with_logits(logits, core, reduction="none")
    positive = core > 0.5
    wanted = min(int(3 * positive.sum()) + 64, int((~positive).sum()))
    hard = bce[~positive].topk(wanted).values if wanted else bce.new_zeros(1)
    bce = (bce[positive].sum() + hard.sum()) / (positive.sum() + wanted + 1e-6)
    binary = torch.sigmoid(50 * (logits.sigmoid() - learnt))
    dice = 1 - (2 * (binary * core).sum() + 1) / (binary.sum() + core.sum() + 1)
    ring = ((learnt - threshold).abs() * border).sum() / (border.sum() + 1e-6)
    return bce + dice + 2 * ring


@dataclass
class Box:
    """A found line or word.

    Attributes:
        corners: float32[4, 2], pixels, clockwise from the upper left.
        score: 0 to 1.
    """

    corners: np.ndarray
    score: float

    @property
    def height(self) -> float:
        """Length of the left side, pixels."""
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))

    @property
    def width(self) -> float:
        """Length of the upper side, pixels."""
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))


def boxes_from_map(probability: np.ndarray, least: float = 0.5, score: float = 0.6) -> list[Box]:
    """Cut the cores out of a probability map and grow them back to boxes.

    Args:
        probability: float32[h, w], 0 to 1, `STRIDE` times smaller than the picture.
        least: a pixel at or above it is core.
        score: regions with a lower mean probability are dropped.

    Returns:
        Boxes in pixels of the picture.
    """
    mask = (probability >= least).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if max(w, h) < 3:
            continue
        local = np.zeros((h, w), np.uint8)
        cv2.fillPoly(local, [contour - np.array([x, y], np.int32)], [1])
        mean = float(probability[y : y + h, x : x + w][local > 0].mean())
        if mean < score:
            continue
        # The contour of a filled outline is that outline again: pixels need no half-pixel
        # correction here.
        (cx, cy), (a, b), angle = cv2.minAreaRect(contour)
        # Undo the shrinking: a box A × B lost d = SHRINK·A·B / (2(A + B)) on each side. A few steps
        # of fixed-point iteration solve it.
        big_a, big_b = a, b
        for _ in range(12):
            d = max(1.0, SHRINK * big_a * big_b / (2 * (big_a + big_b)))
            big_a, big_b = a + 2 * d, b + 2 * d
        corners = (cv2.boxPoints(((cx, cy), (big_a, big_b), angle)) * STRIDE).astype(np.float32)
        found.append(Box(_clockwise(corners), mean))
    return found


def _clockwise(corners: np.ndarray) -> np.ndarray:
    """Corners in order upper left, upper right, lower right, lower left.

    The long side is the upper one, unless it is so short that this may be a letter, which is taller
    than wide: then the side nearest to level is.
    """
    centre = corners.mean(0)
    angles = np.arctan2(*(corners - centre).T[::-1])
    corners = corners[np.argsort(angles)]  # clockwise on the screen, where y points down
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    long = sides[0] + sides[2] > sides[1] + sides[3]
    first = 0 if long else 1
    if max(sides) < 4 * min(sides):
        first = int(np.abs(np.roll(corners, -1, 0) - corners)[:2, 1].argmin())
    corners = np.roll(corners, -first, 0)
    return corners if corners[1, 0] >= corners[0, 0] else np.roll(corners, 2, 0)


def detect(model: Detector, image: np.ndarray) -> tuple[list[Box], list[Box]]:
    """Lines and words of a picture.

    Args:
        image: uint8[H, W] grey or uint8[H, W, 3] RGB.

    Returns:
        lines, words, in no particular order.
    """
    grey = as_grey(image)
    h, w = grey.shape
    maps = np.empty((2, -(-h // STRIDE), -(-w // STRIDE)), np.float32)
    down, across = (-(-side // math.ceil(side / TILE) // 64) * 64 for side in (h, w))
    for y in range(0, h, down):
        for x in range(0, w, across):
            above, before = min(y, MARGIN), min(x, MARGIN)
            tile = grey[y - above : y + down + MARGIN, x - before : x + across + MARGIN]
            found = _maps(model, tile)[:, above // STRIDE :, before // STRIDE :]
            place = maps[
                :, y // STRIDE : (y + down) // STRIDE, x // STRIDE : (x + across) // STRIDE
            ]
            place[:] = found[:, : place.shape[1], : place.shape[2]]
    return boxes_from_map(maps[0]), boxes_from_map(maps[1])


def _maps(model: Detector, grey: np.ndarray) -> np.ndarray:
    """Cores of lines and words, float32[2, h, w] from 0 to 1, of a picture uint8[H, W]."""
    h, w = grey.shape
    padded = cv2.copyMakeBorder(grey, 0, -h % 64, 0, -w % 64, cv2.BORDER_REPLICATE)
    with torch.inference_mode():
        scores = model.eval()(torch.from_numpy(padded)[None, None].float() / 255)
    return scores[0, :2].sigmoid().numpy()[:, : -(-h // STRIDE), : -(-w // STRIDE)]
