"""AlignedReID (Zhang et al. 2017): bodies compared stripe by stripe, along the cheapest path.

The path goes from head to foot.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from cvbook.losses.batch import check, measurable
from cvbook.losses.margins import unit
from cvbook.losses.pairs import active_mean, distances, semi_hard_negatives


def aligned(a: Tensor, b: Tensor) -> Tensor:
    """Distances of bodies whose stripes are matched from top to bottom: float[...].

    Stripe i of one may go with several of the other, but order is kept, so a box that is shifted
    or cut costs little.

    Args:
        a, b: float[..., S, d], a vector per horizontal stripe; leading dimensions are broadcast.

    Raises:
        ValueError: no stripe, or vectors of other sizes.
    """
    rows, columns = a.shape[-2], b.shape[-2]
    if not rows * columns or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"Stripes {list(a.shape)} and {list(b.shape)} cannot be compared.")
    # (e^d − 1) / (e^d + 1), so that one bad stripe cannot decide alone
    step = torch.tanh(torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") / 2)
    total: dict[tuple[int, int], Tensor] = {}
    for i in range(rows):
        for j in range(columns):
            before = [total[at] for at in ((i - 1, j), (i, j - 1)) if at in total]
            total[i, j] = step[..., i, j] + (torch.stack(before).amin(0) if before else 0)
    return total[rows - 1, columns - 1]


class AlignedTriplet:
    """Triplets that a margin parts twice: by the global embedding, and by the stripes' distance.

    The global embedding alone chooses them. The paper takes the hardest of a batch. On embeddings
    of length 1 that stalls as soon as classes look alike, so here they are semi-hard.

    Args:
        dim: numbers of the global embedding.
        stripes: how many stripes follow it.
        margin: of both terms.
    """

    def __init__(self, dim: int, stripes: int = 8, margin: float = 0.3):
        self.dim, self.stripes, self.margin = dim, stripes, margin

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean loss, in FP32 under autocast too.

        It is NaN where any embedding is not finite.

        Args:
            x: float[B, dim + stripes · c], as `StripedEmbedder.raw` gives.
            y: int64[B], classes.

        Raises:
            ValueError: no embedding, other numbers of embeddings and classes, or stripes of
                unequal lengths.
        """
        check(x, y)
        if x.shape[1] <= self.dim or (x.shape[1] - self.dim) % self.stripes:
            raise ValueError(
                f"{x.shape[1]} numbers are no embedding of {self.dim} and {self.stripes} stripes."
            )
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            if not measurable(x):
                return torch.nan * x.sum()
            d = distances(x[:, : self.dim])
            a, p, n = semi_hard_negatives(d.detach(), y)
            stripes = x[:, self.dim :].unflatten(1, (self.stripes, -1))
            parts = unit(stripes)  # b, s·c → b, s, c
            whole = F.relu(d[a, p] - d[a, n] + self.margin)
            local = F.relu(aligned(parts[a], parts[p]) - aligned(parts[a], parts[n]) + self.margin)
            return active_mean(whole) + active_mean(local)
