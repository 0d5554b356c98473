"""Tune every way of chapter 10 to learn a new task with the same budget, on classes that neither its training nor its tests use.

    python benchmarks/tuning/distillation.py

As in metric_learning.py: seven trainings for each set and way, judged on a quarter of the training classes, here by the mean of two tasks, fine classes
and coarse ones. Of the other three quarters, half of the classes make the old task and the pictures of the rest the new one. What has been tried is kept
in runs/tuning; the result goes to distillation.json beside this file. About 12 minutes on two cores.
"""

from functools import partial

import numpy as np
import torch
from joblib import delayed
from metric_learning import EPOCHS, SEED, WIDTH, tune, write

from cvbook.data.open_set import SETS, LabelledImages, UnseenSet
from cvbook.metrics.retrieval import retrieval
from cvbook.paths import stored_benchmark
from cvbook.train.continual import WAYS, halves, learn, teach
from cvbook.train.embedder import embed


def begun(
    name: str,
) -> tuple[
    UnseenSet, LabelledImages, LabelledImages, LabelledImages, torch.nn.Module, torch.Tensor
]:
    """A set, its old and new halves and the classes that judge, and the teacher with its centres."""
    data = SETS[name]()
    number = np.unique(data.train.labels, return_inverse=True)[1]
    old, new = halves(data.train.where(number % 4 != 3), SEED)
    found = stored_benchmark("tuning/metric_learning")["found"]
    best = next(f["best"] for f in found if f["set"] == name and f["loss"] == "ArcFace")
    return (
        data,
        old,
        new,
        data.train.where(number % 4 == 3),
        *teach(old, EPOCHS, best["rate"], SEED, best["strength"], mirror=data.mirror, width=WIDTH),
    )


def score(start: tuple, way: str, strength: float, rate: float) -> float:
    """Mean average precision at R, the mean of fine and coarse classes."""
    torch.set_num_threads(1)
    data, old, new, judge, teacher, centres = start
    try:
        student = learn(
            WAYS[way], strength, teacher, centres, new, old, EPOCHS, rate, SEED, mirror=data.mirror
        )
    except FloatingPointError:
        return 0.0
    x = WAYS[way].searched(embed(student, judge.images, mirror=data.mirror))
    return float(
        np.mean([retrieval(x, labels)["map@r"] for labels in (judge.labels, judge.coarse)])
    )


if __name__ == "__main__":
    starts = {name: begun(name) for name in SETS}
    work = [
        delayed(tune)(name, way, WAYS[way].strengths, partial(score, starts[name], way))
        for name in SETS
        for way in WAYS
    ]
    write("distillation.json", work, epochs=EPOCHS, width=WIDTH, seed=SEED)
