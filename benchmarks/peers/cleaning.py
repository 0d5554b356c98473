"""Cleaning of user folders: `keep_largest` against scikit-learn's AgglomerativeClustering.

    python benchmarks/peers/cleaning.py

Both cluster the same folders by complete linkage at the same threshold, in one run, taking turns,
one process each, and must keep the same pictures. Then ours alone cleans a million on all cores,
and clusters up to 20 000 pictures together. The result goes to cleaning.json beside this file,
which chapter 05 shows. About three minutes on two cores.
"""

import argparse
import json
import os
import time
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from cvbook.files import write_text
from cvbook.labels.cleaning import clusters, keep_largest
from cvbook.machine import machine


def folders(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n folders of fifty pictures, three in ten of them strangers.

    Returns:
        Embeddings float32[50 n, 64], and whose folder each is in.
    """
    rng = np.random.default_rng(seed)
    own = rng.random((n, 50, 1)) < 0.7
    centre = np.where(own, rng.normal(size=(n, 1, 64)), rng.normal(size=(n, 50, 64)))
    x = centre + 0.4 * rng.normal(size=(n, 50, 64))
    x = x.reshape(-1, 64).astype(np.float32)  # n,50,64 → 50n,64
    return x / np.linalg.norm(x, axis=1, keepdims=True), np.repeat(np.arange(n), 50)


def main() -> None:
    """Command line."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    times: dict[str, list[float]] = {"ours": [], "scikit-learn": []}
    peer = AgglomerativeClustering(n_clusters=None, distance_threshold=0.9, linkage="complete")
    for seed in range(5):
        x, users = folders(400, seed)
        began = time.perf_counter()
        ours = keep_largest(x, users, 0.9)
        middle = time.perf_counter()
        theirs = keep_largest(x, users, 0, cluster=peer.fit_predict)
        times["scikit-learn"].append(round(time.perf_counter() - middle, 3))
        times["ours"].append(round(middle - began, 3))
        if (ours != theirs).mean() > 1e-3:  # single precision may turn a tie
            raise SystemExit("The two keep different pictures, so their times cannot be compared.")
    x, users = folders(20_000, 9)
    began, workers = time.perf_counter(), os.cpu_count()
    keep_largest(x, users, 0.9, workers=workers)
    million = time.perf_counter() - began
    at_once = []
    for n in (1_000, 2_000, 4_000, 8_000, 14_000, 20_000):
        began = time.perf_counter()
        clusters(folders(n // 50, n)[0], 0.9)
        at_once.append((n, round(time.perf_counter() - began, 4)))
    ratio = round(float(np.median(np.divide(times["scikit-learn"], times["ours"]))), 2)
    result = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "unit": "seconds",
        "cases": [{"name": "400 folders of 50", **times, "ratio": ratio}],
        "million seconds": round(million, 1),
        "pictures at once": at_once,
        "workers": workers,
    }
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    write_text(Path(__file__).with_suffix(".json"), text)
    print(result)


if __name__ == "__main__":
    main()
