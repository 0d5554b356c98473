"""Clean labels by the model's own embeddings: cluster a user's pictures, keep the largest cluster.

The article's CLink is complete-linkage agglomerative clustering cut at a distance (mailru); Defays'
incremental algorithm of that name depends on the order of the pictures and is not complete linkage,
so SciPy's exact one is used. Embeddings are unit vectors, and distances Euclidean:
d² = 2 (1 − cos), from 0 to 2.
"""

from collections.abc import Callable

import numpy as np
import psutil
from joblib import Parallel, delayed
from scipy.cluster.hierarchy import fcluster, linkage

from cvbook.metrics.retrieval import distance

PER_KIND = 20_000  # pairs of a kind that are looked at, at most


def memory_needed(n: int) -> int:
    """Bytes that linkage of n pictures takes.

    That is n (n − 1) / 2 distances of 8 bytes, and a copy that SciPy works on.
    """
    return 8 * n * (n - 1)


def distances(x: np.ndarray, block: int = 1024) -> np.ndarray:
    """Euclidean distances of unit vectors float32[n, d], condensed: float64[n (n − 1) / 2].

    They are in the order of scipy's pdist. Products are taken in blocks of rows and in single
    precision, so nothing of size n × n is ever held twice.
    """
    n = len(x)
    out, at = np.empty(n * (n - 1) // 2), 0
    for first in range(0, n, block):
        square = 2 - 2 * x[first : first + block] @ x[first:].T
        np.sqrt(np.maximum(square, 0, out=square), out=square)
        for row, values in enumerate(square):
            out[at : at + n - first - row - 1] = values[row + 1 :]
            at += n - first - row - 1
    return out


def clusters(x: np.ndarray, threshold: float, method: str = "complete") -> np.ndarray:
    """Agglomerative clustering cut at a distance.

    With complete linkage the threshold is the largest diameter that a cluster may have.

    Args:
        x: float[n, d], unit vectors.
        threshold: distance, 0–2.
        method: "complete", "single" or "average".

    Returns:
        int[n], a number per cluster, from 0.

    Raises:
        ValueError: an embedding is not finite or not of length 1.
        MemoryError: the distances would not fit into the memory that is free.
    """
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all() or (len(x) and np.abs(np.linalg.norm(x, axis=1) - 1).max() > 1e-3):
        raise ValueError(
            "Embeddings must be finite and of length 1: normalise them, and look for NaN in the "
            "model's output."
        )
    if len(x) < 2:
        return np.zeros(len(x), int)
    need = memory_needed(len(x))
    # Asking takes as long as clustering a small folder does.
    if need > 1e8 and need > (free := psutil.virtual_memory().available):
        raise MemoryError(
            f"Linkage of {len(x):,} pictures needs {need / 1e9:.0f} GB and {free / 1e9:.0f} GB are "
            "free: cluster each user apart, or a sample."
        )
    return fcluster(linkage(distances(x), method), threshold, "distance") - 1


def largest(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which pictures belong to the largest cluster: bool[n].

    Of equally large clusters the tightest is taken (the one whose embeddings have the longest
    mean). A single picture is kept, since nothing speaks against it; of several pictures that all
    lie apart none is kept, since nothing says which is the user's.
    """
    size = np.bincount(labels)
    if len(labels) > 1 and size.max() == 1:
        return np.zeros(len(labels), bool)
    tied = np.flatnonzero(size == size.max())
    best = max(tied, key=lambda k: np.linalg.norm(x[labels == k].sum(0)))
    return labels == best


def keep_largest(
    x: np.ndarray,
    users: np.ndarray,
    threshold: float,
    method: str = "complete",
    workers: int = 1,
    cluster: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Clean all users: bool[N], which pictures stay.

    Args:
        x: float32[N, d], unit vectors.
        users: [N], whose folder each lies in.
        threshold, method: as of `clusters`.
        workers: processes; the result does not depend on their number.
        cluster: another clustering of a user's embeddings, int labels with −1 for noise (DBSCAN's
            way); threshold and method are then unused.
    """
    x, users = np.asarray(x, np.float32), np.asarray(users)
    order = np.argsort(users, kind="stable")
    first = np.flatnonzero(np.diff(np.unique(users[order], return_inverse=True)[1])) + 1
    groups = np.split(order, first) if len(order) else []
    parts = [groups[k : k + 500] for k in range(0, len(groups), 500)]
    work = (
        delayed(_clean_part)(x[np.concatenate(p)], [len(g) for g in p], threshold, method, cluster)
        for p in parts
    )
    kept = [mask for part in Parallel(workers)(work) for mask in part]
    keep = np.zeros(len(x), bool)
    for rows, mask in zip(groups, kept, strict=True):
        keep[rows] = mask
    return keep


def _clean_part(
    x: np.ndarray,
    sizes: list[int],
    threshold: float,
    method: str,
    cluster: Callable[[np.ndarray], np.ndarray] | None,
) -> list[np.ndarray]:
    """The masks of some users whose pictures lie one after another: one process's turn."""
    masks = []
    for own in np.split(x, np.cumsum(sizes)[:-1]):
        labels = clusters(own, threshold, method) if cluster is None else cluster(own)
        inside, kept = labels >= 0, np.zeros(len(own), bool)
        if inside.any():
            kept[inside] = largest(own[inside], labels[inside])
        masks.append(kept)
    return masks


def pair_threshold(
    x: np.ndarray, identity: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """The distance that best tells pairs of one identity from pairs of two, and how often it does.

    That is the share of pairs it gets right; both kinds weigh the same.

    Args:
        x: float32[n, d], unit vectors of a few identities with clean labels.
        identity: [n].
        rng: draws the pairs.

    Raises:
        ValueError: no pair of one identity, or none of two.
    """
    same, different = pair_distances(x, identity, rng)
    cuts = np.unique(np.concatenate([same, different]))
    accepted = np.searchsorted(np.sort(same), cuts, "right") / len(same)
    mistaken = np.searchsorted(np.sort(different), cuts, "right") / len(different)
    right = (accepted + 1 - mistaken) / 2
    return float(cuts[right.argmax()]), float(right.max())


def pair_distances(
    x: np.ndarray, identity: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of pairs of one identity and of pairs of two.

    At most PER_KIND of each are drawn, without replacement.

    Raises:
        ValueError: a kind has no pair.
    """
    a, b = np.triu_indices(len(x), 1)
    is_same = np.asarray(identity)[a] == np.asarray(identity)[b]
    out = []
    for kind, what in ((is_same, "of one identity"), (~is_same, "of two identities")):
        found = np.flatnonzero(kind)
        if not len(found):
            raise ValueError(
                f"There is no pair {what}: the threshold needs a few identities with at least two "
                "pictures each."
            )
        chosen = rng.choice(found, min(PER_KIND, len(found)), replace=False)
        out.append(distance(x[a[chosen]], x[b[chosen]]))
    return out[0], out[1]
