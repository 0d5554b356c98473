"""The three networks that smaller.py makes smaller, and peers/quantisers.py rounds.

The product embedding, the line recogniser and a MiVOLO for 64 pixels, each with how it is trained
further and how it is judged, on products, fonts and people that no training saw.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.data import open_set
from cvbook.data.age_gender import Crops, rendered
from cvbook.metrics.age import evaluate
from cvbook.metrics.retrieval import retrieval
from cvbook.metrics.text import cer
from cvbook.models import weights
from cvbook.models.mivolo import load_checkpoint, mivolo_small, save_checkpoint
from cvbook.models.recogniser import collate, read_lines
from cvbook.paths import RUNS
from cvbook.train.age_gender import estimate, normalised, train_age_gender
from cvbook.train.embedder import embed, jitter, train_embedder
from cvbook.train.recogniser import LineRecipe, LineStream, held_out, train

EPOCHS, POOLS, SIDE, PLACE = 8, 4, 64, RUNS / "smaller"
FREE = {3: "width"}  # of a line


@dataclass(frozen=True)
class Task:
    """A network and what it is for.

    Attributes:
        make: the trained network.
        tune: trains a network in place, by a seed.
        steps: how many that takes.
        stream: the inputs of as many steps, for a network that follows its teacher.
        apart: how far the two answers are from each other.
        judge: quality in points, more is better.
        quality: its name.
        inputs: typical ones, for calibration and timing.
        rate: of training further.
    """

    make: Callable[[], nn.Module]
    tune: Callable[[nn.Module, int], None]
    steps: Callable[[int], int]
    stream: Callable[[int], Iterator[tuple[Tensor, ...]]]
    apart: Callable[[Tensor, Tensor], Tensor]
    judge: Callable[[nn.Module], float]
    quality: str
    inputs: Callable[[], tuple[Tensor, ...]]
    rate: float


@lru_cache
def products() -> open_set.UnseenSet:
    return open_set.products()


def tune_embedder(model: nn.Module, seed: int) -> None:
    given = products().train
    train_embedder(given.images, given.labels, EPOCHS, seed, rate=1e-3, mirror=False, model=model)


def stream_products(seed: int) -> Iterator[tuple[Tensor]]:
    given, draw = products().train, torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(given.images), generator=draw).split(64):
            yield (jitter(given.images[rows].float() / 255, draw, False),)


def judge_embedder(model: nn.Module) -> float:
    test = products().test
    return 100 * retrieval(embed(model, test.images, mirror=False), test.labels)["map@r"]


EMBEDDING = Task(
    make=weights.embedder,
    tune=tune_embedder,
    steps=lambda _: EPOCHS * math.ceil(len(products().train.images) / 64),
    stream=stream_products,
    apart=lambda a, b: 1 - F.cosine_similarity(a, b).mean(),
    judge=judge_embedder,
    quality="mAP@R (%)",
    inputs=lambda: (products().train.images[::7].float() / 255,),
    rate=1e-3,
)


@lru_cache
def held_lines() -> tuple[list[np.ndarray], list[str]]:
    """Lines that judge the recogniser, and what is written on them."""
    return held_out(400, 0.3)


@lru_cache(1)
def batches(seed: int) -> tuple[LineRecipe, list]:
    """Lines in training fonts, of the difficulties that are judged and above.

    They are drawn once for all networks of a seed.
    """
    recipe = LineRecipe(
        POOLS * LineStream.POOL, rate=3e-4, hardest=0.5, easy=1e-9, max_length=60, seed=100 + seed
    )
    return recipe, list(LineStream(recipe))


def tune_recogniser(model: nn.Module, seed: int) -> None:
    recipe, drawn = batches(seed)
    train(model, recipe, batches=drawn)


def divergence(a: Tensor, b: Tensor) -> Tensor:
    """Of the teacher's probabilities b from a, by step."""
    given = a.log_softmax(-1), b.log_softmax(-1)
    return F.kl_div(*given, log_target=True, reduction="sum") / a[..., 0].numel()


def judge_recogniser(model: nn.Module) -> float:
    lines, texts = held_lines()
    return 100 * (1 - cer(texts, read_lines(model, lines)[0]))


RECOGNISER = Task(
    make=weights.recogniser,
    tune=tune_recogniser,
    steps=lambda seed: len(batches(seed)[1]),
    stream=lambda seed: ((x, w) for x, w, *_ in batches(seed)[1]),
    apart=divergence,
    judge=judge_recogniser,
    quality="right characters (%)",
    inputs=lambda: collate(held_out(64, 0.3, seed=5)[0]),
    rate=3e-4,
)


@lru_cache
def people() -> tuple[Crops, Crops]:
    """Whose face can be seen: for training, for the test."""
    return tuple(part.where(part.face > 0.3) for part in rendered(SIDE))


def mivolo() -> nn.Module:
    """Trained once, with both inputs, and kept."""
    kept = PLACE / "mivolo.pt"
    if not kept.exists():
        torch.manual_seed(0)
        model = mivolo_small(side=SIDE)
        train_age_gender(model, people()[0], 40, rate=1e-3, drop=(0.3, 0.1))
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(model, kept, 0, 95)
    return load_checkpoint(kept)[0]


def tune_mivolo(model: nn.Module, seed: int) -> None:
    train_age_gender(model, people()[0], EPOCHS, seed, rate=3e-4, drop=(0.3, 0.1))


def stream_people(seed: int) -> Iterator[tuple[Tensor]]:
    pixels, draw = people()[0].pixels, torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pixels), generator=draw).split(32):
            yield (normalised(jitter(pixels[rows].float() / 255, draw)),)


def judge_mivolo(model: nn.Module) -> float:
    return -evaluate(estimate(model, people()[1].pixels)[0], people()[1].years).mae


MIVOLO = Task(
    make=mivolo,
    tune=tune_mivolo,
    steps=lambda _: EPOCHS * math.ceil(len(people()[0].years) / 32),
    stream=stream_people,
    apart=F.mse_loss,
    judge=judge_mivolo,
    quality="minus MAE (years)",
    inputs=lambda: (normalised(people()[0].pixels[::9].float() / 255),),
    rate=3e-4,
)

TASKS = {"embedding": EMBEDDING, "recogniser": RECOGNISER, "MiVOLO": MIVOLO}
