"""Cleaning of user folders: `keep_largest` against scikit-learn's AgglomerativeClustering, in one run, taking turns; a million pictures; many at once.

    python benchmarks/peers/cleaning.py

Both cluster the same folders by complete linkage at the same threshold, one process each, and must keep the same pictures. The million is cleaned by ours
alone, on all cores; then up to 20 000 pictures are clustered together. The result goes to benchmarks/peers/cleaning.json, which chapter 05 shows.
"""

import json
import os
import time
from datetime import date

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from cvbook.labels.cleaning import clusters, keep_largest
from cvbook.machine import machine
from cvbook.paths import ROOT


def folders(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32[50 n, 64] of n folders of fifty pictures, three in ten of them strangers, and whose folder each is in."""
    rng = np.random.default_rng(seed)
    centre = np.where(
        rng.random((n, 50, 1)) < 0.7, rng.normal(size=(n, 1, 64)), rng.normal(size=(n, 50, 64))
    )
    # n,50,64 → 50n,64
    x = (centre + 0.4 * rng.normal(size=(n, 50, 64))).reshape(-1, 64).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), np.repeat(np.arange(n), 50)


def main() -> None:
    """Command line."""
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
    case = {
        "name": "400 folders of 50",
        **times,
        "ratio": round(float(np.median(np.divide(times["scikit-learn"], times["ours"]))), 2),
    }
    result = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "unit": "seconds",
        "cases": [case],
        "million seconds": round(million, 1),
        "pictures at once": at_once,
        "workers": workers,
    }
    (ROOT / "benchmarks" / "peers" / "cleaning.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    )
    print(result)


if __name__ == "__main__":
    main()
