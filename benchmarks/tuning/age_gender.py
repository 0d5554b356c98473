"""Choose the learning rate of each network of chapter 14a, by three trials each on people whom neither its training nor its tests use.

    python benchmarks/tuning/age_gender.py

A quarter of the training identities judges, by the mean absolute error where a face is visible. Then VOLO sees bodies alone, for as many epochs as faces get,
and for as many as the study gives to whatever is compared with two inputs. What has been tried is kept in runs/tuning; the result goes to age_gender.json
beside this file. About 15 minutes on two cores.
"""

import json
import os
from datetime import date

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from cvbook.data.age_gender import Crops, drawn, rendered
from cvbook.machine import machine
from cvbook.metrics.age import evaluate
from cvbook.models.age_baselines import SMALL, baseline
from cvbook.models.mivolo import mivolo_small
from cvbook.paths import ROOT, RUNS
from cvbook.train.age_gender import chosen, estimate, train_age_gender

SIDE, EPOCHS, LONGER, SEED, RATES = 64, 14, 40, 77, (3e-4, 1e-3, 3e-3)


def parts() -> tuple[Crops, Crops]:
    """People who teach and people who judge."""
    train, _ = rendered(SIDE)
    train = train.where(train.face > 0.3)
    judge = drawn(train.identity, 0.25, SEED)
    return train.where(~judge), train.where(judge)


def trial(
    name: str, rate: float, epochs: int = EPOCHS, inputs: str = "face"
) -> dict[str, float | str]:
    """Train once and judge, or read what an earlier run of this script found."""
    kept = RUNS / "tuning" / f"age-{name}-{inputs}-{rate}-{epochs}.json"
    if not kept.exists():
        torch.set_num_threads(1)
        teach, judge = parts()
        torch.manual_seed(SEED)
        both = inputs == "both"
        model = mivolo_small(side=SIDE) if both else baseline(name, SIDE)
        model = train_age_gender(
            model,
            teach,
            epochs,
            SEED,
            inputs=inputs,
            rate=rate,
            drop=(0.3, 0.1) if both else (0, 0),
        )
        age, male = estimate(model, chosen(judge.pixels, inputs))
        result = evaluate(age, judge.years, male, judge.male)
        about = {"network": name, "inputs": inputs, "rate": rate, "epochs": epochs}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.with_suffix(".tmp").write_text(
            json.dumps(about | {"mae": round(result.mae, 3), "gender": round(result.gender, 4)})
        )
        kept.with_suffix(".tmp").replace(kept)
    return json.loads(kept.read_text())


if __name__ == "__main__":
    work = [
        delayed(trial)(name, rate, inputs="both" if name == "MiVOLO" else "face")
        for name in ("MiVOLO", *SMALL)
        for rate in RATES
    ]
    cores = len(os.sched_getaffinity(0))
    trials = list(
        tqdm(
            Parallel(cores, return_as="generator")(work), total=len(work), desc="networks and rates"
        )
    )
    best = min((t for t in trials if t["network"] == "VOLO"), key=lambda t: t["mae"])["rate"]
    bodies = Parallel(cores)(
        delayed(trial)("VOLO", best, epochs, "body") for epochs in (EPOCHS, LONGER)
    )
    teach, judge = parts()
    constant = evaluate(np.full(len(judge.years), np.median(teach.years)), judge.years).mae
    about = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "side": SIDE,
        "epochs": EPOCHS,
        "seed": SEED,
    }
    result = about | {"trials": trials, "bodies": bodies, "constant": round(constant, 3)}
    (ROOT / "benchmarks" / "tuning" / "age_gender.json").write_text(
        json.dumps(result, indent=1) + "\n"
    )
