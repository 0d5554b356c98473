"""Tune every way of chapter 10 to learn a new task with the same budget.

    python benchmarks/tuning/distillation.py

As in metric_learning.py: seven trainings for each set and way, judged on a quarter of the training
classes, which neither training nor tests use, here by the mean of two tasks, fine classes and
coarse ones. Of the other three quarters, half of the classes make the old task and the pictures of
the rest the new one. What has been tried is kept in runs/tuning; the result goes to
distillation.json beside this file. About 12 minutes on two cores.
"""

import argparse
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from joblib import delayed
from metric_learning import EPOCHS, SEED, WIDTH, tune, write

from cvbook.data.open_set import SETS, LabelledImages
from cvbook.metrics.retrieval import retrieval
from cvbook.paths import stored_benchmark
from cvbook.train.continual import WAYS, halves, learn, teach
from cvbook.train.embedder import embed


@dataclass(frozen=True)
class Start:
    """Where every way begins: the two halves of a set, who judges, the teacher and its centres."""

    old: LabelledImages
    new: LabelledImages
    judge: LabelledImages
    teacher: torch.nn.Module
    centres: torch.Tensor
    mirror: bool


def begun(name: str) -> Start:
    """A set, divided, and a teacher that knows its old half."""
    data = SETS[name]()
    number = np.unique(data.train.labels, return_inverse=True)[1]
    old, new = halves(data.train.where(number % 4 != 3), SEED)
    found = stored_benchmark("tuning/metric_learning")["found"]
    best = next(f["best"] for f in found if f["set"] == name and f["loss"] == "ArcFace")
    sizes = {"mirror": data.mirror, "width": WIDTH}
    teacher, centres = teach(old, EPOCHS, best["rate"], SEED, best["strength"], **sizes)
    return Start(old, new, data.train.where(number % 4 == 3), teacher, centres, data.mirror)


def score(start: Start, way: str, strength: float, rate: float) -> float:
    """Mean average precision at R, the mean of fine and coarse classes."""
    torch.set_num_threads(1)
    given = start.teacher, start.centres, start.new, start.old
    try:
        student = learn(WAYS[way], strength, *given, EPOCHS, rate, SEED, mirror=start.mirror)
    except FloatingPointError:
        return 0.0
    x = WAYS[way].searched(embed(student, start.judge.images, mirror=start.mirror))
    tasks = start.judge.labels, start.judge.coarse
    return float(np.mean([retrieval(x, labels)["map@r"] for labels in tasks]))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    work = []
    for name in SETS:
        start = begun(name)
        for way in WAYS:
            judge = partial(score, start, way)
            work.append(delayed(tune)(name, way, WAYS[way].strengths, judge))
    write(__file__, work)
