"""How good an embedding is on classes that training never saw.

Measured by search, by verification, and by how the classes lie.
"""

import numpy as np
from scipy.spatial.distance import pdist


def _unit(x: np.ndarray, *labels: np.ndarray) -> np.ndarray:
    """Rows of length 1, if there are as many as labels of each kind; zero rows stay zero."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or not len(x) or any(y.shape != x.shape[:1] for y in labels):
        raise ValueError(
            f"Need embeddings [n, d] and a class for each, n > 0; got {x.shape} and "
            f"{', '.join(str(y.shape) for y in labels) or 'no classes'}."
        )
    with np.errstate(over="ignore"):
        norm = np.linalg.norm(x, axis=1, keepdims=True)
    if not np.isfinite(norm).all():
        raise ValueError("An embedding is not finite: look for NaN in the model's output.")
    return x / np.where(norm > 0, norm, 1)


def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distance of vectors x[..., d] and y[..., d], broadcast: float[...].

    It is 0 to 2 between unit vectors.
    """
    return np.linalg.norm(x - y, axis=-1)


def ranking(x: np.ndarray) -> np.ndarray:
    """What each picture finds, best first, by cosine, never itself.

    Args:
        x: float[n, d], embeddings of any length.

    Returns:
        int[n, n − 1].

    Raises:
        ValueError: there is no embedding, or one is not finite.
    """
    x = _unit(x)
    cos = x @ x.T
    np.fill_diagonal(cos, -np.inf)
    return np.argsort(-cos, axis=1, kind="stable")[:, :-1]


def queries(
    x: np.ndarray, y: np.ndarray, ks: tuple[int, ...] = (1, 5, 10)
) -> dict[str, np.ndarray]:
    """What each query finds; `retrieval` is the mean of it.

    Args:
        x: float[n, d], embeddings of any length.
        y: [n], classes.
        ks: recall is wanted at.

    Returns:
        A dictionary of row, the queries, which are the pictures that have another of their class,
        int[Q]; of recall@k, whether one of the class is among the k nearest, bool[Q]; and of map@r,
        the average precision over the first R results, R being how many others there are of the
        class (Musgrave et al. 2020), float64[Q].

    Raises:
        ValueError: an embedding is not finite, other numbers of embeddings and classes, a k below
            1, or no class with two pictures.
    """
    y = np.asarray(y)
    _unit(x, y)
    if min(ks, default=1) < 1:
        raise ValueError(f"Recall can be asked for at 1 or more; got {ks}.")
    relevant = (y[:, None] == y).sum(1) - 1
    rows = np.flatnonzero(relevant)
    if not len(rows):
        raise ValueError("No class has two pictures, so there is nothing to be found.")
    deep = int(min(max([relevant.max(), *ks]), len(y) - 1))
    order = ranking(x)[rows, :deep]
    hit = y[order] == y[rows][:, None]  # query, place
    found = np.cumsum(hit, 1)
    within = np.arange(deep) < relevant[rows][:, None]
    precision = (found / np.arange(1, deep + 1) * hit * within).sum(1) / relevant[rows]
    return {"row": rows, **{f"recall@{k}": hit[:, :k].any(1) for k in ks}, "map@r": precision}


def retrieval(x: np.ndarray, y: np.ndarray, ks: tuple[int, ...] = (1, 5, 10)) -> dict[str, float]:
    """Each picture searches all others by cosine: the means of `queries`, and how many there are.

    Args:
        x: float[n, d], embeddings of any length.
        y: [n], classes.
        ks: recall is wanted at.

    Raises:
        ValueError: as `queries`.
    """
    found = queries(x, y, ks)
    count = len(found.pop("row"))
    return {name: float(each.mean()) for name, each in found.items()} | {"queries": count}


def by_class(
    x: np.ndarray, y: np.ndarray, measure: str = "recall@1"
) -> tuple[np.ndarray, np.ndarray]:
    """A measure of `queries` for each class that asks: means float64[C], and queries int[C]."""
    found = queries(x, y)
    classes, of = np.unique(np.asarray(y)[found["row"]], return_inverse=True)
    count = np.bincount(of, minlength=len(classes))
    return np.bincount(of, found[measure].astype(float)) / count, count


def graded(x: np.ndarray, fine: np.ndarray, coarse: np.ndarray) -> float:
    """Searches in which two tasks matter: nDCG with graded gains.

    A picture of the same fine class gains 3, another of the same coarse class 1. Pictures alone in
    their coarse class ask nothing.

    Args:
        x: float[n, d], embeddings of any length.
        fine, coarse: [n], classes.

    Raises:
        ValueError: as `retrieval`, with coarse classes.
    """
    fine, coarse = np.asarray(fine), np.asarray(coarse)
    _unit(x, fine, coarse)
    order = ranking(x)
    gain = np.where(coarse[order] == coarse[:, None], 1.0, 0.0)
    gain[fine[order] == fine[:, None]] = 3.0
    discount = 1 / np.log2(np.arange(2, len(x) + 1))
    best = -np.sort(-gain, axis=1) @ discount
    if not best.any():
        raise ValueError("No class has two pictures, so there is nothing to be found.")
    return float(((gain @ discount)[best > 0] / best[best > 0]).mean())


def chance(y: np.ndarray) -> float:
    """Recall at 1 of a random order: classes [n]; those with a single picture are left out.

    Raises:
        ValueError: no class has two pictures.
    """
    count = np.unique(y, return_counts=True)[1]
    if not (count > 1).any():
        raise ValueError("No class has two pictures, so there is nothing to be found.")
    return float((count * (count - 1)).sum() / count[count > 1].sum() / (len(y) - 1))


def pair_scores(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs of one class and of all pairs of two: float64[P] and float64[Q].

    Raises:
        ValueError: an embedding is not finite, or other numbers of embeddings and classes.
    """
    y = np.asarray(y)
    x = _unit(x, y)
    a, b = np.triu_indices(len(x), 1)
    cos, same = (x @ x.T)[a, b], y[a] == y[b]
    return cos[same], cos[~same]


def count_of(share: float, n: int) -> int:
    """How many of n a share is, rounded down; a third of three is one, whatever the rounding."""
    return int(share * n + 1e-9)


def tar_at_far(same: np.ndarray, different: np.ndarray, far: float = 1e-3) -> float:
    """Share of pairs of one class that are accepted.

    The threshold is the one that accepts at most a share `far` of the pairs of two; with 1 all are.

    Args:
        same, different: cosines, or other scores that are larger for the same class.
        far: above 0, at most 1.

    Raises:
        ValueError: fewer than 1 / far pairs of two classes, for such a rate cannot be measured with
            them; no pair of one; a score that is NaN; or a rate that is none.
    """
    if not 0 < far <= 1:
        raise ValueError(f"The rate of false accepts is {far}; it must be above 0 and at most 1.")
    if np.isnan(same).any() or np.isnan(different).any():
        raise ValueError("A score is NaN: look for NaN in the model's output.")
    allowed = count_of(far, len(different))
    if not allowed or not len(same):
        raise ValueError(
            f"A false accept rate of {far:g} needs {1 / far:.0f} pairs of two classes and some of "
            f"one; got {len(different)} and {len(same)}."
        )
    if allowed == len(different):
        return 1.0
    place = len(different) - allowed - 1
    # Exactly the allowed number lie above it, but for ties.
    threshold = np.partition(different, place)[place]
    return float((np.asarray(same) > threshold).mean())


def compactness(x: np.ndarray, y: np.ndarray) -> float:
    """Mean distance of pairs of one class over that of pairs of two, between unit vectors.

    0: classes are points; 1: there are none.

    Raises:
        ValueError: as `pair_scores`, no pair of one class or of two, or no difference between two
            classes.
    """
    y = np.asarray(y)
    d, (a, b) = pdist(_unit(x, y)), np.triu_indices(len(y), 1)
    same, different = d[y[a] == y[b]], d[y[a] != y[b]]
    if not len(same) or not different.any():
        raise ValueError("Need two pictures of a class, and of two classes some that differ.")
    return float(same.mean() / different.mean())
