"""Tune every loss of chapter 8 with the same budget, on classes that neither its training nor its tests use.

    python benchmarks/metric_learning.py

For each set and loss: three strengths at the middle rate, then the two other rates at the best strength; five trainings. A quarter of the
training classes is left out of training and judges them, by mean average precision at R. The test classes are not touched. What has been
tried is kept in runs/tuning, so a killed run goes on; the result goes to benchmarks/metric_learning.json, which chapter 8 shows and uses.
About 70 minutes on one core, 35 on two.
"""

import json
import os
from datetime import date

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from cvbook.book.claims import machine
from cvbook.data.unseen import SETS, UnseenSet
from cvbook.metrics.retrieval import retrieval
from cvbook.paths import ROOT, RUNS
from cvbook.train.arms import ARMS, RATES
from cvbook.train.embedder import embed, train_embedder

EPOCHS, WIDTH, SEED = 12, 16, 1000  # a seed that no test uses


def score(data: UnseenSet, name: str, strength: float, rate: float) -> float:
    """Train on three quarters of the training classes, judge on the rest."""
    torch.set_num_threads(1)
    arm, number = ARMS[name], np.unique(data.train.labels, return_inverse=True)[1]
    use, judge = data.train.where(number % 4 != 3), data.train.where(number % 4 == 3)
    try:
        model, _ = train_embedder(
            use.images, use.labels, EPOCHS, SEED, rate=rate, loss=arm.make(strength), per_class=arm.per_class, mirror=data.mirror, width=WIDTH
        )
    except FloatingPointError:
        return 0.0
    return retrieval(embed(model, judge.images, mirror=data.mirror), judge.labels)["map@r"]


def tune(data: UnseenSet, name: str) -> dict:
    """All trials of one loss on one set, and the best."""
    kept = RUNS / "tuning" / f"{data.name}-{name}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    trials = [{"strength": s, "rate": RATES[1], "map@r": score(data, name, s, RATES[1])} for s in ARMS[name].strengths]
    best = max(trials, key=lambda t: t["map@r"])
    trials += [{"strength": best["strength"], "rate": r, "map@r": score(data, name, best["strength"], r)} for r in (RATES[0], RATES[2])]
    found = {"set": data.name, "loss": name, "best": max(trials, key=lambda t: t["map@r"]), "trials": trials}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.with_suffix(".tmp").write_text(json.dumps(found))
    kept.with_suffix(".tmp").replace(kept)
    return found


def main() -> None:
    """Command line."""
    work = [delayed(tune)(data, name) for data in (make() for make in SETS.values()) for name in ARMS]
    found = list(tqdm(Parallel(len(os.sched_getaffinity(0)), return_as="generator")(work), total=len(work), desc="losses and sets"))
    for f in found:
        for t in [f["best"], *f["trials"]]:
            t["map@r"] = round(t["map@r"], 4)
    result = {"date": date.today().isoformat(), "machine": machine(), "epochs": EPOCHS, "width": WIDTH, "seed": SEED, "found": found}
    (ROOT / "benchmarks" / "metric_learning.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
