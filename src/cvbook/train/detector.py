"""Train the text detector on pages drawn on the fly."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from cvbook.models.detector import STRIDE, Detector, detector_loss, targets
from cvbook.text.pages import make_page
from cvbook.train.recogniser import save_checkpoint


@dataclass(frozen=True)
class PageRecipe:
    """How a detector is trained: pages in all, their side in pixels, pages per step, peak rate, seed."""

    pages: int
    side: int = 448
    batch: int = 6
    rate: float = 2e-3
    seed: int = 0


class Pages(Dataset):
    """Page pictures and target maps by number: grey float32[1, S, S], maps float32[3, 2, S/2, S/2]."""

    def __init__(self, recipe: PageRecipe, split: str = "train"):
        self.recipe, self.split = recipe, split

    def __len__(self) -> int:
        return self.recipe.pages

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        side = self.recipe.side
        page = make_page(self.recipe.seed + 2_000_003, index, split=self.split, size=(side, side))
        grey = cv2.cvtColor(page.image, cv2.COLOR_RGB2GRAY)
        h, w = grey.shape
        # Warps make the picture a little larger than asked: scale it back.
        grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
        scale = np.float32([side / w, side / h])
        shape = (side // STRIDE, side // STRIDE)
        maps = [targets([p * scale for _, p in found], shape) for found in (page.lines, page.words)]
        return torch.from_numpy(grey)[None].float() / 255, torch.from_numpy(
            np.stack(maps, 1)
        )  # 3,2,h,w


def train_detector(
    model: Detector,
    recipe: PageRecipe,
    checkpoint: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    every: int = 20,
) -> list[dict]:
    """Train in place; resumes from `checkpoint` and saves there about every minute. Returns the log (page, loss).

    Raises:
        FloatingPointError: the loss is not finite.
    """
    model.to(device, memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=0.01)
    log, start = [], 0
    if checkpoint and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=device)
        if saved["recipe"] != asdict(recipe):
            raise ValueError(
                f"{checkpoint} was made with another recipe; delete it or name another file."
            )
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        start, log = saved["next"], saved["log"]
    pages = torch.utils.data.Subset(Pages(recipe), range(start, recipe.pages))
    loader = DataLoader(pages, batch_size=recipe.batch, num_workers=workers)
    losses, seen, saved_at = [], start, time.perf_counter()
    with tqdm(
        total=recipe.pages, initial=start, unit="page", desc="training", mininterval=1
    ) as bar:
        for step, (images, maps) in enumerate(loader):
            done = seen / recipe.pages
            rate = recipe.rate * (
                done / 0.05 if done < 0.05 else 0.5 * (1 + np.cos(np.pi * (done - 0.05) / 0.95))
            )
            for group in optimiser.param_groups:
                group["lr"] = float(rate)
            loss = detector_loss(model(images.to(device)), *maps.to(device).unbind(1))
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"The loss became {loss.item()} at page {seen}: lower the rate ({recipe.rate}) and start again."
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
                save_checkpoint(
                    checkpoint,
                    {
                        "model": model.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "next": seen,
                        "log": log,
                        "recipe": asdict(recipe),
                    },
                )
                saved_at = time.perf_counter()
    model.eval()
    return log
