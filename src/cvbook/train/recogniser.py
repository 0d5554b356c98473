"""Train a text-line recogniser on lines drawn on the fly; no line is ever seen twice."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from tqdm.auto import tqdm

from cvbook.losses.ctc import ctc_loss
from cvbook.metrics.text import cer
from cvbook.models.channels_last import channels_last
from cvbook.models.recogniser import Recogniser, collate, padded_width, prepare, read_lines
from cvbook.text.alphabet import encode
from cvbook.text.hard_texts import (
    sample_accented,
    sample_doubled,
    sample_mixed,
    sample_sentences,
    sample_short,
)
from cvbook.text.lines import make_line
from cvbook.train import checkpoints

Branch = Callable[[Recogniser, Tensor, Tensor, list[str]], Tensor]


@dataclass(frozen=True)
class LineRecipe:
    """How a recogniser is trained.

    Attributes:
        lines: how many lines are drawn in all.
        columns: picture columns in a batch (its area, since the height is fixed); lines of like
            width go together.
        rate: peak learning rate; it rises over `warmup` of the run and falls by a cosine to zero.
        warmup: part of the run.
        easy: part of the run over which the drawn difficulty's upper end grows from 0.2 to
            `hardest`.
        weight_decay: of weights; biases and norms have none.
        max_length: longest text, in characters.
        hardest: upper end of the drawn difficulty.
        language: "en", "ru" or None for both.
        seed: of the lines and their order.
        short: part of the lines that hold one short text, such as a word or a digit.
        accented: part of the lines in languages with accented letters.
        doubled: part of the lines whose words have a letter twice in a row.
        mixed: part of the lines with words of both scripts.
        sentences: part of the lines in which sentences end and begin.
    """

    lines: int
    columns: int = 8448
    rate: float = 1.5e-3
    warmup: float = 0.03
    easy: float = 0.2
    weight_decay: float = 0.02
    max_length: int = 80
    hardest: float = 1.0
    language: str | None = None
    seed: int = 0
    short: float = 0.0
    accented: float = 0.0
    doubled: float = 0.0
    mixed: float = 0.0
    sentences: float = 0.0


# Parts of a recipe, and what draws their texts.
_DRAWN: dict[str, Callable[[np.random.Generator, str | None], str]] = {
    "short": sample_short,
    "accented": lambda rng, _: sample_accented(rng),
    "doubled": sample_doubled,
    "mixed": lambda rng, _: sample_mixed(rng),
    "sentences": sample_sentences,
}


class LineStream(IterableDataset):
    """Batches in order of line number, from `start` on; batches hold lines of like width.

    Each is pictures, widths and texts, and the line with which training may go on after it: 0 but
    for the last batch of a pool.
    """

    POOL = 768

    def __init__(self, recipe: LineRecipe, start: int = 0):
        self.recipe, self.start = recipe, start

    def line(self, index: int) -> tuple[np.ndarray, str]:
        done = index / self.recipe.lines
        cap = min(self.recipe.hardest, 0.2 + 0.8 * done / self.recipe.easy)
        # The difficulty has its own stream, so that line `index` differs from the same number in a
        # test set.
        rng = np.random.default_rng([self.recipe.seed, index, 1])
        length = min(self.recipe.max_length, int(12 + 300 * done))
        # So has the choice between short texts and others.
        lot = np.random.default_rng([self.recipe.seed, index, 2])
        language = self.recipe.language
        chance, text = lot.random(), None
        for part, draw in _DRAWN.items():
            chance -= getattr(self.recipe, part)
            if chance < 0:
                text = draw(lot, language)
                if part != "short":  # these are short from the start
                    text = text[:length].strip()
                break
        line = make_line(
            self.recipe.seed + 1_000_003,
            index,
            difficulty=cap * rng.random(),
            text=text,
            language=language,
            max_length=length,
        )
        return prepare(line.image), line.text

    def _batches(self, first: int) -> list[list[tuple[np.ndarray, str]]]:
        """The pool of lines from `first` on, cut into batches."""
        pool = [self.line(i) for i in range(first, min(first + self.POOL, self.recipe.lines))]
        pool.sort(key=lambda item: item[0].shape[1])
        batches: list[list[tuple[np.ndarray, str]]] = [[]]
        for image, text in pool:
            columns = (len(batches[-1]) + 1) * padded_width(image.shape[1])
            if batches[-1] and columns > self.recipe.columns:
                batches.append([])
            batches[-1].append((image, text))
        return batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, list[str], int]]:
        for first in range(self.start, self.recipe.lines, self.POOL):
            batches = self._batches(first)
            order = np.random.default_rng([self.recipe.seed, first]).permutation(len(batches))
            for n, which in enumerate(order):
                images, widths = collate([image for image, _ in batches[which]])
                texts = [text for _, text in batches[which]]
                yield images, widths, texts, first + self.POOL if n == len(order) - 1 else 0


def learning_rate(recipe: LineRecipe, done: float) -> float:
    """Rate at a fraction of the run."""
    if done < recipe.warmup:
        return recipe.rate * done / recipe.warmup
    falling = min(1.0, (done - recipe.warmup) / (1 - recipe.warmup))
    return recipe.rate * 0.5 * (1 + float(np.cos(np.pi * falling)))


def train(
    model: Recogniser,
    recipe: LineRecipe,
    checkpoint: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    every: int = 20,
    evaluate: Callable[[Recogniser], dict] | None = None,
    evaluate_every: int = 50_000,
    branch: Branch | None = None,
    batches: list | None = None,
) -> list[dict]:
    """Train in place.

    Args:
        model: a Recogniser.
        recipe: how.
        checkpoint: file to resume from and to save to after every pool of lines; None for neither.
        workers: processes that draw lines; 0 draws them here.
        every: steps between entries of the log.
        evaluate: called with the model; what it returns joins the log.
        evaluate_every: lines between two such looks.
        branch: extra loss from (model, states, steps, texts), added to the CTC loss.
        batches: `list(LineStream(recipe))`, to draw the lines once for several models; not together
            with a checkpoint.

    Returns:
        The log: line number, loss, share of impossible lines, lines per second.

    Raises:
        FloatingPointError: the loss is not finite.
        ValueError: the checkpoint is of another recipe.
    """
    channels_last(model, device).train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    decayed = {"params": matrices, "weight_decay": recipe.weight_decay}
    free = {"params": vectors, "weight_decay": 0.0}
    optimiser = torch.optim.AdamW([decayed, free], recipe.rate)
    seen, log = checkpoints.resume(checkpoint, model, optimiser, asdict(recipe))
    loader: Iterable = batches or DataLoader(
        LineStream(recipe, seen),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=64 if workers else None,
    )
    losses: list[float] = []
    bad, counted, began = 0, 0, time.perf_counter()
    next_look = (seen // evaluate_every + 1) * evaluate_every
    with tqdm(total=recipe.lines, initial=seen, unit="line", desc="training", mininterval=1) as bar:
        for step, (images, widths, texts, finished) in enumerate(loader):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(recipe, seen / recipe.lines)
            states, steps = model.states(images.to(device), widths.to(device))
            loss, impossible = ctc_loss(model.head(states), steps, [encode(t) for t in texts])
            if branch:
                loss = loss + branch(model, states, steps, texts)
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"The loss became {loss.item()} at line {seen}: "
                    f"lower the rate ({recipe.rate}) and start again."
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            seen, bad, counted = seen + len(texts), bad + impossible, counted + len(texts)
            losses.append(loss.item())
            bar.update(len(texts))
            if step % every == every - 1:
                entry = {
                    "line": seen,
                    "loss": float(np.mean(losses)),
                    "impossible": bad / counted,
                    "per_second": counted / (time.perf_counter() - began),
                }
                log.append(entry)
                bar.set_postfix(loss=f"{log[-1]['loss']:.3f}")
                losses, bad, began, counted = [], 0, time.perf_counter(), 0
            if finished:
                if evaluate and (seen >= next_look or seen >= recipe.lines):
                    log.append({"line": seen, **evaluate(model)})
                    next_look += evaluate_every
                    model.train()
                if checkpoint:
                    checkpoints.save(checkpoint, model, optimiser, asdict(recipe), log, finished)
    model.eval()
    return log


def held_out(
    n: int, difficulty: float, seed: int = 77, **given: Any
) -> tuple[list[np.ndarray], list[str]]:
    """n prepared lines and their texts in fonts, words and backgrounds that training never uses.

    Args:
        given: more for `make_line`, such as language.
    """
    lines = [make_line(seed, i, difficulty, split="test", **given) for i in range(n)]
    return [prepare(line.image) for line in lines], [line.text for line in lines]


def held_out_cer(
    model: Recogniser, n: int = 300, difficulties: tuple[float, ...] = (0.3, 0.7)
) -> dict[str, float]:
    """Character error rate on held-out lines at some difficulties: {"cer@0.3": …}."""
    rates = {}
    for difficulty in difficulties:
        lines, texts = held_out(n, difficulty)
        rates[f"cer@{difficulty}"] = cer(texts, read_lines(model, lines)[0])
    return rates


def accented_cer(model: Recogniser, n: int = 1000, difficulty: float = 0.3) -> dict[str, float]:
    """Character error rate on held-out lines in languages with accented letters."""
    texts = [sample_accented(np.random.default_rng([78, i]), split="test") for i in range(n)]
    lines = [make_line(78, i, difficulty, "test", text) for i, text in enumerate(texts)]
    read, _ = read_lines(model, [prepare(line.image) for line in lines])
    return {f"cer@{difficulty}, accented": cer(texts, read)}
