"""Pictures per second of `train_embedder` against a bare training loop.

    python benchmarks/peers/training.py

On the same network, data and loss, in one run, taking turns. The result goes to training.json
beside this file, which chapter 08 shows.
"""

import argparse
import json
import math
import time
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from cvbook.data.open_set import SETS
from cvbook.files import write_text
from cvbook.losses.margins import Classification, arcface
from cvbook.machine import machine
from cvbook.models.embedder import Embedder
from cvbook.train.embedder import jitter, train_embedder


def bare(images: torch.Tensor, target: torch.Tensor, epochs: int, mirror: bool) -> None:
    """What one would write by hand."""
    model = Embedder(64, 16, images.shape[1])
    head = Classification(64, int(target.max()) + 1, arcface(0.3))
    centres = {"params": head.parameters(), "lr": 1.5e-2, "weight_decay": 0}
    groups = [{"params": model.parameters()}, centres]
    optimiser = torch.optim.AdamW(groups, 3e-3, weight_decay=0.02)
    steps = epochs * math.ceil(len(images) / 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [3e-3, 1.5e-2], total_steps=steps)
    draw = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=draw).split(64):
            x = jitter(images[rows].float() / 255, draw, mirror)
            loss = head(model.raw(x), target[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="turns of two epochs for each")
    rounds, cases = parser.parse_args().rounds, []
    torch.set_num_threads(1)
    loss = partial(Classification, margin=arcface(0.3))
    for name, make in SETS.items():
        data = make()
        images, labels = data.train.images, data.train.labels
        target = torch.from_numpy(np.unique(labels, return_inverse=True)[1])
        took: dict[str, list[float]] = {"cvbook": [], "bare loop": []}
        for turn in tqdm(range(rounds + 1), desc=name):
            for who in sorted(took, reverse=turn % 2 == 1):
                began = time.perf_counter()
                if who == "cvbook":
                    train_embedder(images, labels, 2, loss=loss, mirror=data.mirror, width=16)
                else:
                    bare(images, target, 2, data.mirror)
                if turn:  # the first is to warm up
                    took[who].append(round(2 * len(images) / (time.perf_counter() - began), 1))
        ratio = round(float(np.median(np.divide(took["cvbook"], took["bare loop"]))), 3)
        cases.append({"name": name, "ratio": ratio, **took})
        print(name, ratio)
    about = {"date": date.today().isoformat(), "machine": machine()}
    result = about | {"unit": "pictures per second and core", "cases": cases}
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    write_text(Path(__file__).with_suffix(".json"), text)


if __name__ == "__main__":
    main()
