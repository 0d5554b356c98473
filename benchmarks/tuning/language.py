"""Tune the arms of chapter 12b with the same budget, on lines that no test uses.

    python benchmarks/tuning/language.py

For each way to train the shipped recogniser on: four rates at the middle weight of its second
branch, then two other weights at the best rate (characters alone have no weight: four trainings).
English lines in training fonts judge, by word error rate; the fonts that test are not touched. What
has been tried is kept in runs/tuning, so a killed run goes on; the result goes to language.json
beside this file. About 20 minutes on one core.
"""

import argparse
import json
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from cvbook.files import write_text
from cvbook.losses.bpe import Vocabulary, learn_bpe
from cvbook.machine import machine
from cvbook.metrics.text import wer
from cvbook.models.recogniser import prepare, read_lines
from cvbook.paths import RUNS
from cvbook.text.alphabet import ALPHABET
from cvbook.text.corpus import sample_words
from cvbook.text.lines import make_line
from cvbook.train.branched import Lines, train_on

HEADS, REST, JUDGES, SEED = 1_500, 2_500, 1_500, 1000  # a seed that no test uses
RATES, WEIGHTS = (3e-5, 1e-4, 3e-4, 1e-3), (0.2, 0.5, 1.0)


def main() -> None:
    torch.set_num_threads(1)
    words = Counter(sample_words(np.random.default_rng(SEED), 20_000, "en"))
    branches = {
        "characters alone": None,
        "second character branch": Vocabulary(ALPHABET, []),
        "BPE branch": Vocabulary(ALPHABET, learn_bpe(words, 200)),
    }
    lines = Lines(HEADS, REST, SEED)
    judges = [make_line(SEED, i, 0.2, language="en") for i in range(JUDGES)]
    pictures, texts = [prepare(line.image) for line in judges], [line.text for line in judges]
    kept = RUNS / "tuning" / "language.json"
    trials = json.loads(kept.read_text()) if kept.exists() else []
    with tqdm(total=16, desc="trainings") as bar:

        def tried(arm: str, rate: float, weight: float) -> float:
            """Word error rate of one training, kept once it is there."""
            key = {"arm": arm, "rate": rate, "weight": weight}
            known = [t for t in trials if key.items() <= t.items()]
            if not known:
                model, _ = train_on(lines, rate, branches[arm], weight, SEED, "cpu")
                known = [key | {"wer": round(wer(texts, read_lines(model, pictures)[0]), 5)}]
                trials.extend(known)
                write_text(kept, json.dumps(trials))
            bar.update()
            return known[0]["wer"]

        for arm, units in branches.items():
            best = min(RATES, key=lambda rate: tried(arm, rate, WEIGHTS[1]))
            for weight in (WEIGHTS[0], WEIGHTS[2]) if units else ():
                tried(arm, best, weight)
    chosen = {
        arm: min((t for t in trials if t["arm"] == arm), key=lambda t: t["wer"]) for arm in branches
    }
    about = {"date": date.today().isoformat(), "machine": machine(), "lines": REST, "seed": SEED}
    result = json.dumps(about | {"best": chosen, "trials": trials}, indent=1) + "\n"
    write_text(Path(__file__).with_suffix(".json"), result)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
