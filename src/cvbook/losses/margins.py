"""Classification losses for metric learning: one skeleton, and the margins that tell them apart.

A network's embedding is compared with one centre per class. With both of length 1 the score is a
cosine, and only directions count (NormFace, Wang et al. 2017). A margin then makes the true class's
score harder to earn, so that a class must lie closer than it would have to.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.losses.batch import check

Margin = Callable[[Tensor], Tensor]
# Cosines this close to ±1 are taken as that far off: an angle's slope is infinite at the very end.
NEAR = 1e-6


def unit(x: Tensor) -> Tensor:
    """Rows float[..., d] scaled to length 1.

    A zero row stays zero and gets no gradient, where F.normalize would give it one of 1e12. A row
    with NaN, or so long that its length is infinite, becomes NaN.
    """
    norm = x.norm(dim=-1, keepdim=True)
    norm = norm.masked_fill(norm.isinf(), torch.nan)  # dividing by it would make a zero row
    return x / norm.masked_fill(norm <= 1e-6, torch.inf)


def cosface(m: float = 0.35) -> Margin:
    """Subtract from the cosine (Wang et al. 2018)."""
    return lambda cos: cos - m


def arcface(m: float = 0.5) -> Margin:
    """Add to the angle, in radians (Deng et al. 2019): cos(θ + m) = cos θ cos m − sin θ sin m."""

    def margin(cos: Tensor) -> Tensor:
        cos = cos.clamp(-1 + NEAR, 1 - NEAR)
        # Past θ = π − m the cosine of the sum would rise again, and reward being wrong. From there
        # on, go down along the cosine itself.
        turned = cos * math.cos(m) - (1 - cos * cos).sqrt() * math.sin(m)
        return torch.where(cos > -math.cos(m), turned, cos - m * math.sin(m))

    return margin


def combined(m1: float = 1.0, m2: float = 0.3, m3: float = 0.2) -> Margin:
    """Multiply the angle, add to it, subtract from the cosine (Deng et al. 2019).

    That is cos(m1 θ + m2) − m3 with m1 ≥ 1. Beyond π the cosine is continued downwards,
    (−1)ᵏ cos φ − 2k in the k-th half turn, as SphereFace does.
    """

    def margin(cos: Tensor) -> Tensor:
        angle = m1 * torch.acos(cos.clamp(-1 + NEAR, 1 - NEAR)) + m2
        k = (angle.detach() / math.pi).floor()
        return (1 - 2 * (k % 2)) * torch.cos(angle) - 2 * k - m3

    return margin


def sphereface(m: float = 1.5) -> Margin:
    """Multiply the angle (Liu et al. 2017).

    The paper's m = 4 trains only with a long annealing; a smaller m needs none.
    """
    return combined(m, 0.0, 0.0)


class Classification(nn.Module):
    """Cross-entropy over the scores of an embedding with every class's centre.

    Args:
        dim: of the embeddings.
        classes: how many.
        margin: what happens to the cosine of the true class; None leaves it.
        scale: of the scores before the softmax.
        normalise: False compares raw vectors by dot product, which is the plain softmax layer (and
            allows no margin).

    Raises:
        ValueError: a margin without normalisation.
    """

    def __init__(
        self,
        dim: int,
        classes: int,
        margin: Margin | None = None,
        scale: float = 16.0,
        normalise: bool = True,
    ):
        super().__init__()
        if margin and not normalise:
            raise ValueError("A margin is made for cosines: it needs normalise=True.")
        self.margin, self.scale, self.normalise = margin, scale, normalise
        self.centres = nn.Parameter(torch.randn(classes, dim) * 0.1)

    def scores(self, x: Tensor) -> Tensor:
        """float[B, dim] → float32[B, classes], without a margin: cosines, or dot products."""
        x, centres = x.float(), self.centres.float()
        return unit(x) @ unit(centres).T if self.normalise else x @ centres.T

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean loss of embeddings float[B, dim] with classes int64[B].

        It is computed in FP32 under autocast too, since FP16 cannot tell small angles apart.

        Raises:
            ValueError: no embedding, other numbers of embeddings and classes, or an unknown class.
        """
        check(x, y, len(self.centres))
        with torch.autocast(x.device.type, enabled=False):
            scores = self.scores(x)
            if self.margin:
                own = y[:, None]
                scores = scores.scatter(1, own, self.margin(scores.gather(1, own)))
            return F.cross_entropy(self.scale * scores, y)


class WithCenters(nn.Module):
    """Softmax plus a pull towards class centres.

    Center loss (Wen et al. 2016) is λ/2 · ‖x − c_y‖². Contrastive-center loss (Qi and Su 2017) is
    the same divided by 1 + Σ ‖x − c_j‖² over the other classes, so that centres also move apart.
    Centres are of raw embeddings, not of length 1; they are parameters and learn with the network,
    as in the second paper.

    Args:
        dim: of the embeddings.
        classes: how many.
        weight: λ.
        contrastive: which of the two.
    """

    def __init__(self, dim: int, classes: int, weight: float = 0.01, contrastive: bool = False):
        super().__init__()
        self.softmax = Classification(dim, classes, scale=1.0, normalise=False)
        self.centers = nn.Parameter(torch.randn(classes, dim) * 0.1)
        self.weight, self.contrastive = weight, contrastive

    def pull(self, x: Tensor, y: Tensor) -> Tensor:
        """The term beside the softmax, without its weight: mean over float[B, dim]."""
        check(x, y, len(self.centers))
        own = (x - self.centers[y]).square().sum(1)
        if not self.contrastive:
            return 0.5 * own.mean()
        exact = "donot_use_mm_for_euclid_dist"
        every = torch.cdist(x, self.centers, compute_mode=exact).square()  # B,classes
        # The sum over all without the own one would leave nothing but rounding of a small rest.
        others = every.scatter(1, y[:, None], 0.0).sum(1)
        return 0.5 * (own / (1 + others)).mean()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean loss of embeddings float[B, dim] with classes int64[B], in FP32."""
        with torch.autocast(x.device.type, enabled=False):
            return self.softmax(x, y) + self.weight * self.pull(x.float(), y)
