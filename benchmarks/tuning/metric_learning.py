"""Tune every loss of chapters 8 and 9 with the same budget, on classes that no test uses.

    python benchmarks/tuning/metric_learning.py

For each set and loss seven trainings: three strengths at the middle rate, two other rates at the
best strength, then one more rate and one more strength, beyond the best where that lies at an end
of what was tried, else between it and its neighbour. A quarter of the training classes is left out
of training and judges, by mean average precision at R. The test classes are not touched. What has
been tried is kept in runs/tuning, so a killed run goes on; the result goes to metric_learning.json
beside this file, which the chapters show and use. About 50 minutes on two cores.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from cvbook.data.open_set import SETS, LabelledImages, UnseenSet
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.metrics.retrieval import retrieval
from cvbook.paths import RUNS
from cvbook.train.embedder import embed, train_embedder
from cvbook.train.metric_learning import ARMS, FACTORIAL, RATES, Arm

EPOCHS, WIDTH, SEED = 12, 16, 1000  # a seed that no test uses
Judge = Callable[[np.ndarray, LabelledImages], float]


def average_precision(x: np.ndarray, judge: LabelledImages) -> float:
    """Mean average precision at R of embeddings float[N, d]."""
    return retrieval(x, judge.labels)["map@r"]


def score(data: UnseenSet, arm: Arm, by: Judge, strength: float, rate: float) -> float:
    """Train on three quarters of the training classes, judge on the rest."""
    torch.set_num_threads(1)
    number = np.unique(data.train.labels, return_inverse=True)[1]
    use, judge = data.train.where(number % 4 != 3), data.train.where(number % 4 == 3)
    torch.manual_seed(SEED)
    try:
        model, _ = train_embedder(
            use.images,
            use.labels,
            EPOCHS,
            SEED,
            rate=rate,
            loss=arm.make(strength),
            per_class=arm.per_class,
            mirror=data.mirror,
            width=WIDTH,
            model=arm.network(64, WIDTH, 3) if arm.network else None,
        )
    except FloatingPointError:
        return 0.0
    return by(embed(model, judge.images, mirror=data.mirror), judge)


def one_more(values: list[float], best: float) -> float:
    """One more value to try, by ratios where all are positive, else by differences.

    Beyond the best if it lies at an end of what was tried, else between it and its larger
    neighbour.
    """
    values = sorted(values)
    at, positive = values.index(best), values[0] > 0
    if 0 < at < len(values) - 1:
        other = values[at + 1]
        return round(float(np.sqrt(best * other)) if positive else (best + other) / 2, 5)
    other = values[1] if at == 0 else values[-2]
    return round(best * best / other if positive else 2 * best - other, 5)


def tune(
    set_name: str, name: str, strengths: Sequence[float], judge: Callable[[float, float], float]
) -> dict:
    """All trials of one loss on one set, and the best; `judge` takes a strength and a rate."""
    kept = RUNS / "tuning" / f"{set_name}-{name}.json"
    trials = json.loads(kept.read_text())["trials"] if kept.exists() else []

    def tried(strength: float, rate: float) -> None:
        if not any(t["strength"] == strength and t["rate"] == rate for t in trials):
            trials.append({"strength": strength, "rate": rate, "map@r": judge(strength, rate)})
            write_text(kept, json.dumps({"trials": trials}))

    def best(of: list[dict]) -> dict:
        return max(of, key=lambda t: t["map@r"])

    for strength in strengths:
        tried(strength, RATES[1])
    top = best(trials[:3])["strength"]
    for rate in (RATES[0], RATES[2]):
        tried(top, rate)
    rate = best([t for t in trials[:5] if t["strength"] == top])["rate"]
    tried(top, one_more(list(RATES), rate))
    rate = best([t for t in trials[:6] if t["strength"] == top])["rate"]
    tried(one_more(list(strengths), top), rate)
    return {"set": set_name, "loss": name, "best": best(trials), "trials": trials}


def write(script: str, work: list) -> None:
    """Run the tunings on all cores and write what they found beside the script."""
    done = Parallel(len(os.sched_getaffinity(0)), return_as="generator")(work)
    found = list(tqdm(done, total=len(work), desc="losses and sets"))
    for f in found:
        for t in f["trials"]:  # the best is one of them
            t["map@r"] = round(t["map@r"], 4)
    about = {"date": date.today().isoformat(), "machine": machine()}
    result = about | {"epochs": EPOCHS, "width": WIDTH, "seed": SEED, "found": found}
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    write_text(Path(script).with_suffix(".json"), text)


def tunings(sets: Sequence[UnseenSet], arms: Mapping[str, Arm], by: Judge) -> list:
    """All the work: every loss on every set, judged in one way."""
    return [
        delayed(tune)(data.name, name, arm.strengths, partial(score, data, arm, by))
        for data in sets
        for name, arm in arms.items()
    ]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    arms = ARMS | FACTORIAL
    write(__file__, tunings([make() for make in SETS.values()], arms, average_precision))
