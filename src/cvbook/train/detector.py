"""Train the text detector on pages drawn on the fly."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm.auto import tqdm

from cvbook.models.channels_last import channels_last
from cvbook.models.detector import STRIDE, Detector, detector_loss, targets
from cvbook.text.pages import make_page
from cvbook.train import checkpoints

WARMUP = 0.05  # of the run


@dataclass(frozen=True)
class PageRecipe:
    """How a detector is trained.

    Attributes:
        pages: in all.
        side: of a page, in pixels.
        batch: pages per step.
        rate: peak learning rate; it rises over `WARMUP` and falls by a cosine to zero.
        seed: of the pages.
        short: part of the pages that hold short texts only, as `make_page` draws them.
    """

    pages: int
    side: int = 448
    batch: int = 6
    rate: float = 2e-3
    seed: int = 0
    short: float = 0.0


class Pages(Dataset):
    """Page pictures and target maps by number.

    Grey float32[1, S, S], and maps float32[3, 2, S/2, S/2].
    """

    def __init__(self, recipe: PageRecipe):
        self.recipe = recipe

    def __len__(self) -> int:
        return self.recipe.pages

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        side = self.recipe.side
        page = make_page(
            self.recipe.seed + 2_000_003, index, size=(side, side), short=self.recipe.short
        )
        grey = cv2.cvtColor(page.image, cv2.COLOR_RGB2GRAY)
        h, w = grey.shape
        # Warps make the picture a little larger than asked: scale it back.
        grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
        scale = np.array([side / w, side / h], np.float32)
        shape = (side // STRIDE, side // STRIDE)
        maps = [targets([p * scale for _, p in found], shape) for found in (page.lines, page.words)]
        picture = torch.from_numpy(grey)[None].float() / 255
        return picture, torch.from_numpy(np.stack(maps, 1))  # 1,h,w; 3,2,h,w


def learning_rate(recipe: PageRecipe, done: float) -> float:
    """Rate at a fraction of the run."""
    if done < WARMUP:
        return recipe.rate * (done / WARMUP)
    return float(recipe.rate * (0.5 * (1 + np.cos(np.pi * (done - WARMUP) / (1 - WARMUP)))))


def train_detector(
    model: Detector,
    recipe: PageRecipe,
    checkpoint: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    every: int = 20,
) -> list[dict]:
    """Train in place; resumes from `checkpoint` and saves there about every minute.

    Returns:
        The log: page number and loss.

    Raises:
        FloatingPointError: the loss is not finite.
        ValueError: the checkpoint is of another recipe.
    """
    channels_last(model, device).train()
    optimiser = torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=0.01)
    seen, log = checkpoints.resume(checkpoint, model, optimiser, asdict(recipe))
    pages = Subset(Pages(recipe), range(seen, recipe.pages))
    loader = DataLoader(pages, batch_size=recipe.batch, num_workers=workers)
    losses: list[float] = []
    saved_at = time.perf_counter()
    with tqdm(total=recipe.pages, initial=seen, unit="page", desc="training", mininterval=1) as bar:
        for step, (images, maps) in enumerate(loader):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(recipe, seen / recipe.pages)
            loss = detector_loss(model(images.to(device)), *maps.to(device).unbind(1))
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"The loss became {loss.item()} at page {seen}: "
                    f"lower the rate ({recipe.rate}) and start again."
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            seen += len(images)
            losses.append(loss.item())
            bar.update(len(images))
            if step % every == every - 1:
                log.append({"page": seen, "loss": float(np.mean(losses))})
                bar.set_postfix(loss=f"{log[-1]['loss']:.3f}")
                losses = []
            if checkpoint and (time.perf_counter() - saved_at > 60 or seen >= recipe.pages):
                checkpoints.save(checkpoint, model, optimiser, asdict(recipe), log, seen)
                saved_at = time.perf_counter()
    model.eval()
    return log
