"""Recall at 10 against milliseconds and bytes a vector, for FAISS's kinds of index.

    python benchmarks/timing/search.py

From ten thousand to a million vectors: embeddings by the book's product embedder, of the shipped
close-ups, each shifted, brightened and mirrored anew as often as it takes. Queries are embeddings
of held-out products. One thread; the truth is exact search. The result goes to search.json beside
this file, which chapter 09a shows. About 20 minutes, half of them to embed.
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path

import faiss
import numpy as np
import torch
from tqdm.auto import tqdm

from cvbook.data import open_set
from cvbook.deploy.search import make_index
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.models import weights
from cvbook.train.embedder import embed, jitter

# "np": without the training for polysemous codes, a filter that is not used here and takes minutes.
CELLS = ("IVF{cells},Flat", "IVF{cells},SQ8", "IVF{cells},PQ16np", "IVF{cells},PQ8np")
KINDS = ("Flat", "HNSW16", "HNSW32", *CELLS, "PQ16np")


@torch.inference_mode()
def vectors(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of `count` jittered training products, float32[count, 64], and of all held-out ones."""
    data, model = open_set.products(), weights.embedder()
    draw, out = torch.Generator().manual_seed(0), []
    for _ in tqdm(range(-(-count // 1024)), desc="embedding", unit="batch"):
        rows = torch.randint(len(data.train.images), (1024,), generator=draw)
        out.append(model(jitter(data.train.images[rows].float() / 255, draw)).numpy())
    return np.concatenate(out)[:count], embed(model, data.test.images, mirror=False)


def measure(kind: str, x: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> list[dict]:
    """One index at several depths of search."""
    began = time.perf_counter()
    index = make_index(x, kind)
    built, size = time.perf_counter() - began, len(faiss.serialize_index(index)) / len(x)
    rows = []
    for depth in (1, 4, 16, 64) if "IVF" in kind else (16, 64, 256) if "HNSW" in kind else (0,):
        if "IVF" in kind:
            index.nprobe = depth
        if "HNSW" in kind:
            index.hnsw.efSearch = depth
        took = []
        for q in queries:  # one at a time, as a user asks
            began = time.perf_counter()
            index.search(q[None], 10)
            took.append(time.perf_counter() - began)
        _, found = index.search(queries, 10)
        pairs = zip(found.tolist(), truth.tolist(), strict=True)
        row = {
            "kind": kind.removesuffix("np"),
            "depth": depth,
            "recall@10": round(float(np.mean([len(set(a) & set(b)) / 10 for a, b in pairs])), 4),
            "milliseconds": round(1000 * float(np.median(took)), 4),
            "bytes": round(size, 1),
            "seconds to build": round(built, 1),
        }
        rows.append(row)
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    counts = parser.parse_args().counts
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    x, queries = vectors(max(counts))
    queries = queries[np.random.default_rng(0).permutation(len(queries))[:200]]
    result = {"date": date.today().isoformat(), "machine": machine(), "dim": x.shape[1], "rows": []}
    for count in counts:
        _, truth = make_index(x[:count], "Flat").search(queries, 10)
        kinds = [kind.format(cells=int(4 * np.sqrt(count))) for kind in KINDS]
        for kind in tqdm(kinds, desc=f"{count:,} vectors"):
            rows = measure(kind, x[:count], queries, truth)
            result["rows"] += [{"count": count, **row} for row in rows]
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    write_text(Path(__file__).with_suffix(".json"), text)


if __name__ == "__main__":
    main()
