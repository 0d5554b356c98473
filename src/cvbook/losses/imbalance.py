"""Regression when some targets are rare (Yang et al. 2021).

LDS weighs samples by a smoothed density of labels, FDS smooths the statistics of features.
"""

import numpy as np
import torch
from scipy.ndimage import convolve1d
from torch import Tensor, nn

from cvbook.losses.batch import check


def gaussian(size: int = 5, sigma: float = 2.0) -> np.ndarray:
    """A discrete Gaussian float64[size] that sums to one.

    The authors' code filters a single spike with reflecting borders instead, which gives a flatter
    kernel for a small size.

    Raises:
        ValueError: an even size, which has no middle, or a sigma that is not above 0.
    """
    if size % 2 == 0 or size < 1:
        raise ValueError(f"A kernel of size {size} has no middle: choose an odd size.")
    if not sigma > 0:
        raise ValueError(f"Sigma is {sigma}; it must be above 0.")
    x = np.arange(size) - size // 2
    kernel = np.exp(-(x**2) / (2 * sigma**2))
    return kernel / kernel.sum()


def lds_weights(
    targets: np.ndarray, bins: int, size: int = 5, sigma: float = 2.0, root: bool = True
) -> np.ndarray:
    """A weight for each sample, the inverse of how many samples have about its target.

    The counts per bin are clipped to 5–1000, as the authors do for the inverse, or their square
    root is taken, before they are smoothed. Weights have mean 1.

    Args:
        targets: int[N], the bin of each sample, from 0.
        bins: how many there are.
        size, sigma: of the kernel.
        root: weigh by the root of the counts.

    Returns:
        float64[N].

    Raises:
        ValueError: no target, or one that is not a bin's number.
    """
    targets = np.asarray(targets)
    whole = targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)
    if not whole or len(targets) == 0 or targets.min() < 0 or targets.max() >= bins:
        raise ValueError(
            f"Targets must be bins from 0 to {bins - 1}: round ages, and shift them to begin at 0."
        )
    count = np.bincount(targets, minlength=bins).astype(float)
    count = np.sqrt(count) if root else np.clip(count, 5, 1000)
    kernel = gaussian(size, sigma)
    weight = 1 / convolve1d(count, kernel / kernel.max(), mode="constant")[targets]
    return weight * len(weight) / weight.sum()


class FDS(nn.Module):
    """Feature distribution smoothing: rare targets' features are moved to where neighbours' lie.

    They are given the mean and variance that neighbouring bins would suggest, those of them that
    were ever seen. Call `update` after each epoch with all features, and the module on features
    before the last layer. It changes nothing until the epoch `start`, and nothing in evaluation.

    Args:
        dim: of the features.
        bins: of targets.
        start: the first epoch that is smoothed.
        momentum: of the running statistics.
        size, sigma: of the Gaussian over bins.

    Raises:
        ValueError: fewer bins than half of the Gaussian covers, or as `gaussian`.
    """

    kernel: Tensor
    mean: Tensor
    var: Tensor
    seen: Tensor
    smooth_mean: Tensor
    smooth_var: Tensor

    def __init__(
        self,
        dim: int,
        bins: int,
        start: int = 1,
        momentum: float = 0.9,
        size: int = 5,
        sigma: float = 2.0,
    ):
        super().__init__()
        if bins <= size // 2:
            raise ValueError(f"A Gaussian of size {size} needs more than {size // 2} bins.")
        self.start, self.momentum, self.epoch = start, momentum, 0
        self.register_buffer("kernel", torch.from_numpy(gaussian(size, sigma)).float()[None, None])
        self.register_buffer("mean", torch.zeros(bins, dim))
        self.register_buffer("var", torch.ones(bins, dim))
        self.register_buffer("seen", torch.zeros(bins))
        self.register_buffer("smooth_mean", torch.zeros(bins, dim))
        self.register_buffer("smooth_var", torch.ones(bins, dim))

    def _smoothed(self, x: Tensor) -> Tensor:
        """Mean over the bins that were seen, weighted by the kernel: float[bins, dim], the same."""
        half = self.kernel.shape[-1] // 2
        seen = (self.seen > 0).float()[:, None]
        columns = torch.cat([x * seen, seen], 1).T[:, None]  # bins,dim → dim,1,bins
        columns = nn.functional.pad(columns, [half, half], mode="reflect")
        sums = nn.functional.conv1d(columns, self.kernel)[:, 0].T
        return sums[:, :-1] / sums[:, -1:].clamp(min=1e-12)

    def _check(self, features: Tensor, targets: Tensor) -> None:
        check(features, targets, len(self.seen))
        if features.shape[1] != self.mean.shape[1]:
            raise ValueError(
                f"Need features of {self.mean.shape[1]} numbers; got {features.shape[1]}."
            )

    @torch.no_grad()
    def update(self, features: Tensor, targets: Tensor) -> None:
        """After an epoch: mean and variance per bin, and their smoothed versions for the next one.

        Args:
            features: float[N, dim], as they were before smoothing.
            targets: int64[N], bins.

        Raises:
            ValueError: shapes that do not fit, an unknown bin, or features that are not finite.
                Those would spoil their bin and its neighbours for good, so nothing is changed.
        """
        self._check(features, targets)
        mean, var = self.mean.clone(), self.var.clone()
        for b in targets.unique().tolist():
            own = features[targets == b].float()
            spread = own.var(0, correction=1) if len(own) > 1 else self.var[b]
            momentum = self.momentum if self.seen[b] else 0.0  # the first values are taken whole
            mean[b] = momentum * self.mean[b] + (1 - momentum) * own.mean(0)
            var[b] = momentum * self.var[b] + (1 - momentum) * spread
        if not (mean.isfinite().all() and var.isfinite().all()):
            raise ValueError("Features are not finite: look for NaN in the network's output.")
        self.mean, self.var = mean, var
        self.seen += targets.bincount(minlength=len(self.seen))
        self.smooth_mean, self.smooth_var = self._smoothed(self.mean), self._smoothed(self.var)
        self.epoch += 1

    def forward(self, features: Tensor, targets: Tensor) -> Tensor:
        """Calibrate features float[B, dim] of bins int64[B], as a new tensor.

        The ratio of variances is clipped to 0.1–10.

        Raises:
            ValueError: shapes that do not fit, or an unknown bin.
        """
        self._check(features, targets)
        if not self.training or self.epoch < self.start:
            return features
        ratio = (self.smooth_var[targets] / self.var[targets].clamp(min=1e-12)).clamp(0.1, 10)
        moved = (features - self.mean[targets]) * ratio.sqrt() + self.smooth_mean[targets]
        known = (self.seen[targets] > 0)[:, None] & (self.var[targets] > 1e-12)
        return torch.where(known, moved, features)
