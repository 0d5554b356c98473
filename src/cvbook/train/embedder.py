"""Train an embedder as a classifier of identities: softmax over scaled cosines (NormFace, Wang et al. 2017)."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from cvbook.models.embedder import Embedder


def jitter(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror half of the pictures, shift all by up to a twelfth of their side, and change brightness: float32[B, C, H, W] in 0–1, the same out."""
    b, _, h, w = x.shape
    flip = torch.rand(b, generator=generator) < 0.5
    x = torch.where(flip[:, None, None, None].to(x.device), x.flip(3), x)
    reach = h // 12
    dy, dx = (int(torch.randint(2 * reach + 1, (1,), generator=generator)) for _ in range(2))
    x = F.pad(x, [reach] * 4, mode="replicate")[..., dy : dy + h, dx : dx + w]
    return (x * (0.8 + 0.4 * torch.rand(b, 1, 1, 1, generator=generator)).to(x.device)).clamp(0, 1)


def train_embedder(
    images: torch.Tensor, labels: np.ndarray, epochs: int, seed: int = 0, device: str = "cpu", batch: int = 64, rate: float = 3e-3, scale: float = 16.0,
    width: int = 32, dim: int = 64, name: str = "training",
) -> tuple[Embedder, list[float]]:  # fmt: skip
    """Train from scratch on labels as they are.

    Args:
        images: uint8[N, C, H, W]. labels: [N], any; each value is a class. epochs: passes over the data. rate: peak of a one-cycle schedule.
        scale: of the cosines before the softmax. name: for the progress bar.

    Returns:
        The network in evaluation mode, and the mean loss per epoch.

    Raises:
        ValueError: fewer than two classes. FloatingPointError: the loss is not finite.
    """
    classes, target = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError("Training an embedder needs at least two classes: with one, every picture is right.")
    torch.manual_seed(seed)
    model = Embedder(dim, width, images.shape[1]).to(device)
    centres = nn.Parameter(torch.randn(len(classes), dim, device=device) * 0.1)
    # The class centres are normalised, so their gradient is small: they want a larger rate than the network.
    optimiser = torch.optim.AdamW([{"params": model.parameters(), "lr": rate}, {"params": [centres], "lr": 5 * rate, "weight_decay": 0}], weight_decay=0.02)
    steps = epochs * math.ceil(len(images) / batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [rate, 5 * rate], total_steps=steps, pct_start=0.2)
    draw, losses, target = torch.Generator().manual_seed(seed), [], torch.from_numpy(target)
    for _ in tqdm(range(epochs), desc=name, leave=False):
        total, order = 0.0, torch.randperm(len(images), generator=draw)
        for rows in order.split(batch):
            if len(rows) < 2:  # batch norm needs two
                continue
            x = jitter(images[rows].to(device).float() / 255, draw)
            loss = F.cross_entropy(scale * model(x) @ F.normalize(centres).T, target[rows].to(device))
            if not torch.isfinite(loss):
                raise FloatingPointError("The loss is not finite: lower `rate`, or look for NaN among the pictures.")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(rows)
        losses.append(total / len(images))
    return model.eval(), losses


@torch.inference_mode()
def embed(model: Embedder, images: torch.Tensor, batch: int = 256) -> np.ndarray:
    """Embeddings of uint8[N, C, H, W]: the mean over a picture and its mirror image, float32[N, dim] of length 1."""
    device, out = next(model.parameters()).device, []
    for part in images.split(batch):
        x = part.to(device).float() / 255
        out.append(F.normalize(model(x) + model(x.flip(3))).cpu())
    return torch.cat(out).numpy()
