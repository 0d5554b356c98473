"""Tune every loss of chapters 8 and 9 with the same budget, on classes that neither its training nor its tests use.

    python benchmarks/tuning/metric_learning.py
    python benchmarks/tuning/metric_learning.py --cameras     # re-identification, for chapter 9

For each set and loss seven trainings: three strengths at the middle rate, two other rates at the best strength, then one more rate and one more
strength, beyond the best where that lies at an end of what was tried, else between it and its neighbour. A quarter of the training classes is
left out of training and judges, by mean average precision (at R; before cameras, over the whole ranking and from one camera to the others). The
test classes are not touched. What has been tried is kept in runs/tuning, so a killed run goes on; the result goes to metric_learning.json or
reidentification.json beside this file, which the chapters show and use. About 28 minutes on two cores, or 8 with --cameras.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from cvbook.data.open_set import SETS, UnseenSet, sightings
from cvbook.machine import machine
from cvbook.metrics.reid import across_cameras
from cvbook.metrics.retrieval import retrieval
from cvbook.paths import ROOT, RUNS
from cvbook.train.embedder import embed, train_embedder
from cvbook.train.metric_learning import ARMS, RATES, REID

EPOCHS, WIDTH, SEED = 12, 16, 1000  # a seed that no test uses


def score(data: UnseenSet, name: str, strength: float, rate: float) -> float:
    """Train on three quarters of the training classes, judge on the rest."""
    torch.set_num_threads(1)
    arm = REID[name] if data.name == "cameras" else ARMS[name]
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
    x = embed(model, judge.images, mirror=data.mirror)
    return (
        across_cameras(x, judge.labels, judge.coarse).map
        if data.name == "cameras"
        else retrieval(x, judge.labels)["map@r"]
    )


def one_more(values: list[float], best: float) -> float:
    """One more value to try: beyond the best if it lies at an end of what was tried, else between it and its larger neighbour.

    By ratios where all are positive, else by differences.
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
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.with_suffix(".tmp").write_text(json.dumps({"trials": trials}))
            kept.with_suffix(".tmp").replace(kept)

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


def write(file: str, work: list, **sizes: float) -> None:
    """Run the tunings on all cores and write what they found beside this file."""
    found = list(
        tqdm(
            Parallel(len(os.sched_getaffinity(0)), return_as="generator")(work),
            total=len(work),
            desc="losses and sets",
        )
    )
    for f in found:
        for t in f["trials"]:  # the best is one of them
            t["map@r"] = round(t["map@r"], 4)
    result = {"date": date.today().isoformat(), "machine": machine()} | sizes | {"found": found}
    (ROOT / "benchmarks" / "tuning" / file).write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", action="store_true", help="tune for re-identification")
    cameras = parser.parse_args().cameras
    data, arms = ([sightings()[0]], REID) if cameras else ([make() for make in SETS.values()], ARMS)
    work = [
        delayed(tune)(d.name, name, arm.strengths, partial(score, d, name))
        for d in data
        for name, arm in arms.items()
    ]
    write(
        "reidentification.json" if cameras else "metric_learning.json",
        work,
        epochs=EPOCHS,
        width=WIDTH,
        seed=SEED,
    )


if __name__ == "__main__":
    main()
