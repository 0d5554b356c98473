"""Train and use networks that estimate age and gender from a face, a body, or both."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from cvbook.data.age_gender import AgeScale, Crops
from cvbook.losses.imbalance import FDS
from cvbook.models.channels_last import channels_last
from cvbook.train.embedder import jitter

SCALE = AgeScale()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, with which VOLO was trained


def normalised(x: Tensor) -> Tensor:
    """Crops float[B, 3 or 6, S, S] in 0–1, black where one is absent, as the network takes them."""
    repeats = x.shape[1] // 3
    mean, std = (
        torch.tensor(v, device=x.device).repeat(repeats)[:, None, None] for v in (MEAN, STD)
    )
    return (x - mean) / std


def drop_inputs(x: Tensor, face: float, body: float, generator: torch.Generator) -> Tensor:
    """FaceDropout and BodyDropout: blacken a face or a body at random, never both of one person.

    Args:
        x: float[B, 6, S, S] in 0–1.
        face, body: probabilities, of which the sum is at most 1.
    """
    if face + body > 1:
        raise ValueError(
            f"Probabilities {face} and {body} sum to more than 1, but one crop must stay."
        )
    u = torch.rand(len(x), generator=generator).to(x.device)
    gone = torch.stack([u < face, u > 1 - body], 1).repeat_interleave(3, 1)  # b,crop → b,channel
    return x.masked_fill(gone[:, :, None, None], 0.0)


def multi_task(
    output: Tensor, age: Tensor, male: Tensor, weight: Tensor, gender: float = 0.1
) -> Tensor:
    """Weighted squared error of the encoded age, and where the network knows gender its loss too.

    Args:
        output: float[B, 3], logits of male and female and the age, or [B, 1], the age.
        age: float[B], encoded.
        male: bool[B].
        weight: float[B], of mean 1.
        gender: factor of the gender's cross-entropy.
    """
    loss = (weight * (output[:, -1].float() - age).square()).mean()
    if output.shape[1] == 1:
        return loss
    return loss + gender * F.cross_entropy(output[:, :2].float(), (~male).long())


def train_age_gender(
    model: nn.Module,
    people: Crops,
    epochs: int,
    seed: int = 0,
    device: str = "cpu",
    scale: AgeScale = SCALE,
    inputs: str = "both",
    batch: int = 32,
    rate: float = 1e-3,
    drop: tuple[float, float] = (0.0, 0.0),
    weights: np.ndarray | None = None,
    fds: FDS | None = None,
    gender: float = 0.1,
    decay: float = 0.05,
    name: str = "training",
    watch: Callable[[nn.Module], None] | None = None,
) -> nn.Module:
    """Train a `MiVOLO`, or a network of timm with as many outputs, on crops and labels.

    Args:
        people: see `Crops`.
        scale: how ages are encoded.
        inputs: "both", "face" or "body"; single inputs suit networks with three channels.
        rate: peak of a one-cycle schedule.
        drop: probabilities of FaceDropout and BodyDropout, for both.
        weights: float[N] with mean 1, from `lds_weights`.
        fds: smooths features, for networks of timm.
        gender: weight of the second task.
        decay: weight decay.
        name: for the progress bar.
        watch: called after each epoch with the network.

    Returns:
        The network in evaluation mode.

    Raises:
        ValueError: an age or a weight is not finite, there is not a weight for each person, or
            fewer than two people.
        FloatingPointError: the loss is not.
    """
    if not np.isfinite(people.years).all():
        raise ValueError("An age is not finite: leave out people whose age is not known.")
    if len(people.years) < 2:
        raise ValueError(f"Training needs at least two people; got {len(people.years)}.")
    if weights is not None and (
        len(weights) != len(people.years) or not np.isfinite(weights).all()
    ):
        raise ValueError(f"{len(people.years)} people need as many weights, and finite ones.")
    torch.manual_seed(seed)
    network: Any = channels_last(model, device).train()  # with timm's methods, where there is FDS
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, rate, weight_decay=decay)
    steps = epochs * math.ceil(len(people.years) / batch)
    schedule = OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.2)
    age, male = torch.from_numpy(scale.encode(people.years)).float(), torch.from_numpy(people.male)
    weight = torch.ones(len(age)) if weights is None else torch.from_numpy(weights).float()
    bins = torch.from_numpy(np.rint(people.years).astype(int))
    draw = torch.Generator().manual_seed(seed)
    pixels = chosen(people.pixels, inputs).contiguous(memory_format=torch.channels_last)
    for _ in tqdm(range(epochs), desc=name, leave=False):
        seen = []
        for rows in torch.randperm(len(age), generator=draw).split(batch):
            if len(rows) < 2:  # batch norm needs two
                continue
            x = jitter(pixels[rows].to(device).float() / 255, draw)
            x = normalised(drop_inputs(x, *drop, draw) if any(drop) else x)
            if fds is None:
                output = network(x)
            else:
                features = network.forward_head(network.forward_features(x), pre_logits=True)
                seen.append((features.detach().cpu(), bins[rows]))
                output = network.get_classifier()(fds(features, bins[rows].to(device)))
            years, men, importance = (part[rows].to(device) for part in (age, male, weight))
            loss = multi_task(output, years, men, importance, gender)
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    "The loss is not finite: lower `rate`, or look for NaN among the crops."
                )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        if fds is not None:
            fds.update(*(torch.cat(part) for part in zip(*seen, strict=True)))
        if watch:
            watch(model.eval())
            model.train()
    return model.eval()


def chosen(pixels: Tensor, inputs: str) -> Tensor:
    """The channels that a network sees: both crops [N, 6, S, S], or one of them [N, 3, S, S]."""
    try:
        return pixels[:, {"both": slice(0, 6), "face": slice(0, 3), "body": slice(3, 6)}[inputs]]
    except KeyError:
        raise ValueError(f"There are no inputs {inputs!r}; choose both, face or body.") from None


@torch.inference_mode()
def estimate(
    model: nn.Module, pixels: Tensor, scale: AgeScale = SCALE, batch: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Ages and genders from crops uint8[N, 3 or 6, S, S].

    Each is the mean over the crops and their mirror images.

    Returns:
        Ages in years float64[N] and probabilities of male float64[N], which are nan if the network
        knows no gender.
    """
    device, out = next(model.parameters()).device, []
    for part in pixels.split(batch):
        x = normalised(part.to(device).float() / 255)
        pair = torch.stack([model(x), model(x.flip(3))]).double()
        male = torch.full_like(pair[..., 0], torch.nan)
        if pair.shape[2] == 3:
            male = pair[..., :2].softmax(-1)[..., 0]
        out.append(torch.stack([pair[..., -1].mean(0), male.mean(0)]).cpu())
    ages, males = torch.cat(out, 1).numpy()
    return scale.decode(ages), males
