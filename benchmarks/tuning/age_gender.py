"""Choose the learning rate of each network of chapter 14a, by three trials each.

    python benchmarks/tuning/age_gender.py

A quarter of the training identities, whom neither training nor tests use, judges by the mean
absolute error where a face is visible. Then VOLO sees bodies alone, for as many epochs as faces
get, and for as many as the study gives to whatever is compared with two inputs. What has been tried
is kept in runs/tuning; the result goes to age_gender.json beside this file. About 15 minutes on two
cores.
"""

import argparse
import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from cvbook.data.age_gender import Crops, drawn, rendered
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.metrics.age import evaluate
from cvbook.models.age_baselines import SMALL, baseline
from cvbook.models.mivolo import mivolo_small
from cvbook.paths import RUNS
from cvbook.train.age_gender import chosen, estimate, train_age_gender

SIDE, EPOCHS, LONGER, SEED, RATES = 64, 14, 40, 77, (3e-4, 1e-3, 3e-3)


def parts() -> tuple[Crops, Crops]:
    """People who teach and people who judge."""
    train, _ = rendered(SIDE)
    train = train.where(train.face > 0.3)
    judge = drawn(train.identity, 0.25, SEED)
    return train.where(~judge), train.where(judge)


def trial(name: str, rate: float, epochs: int = EPOCHS, inputs: str = "face") -> dict:
    """Train once and judge, or read what an earlier run of this script found."""
    kept = RUNS / "tuning" / f"age-{name}-{inputs}-{rate}-{epochs}.json"
    if not kept.exists():
        torch.set_num_threads(1)
        teach, judge = parts()
        torch.manual_seed(SEED)
        if inputs == "both":
            model, drop = mivolo_small(side=SIDE), (0.3, 0.1)
        else:
            model, drop = baseline(name, SIDE), (0, 0)
        given = {"inputs": inputs, "rate": rate, "drop": drop}
        model = train_age_gender(model, teach, epochs, SEED, **given)
        age, male = estimate(model, chosen(judge.pixels, inputs))
        result = evaluate(age, judge.years, male, judge.male)
        about = {"network": name, "inputs": inputs, "rate": rate, "epochs": epochs}
        found = {"mae": round(result.mae, 3), "gender": round(result.gender, 4)}
        write_text(kept, json.dumps(about | found))
    return json.loads(kept.read_text())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    work = []
    for name in ("MiVOLO", *SMALL):
        inputs = "both" if name == "MiVOLO" else "face"
        work += [delayed(trial)(name, rate, inputs=inputs) for rate in RATES]
    cores = len(os.sched_getaffinity(0))
    done = Parallel(cores, return_as="generator")(work)
    trials = list(tqdm(done, total=len(work), desc="networks and rates"))
    best = min((t for t in trials if t["network"] == "VOLO"), key=lambda t: t["mae"])["rate"]
    longer = [delayed(trial)("VOLO", best, epochs, "body") for epochs in (EPOCHS, LONGER)]
    bodies = Parallel(cores)(longer)
    teach, judge = parts()
    constant = evaluate(np.full(len(judge.years), np.median(teach.years)), judge.years).mae
    about = {"date": date.today().isoformat(), "machine": machine(), "side": SIDE}
    about |= {"epochs": EPOCHS, "seed": SEED}
    result = about | {"trials": trials, "bodies": bodies, "constant": round(constant, 3)}
    write_text(Path(__file__).with_suffix(".json"), json.dumps(result, indent=1) + "\n")
