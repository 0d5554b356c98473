"""Train an embedder on classes, by any loss that takes embeddings and classes.

By default it is softmax over scaled cosines (NormFace, Wang et al. 2017).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from cvbook.losses.margins import Classification
from cvbook.models.embedder import Embedder

Loss = Callable[[Tensor, Tensor], Tensor]


def jitter(x: Tensor, generator: torch.Generator, mirror: bool = True) -> Tensor:
    """Mirror half of the pictures, shift all by up to a twelfth of their side, change brightness.

    float32[B, C, H, W] in 0–1, the same out.
    """
    b, _, h, w = x.shape
    if mirror:
        flip = torch.rand(b, generator=generator) < 0.5
        x = torch.where(flip[:, None, None, None].to(x.device), x.flip(3), x)
    reach = h // 12
    dy, dx = (int(torch.randint(2 * reach + 1, (1,), generator=generator)) for _ in range(2))
    x = F.pad(x, [reach] * 4, mode="replicate")[..., dy : dy + h, dx : dx + w]
    return (x * (0.8 + 0.4 * torch.rand(b, 1, 1, 1, generator=generator)).to(x.device)).clamp(0, 1)


def balanced_batches(
    target: Tensor, batch: int, per_class: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Batches of `per_class` pictures of batch / per_class classes, about as many as an epoch has.

    Losses on pairs need several of a class.

    Args:
        target: int64[N], classes from 0. Of a class with fewer pictures some come twice.
    """
    members = [torch.nonzero(target == c)[:, 0] for c in range(int(target.max()) + 1)]
    queue: list[int] = []
    for _ in range(math.ceil(len(target) / batch)):
        wanted = min(batch // per_class, len(members))
        if len(queue) < wanted:  # every class once before any comes again
            order = torch.randperm(len(members), generator=generator).tolist()
            queue += [c for c in order if c not in queue]
        chosen, queue = queue[:wanted], queue[wanted:]
        rows = []
        for c in chosen:
            own = members[c]
            rounds = math.ceil(per_class / len(own))
            orders = [torch.randperm(len(own), generator=generator) for _ in range(rounds)]
            rows.append(own[torch.cat(orders)[:per_class]])
        yield torch.cat(rows)


def train_embedder(
    images: Tensor,
    labels: np.ndarray,
    epochs: int,
    seed: int = 0,
    device: str = "cpu",
    batch: int = 64,
    rate: float = 3e-3,
    loss: Callable[[int, int], Loss] = Classification,
    per_class: int | None = None,
    mirror: bool = True,
    decay: float = 0.02,
    width: int = 32,
    dim: int = 64,
    model: nn.Module | None = None,
    name: str = "training",
    watch: Callable[[nn.Module, Loss], None] | None = None,
) -> tuple[nn.Module, list[float]]:
    """Train on labels as they are, an `Embedder` from scratch or any network that has its methods.

    Args:
        images: uint8[N, C, H, W].
        labels: [N], any; each value is a class.
        epochs: passes over the data.
        rate: peak of a one-cycle schedule.
        loss: makes the loss from the embedding's size and the number of classes; it is called with
            raw embeddings float[B, dim] and int64[B].
        per_class: pictures of each class in a batch; None draws batches at random.
        mirror: whether a mirrored picture shows the same thing.
        decay: weight decay.
        width, dim: of the Embedder.
        model: a network to train further, whose embeddings have `dim` numbers.
        name: for the progress bar.
        watch: called with network and loss after each epoch.

    Returns:
        The network in evaluation mode, and the mean loss per epoch.

    Raises:
        ValueError: fewer than two classes.
        FloatingPointError: the loss is not finite.
    """
    classes, target = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            "Training an embedder needs at least two classes: with one, every picture is right."
        )
    torch.manual_seed(seed)
    network: Any = model or Embedder(dim, width, images.shape[1])  # anything with its methods
    network.to(device).train()
    head = loss(dim, len(classes))
    groups: list[dict] = [{"params": network.parameters(), "lr": rate}]
    if isinstance(head, nn.Module):
        # The class centres are normalised, so their gradient is small: they want a larger rate than
        # the network.
        groups.append({"params": head.to(device).parameters(), "lr": 5 * rate, "weight_decay": 0})
    rates = [group["lr"] for group in groups]
    optimiser = torch.optim.AdamW(groups, weight_decay=decay)
    steps = epochs * math.ceil(len(images) / batch)
    schedule = OneCycleLR(optimiser, rates, total_steps=steps, pct_start=0.2)
    draw, losses, target = torch.Generator().manual_seed(seed), [], torch.from_numpy(target)
    for _ in tqdm(range(epochs), desc=name, leave=False):
        total, seen = 0.0, 0
        if per_class:
            batches = balanced_batches(target, batch, per_class, draw)
        else:
            batches = iter(torch.randperm(len(images), generator=draw).split(batch))
        for rows in batches:
            if len(rows) < 2:  # batch norm needs two
                continue
            x = jitter(images[rows].to(device).float() / 255, draw, mirror)
            value = head(network.raw(x), target[rows].to(device))
            if not torch.isfinite(value):
                raise FloatingPointError(
                    "The loss is not finite: lower `rate`, or look for NaN among the pictures."
                )
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total, seen = total + value.item() * len(rows), seen + len(rows)
        losses.append(total / max(seen, 1))
        if watch:
            watch(network.eval(), head)
            network.train()
    return network.eval(), losses


@torch.inference_mode()
def embed(model: nn.Module, images: Tensor, batch: int = 256, mirror: bool = True) -> np.ndarray:
    """Embeddings of uint8[N, C, H, W], float32[N, dim] of length 1.

    With `mirror` they are the mean over a picture and its mirror image.
    """
    device, out = next(model.parameters()).device, []
    for part in images.split(batch):
        x = part.to(device).float() / 255
        out.append((F.normalize(model(x) + model(x.flip(3))) if mirror else model(x)).cpu())
    return torch.cat(out).numpy()
