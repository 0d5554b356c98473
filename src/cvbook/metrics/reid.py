"""Re-identification: who of the gallery is this, or nobody? Protocol, re-ranking, open set."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from cvbook.metrics.retrieval import count_of, distance


@dataclass(frozen=True)
class ReidResult:
    """How well people were found again.

    Attributes:
        cmc: float[K], share of queries whose right identity is among the first k.
        map: mean average precision.
        queries: how many had a match.
    """

    cmc: np.ndarray
    map: float
    queries: int


def evaluate(
    distance: np.ndarray,
    query: np.ndarray,
    gallery: np.ndarray,
    query_camera: np.ndarray | None = None,
    gallery_camera: np.ndarray | None = None,
    k: int = 20,
) -> ReidResult:
    """The protocol of Market-1501 (Zheng et al. 2015).

    Gallery pictures of the query's identity from the query's own camera are left out: finding the
    next frame of the same camera is no feat. Queries without a match in another camera are skipped.
    Average precision is not interpolated.

    Args:
        distance: float[Q, G].
        query, gallery: identities [Q] and [G].
        query_camera, gallery_camera: [Q] and [G]; None leaves nothing out.
        k: length of the CMC curve.

    Raises:
        ValueError: shapes do not fit, a distance is not finite, or no query has a match.
    """
    query, gallery, distance = np.asarray(query), np.asarray(gallery), np.asarray(distance)
    if distance.shape != (len(query), len(gallery)) or not np.isfinite(distance).all():
        raise ValueError(
            f"Need distances without NaN or infinity for {len(query)} queries and {len(gallery)} "
            f"gallery pictures; got {distance.shape}."
        )
    if k < 1:
        raise ValueError(f"The curve has {k} places; it needs at least 1.")
    drop = np.zeros(distance.shape, bool)
    if query_camera is not None or gallery_camera is not None:
        asking, found = np.asarray(query_camera), np.asarray(gallery_camera)
        if asking.shape != query.shape or found.shape != gallery.shape:
            raise ValueError("Need a camera for each query and for each picture of the gallery.")
        same_camera = asking[:, None] == found
        drop = (query[:, None] == gallery) & same_camera
    order = np.argsort(np.where(drop, np.inf, distance), axis=1, kind="stable")
    hit = (gallery[order] == query[:, None]) & ~np.take_along_axis(drop, order, 1)
    matches = hit.sum(1)
    hit, matches = hit[matches > 0], matches[matches > 0]
    if not len(hit):
        raise ValueError("No query has a match in the gallery: there is nothing to measure.")
    found, place = np.cumsum(hit, 1), np.arange(1, hit.shape[1] + 1)
    precision = (found / place * hit).sum(1) / matches
    first = hit.argmax(1)
    cmc = (first[:, None] < np.arange(1, k + 1)).mean(0)
    return ReidResult(cmc, float(precision.mean()), len(hit))


def halves(identity: np.ndarray, camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of queries int[Q] and gallery int[G].

    Queries are the first picture of each person by each camera; all others are the gallery.

    Raises:
        ValueError: other numbers of identities and cameras.
    """
    identity, camera = np.asarray(identity), np.asarray(camera)
    if identity.shape != camera.shape or identity.ndim != 1:
        raise ValueError(f"{identity.shape} identities need as many cameras; got {camera.shape}.")
    queries = np.unique(np.stack([identity, camera]), axis=1, return_index=True)[1]
    return queries, np.setdiff1d(np.arange(len(identity)), queries)


def across_cameras(x: np.ndarray, identity: np.ndarray, camera: np.ndarray) -> ReidResult:
    """`evaluate` on unit vectors float[N, d], split by `halves`.

    Raises:
        ValueError: as both.
    """
    if len(x) != len(identity):
        raise ValueError(f"{len(x)} vectors need as many identities; got {len(identity)}.")
    q, g = halves(identity, camera)
    return evaluate(cdist(x[q], x[g]), identity[q], identity[g], camera[q], camera[g])


def rerank(
    between: np.ndarray,
    queries: np.ndarray,
    gallery: np.ndarray,
    k1: int = 20,
    k2: int = 6,
    keep: float = 0.3,
) -> np.ndarray:
    """Re-rank by k-reciprocal neighbours (Zhong et al. 2017): float64[Q, G], smaller is nearer.

    Two pictures are near if they are among each other's nearest *and* have the same such
    neighbours.

    Args:
        between: float[Q, G], plain Euclidean distances (they are squared here).
        queries: float[Q, Q].
        gallery: float[G, G].
        k1: neighbours looked at.
        k2: over how many the neighbourhoods are averaged.
        keep: weight of the distance itself.

    Raises:
        ValueError: shapes do not fit, or a distance is not finite.
    """
    q, g = between.shape
    if not q * g or queries.shape != (q, q) or gallery.shape != (g, g):
        raise ValueError(
            f"Distances between {q} queries and {g} gallery pictures need those among each; got "
            f"{queries.shape} and {gallery.shape}."
        )
    if not all(np.isfinite(part).all() for part in (between, queries, gallery)):
        raise ValueError("A distance is not finite: look for NaN in the model's output.")
    d = np.block([[queries, between], [between.T, gallery]]).astype(np.float64) ** 2
    d = (d / np.maximum(d.max(0), 1e-12)).T  # where all pictures are equal the largest is 0
    rank = np.argsort(d, axis=1, kind="stable")

    def mutual(k: int) -> np.ndarray:
        """bool[N, N]: among each other's k nearest, each counting as its own first."""
        near = np.zeros(d.shape, bool)
        np.put_along_axis(near, rank[:, : k + 1], True, 1)
        np.fill_diagonal(near, True)  # it may be last of many equal ones
        return near & near.T

    whole, half = mutual(k1), mutual(round(k1 / 2))
    # candidate, i → how many of the candidate's neighbours are i's
    shared = half.astype(np.float32) @ whole.T.astype(np.float32)
    take = whole & (shared > 2 / 3 * half.sum(1)[:, None]).T  # i, candidate
    member = whole | (take.astype(np.float32) @ half.astype(np.float32) > 0)
    weight = np.where(member, np.exp(-d), 0)
    weight /= weight.sum(1, keepdims=True)
    if k2 > 1:
        weight = weight[rank[:, :k2]].mean(1)
    common = np.stack([np.minimum(row, weight[q:]).sum(1) for row in weight[:q]])
    return (1 - keep) * (1 - common / (2 - common)) + keep * d[:q, q:]


def detection_identification(
    known: np.ndarray, right: np.ndarray, strangers: np.ndarray, far: float
) -> tuple[float, float]:
    """Open set: how many known people are accepted and named rightly at a rate of false alarms.

    Args:
        known: float[P], distance of each known person's probe to its nearest in the gallery.
        right: bool[P], whether that nearest is the person.
        strangers: float[Q], the same distance for probes of people who are not in the gallery.
        far: share of strangers that may be accepted, above 0 and at most 1. Where several are at
            one distance, all or none of them are, and fewer than that may be.

    Returns:
        The rate of known people, and the threshold.

    Raises:
        ValueError: fewer than 1 / far strangers, no known people, other numbers of `known` and
            `right`, a distance that is NaN, or a rate that is none.
    """
    known, right, strangers = np.asarray(known), np.asarray(right, bool), np.asarray(strangers)
    if not np.issubdtype(strangers.dtype, np.floating):
        strangers = strangers.astype(float)
    if not len(known) or known.shape != right.shape:
        raise ValueError(f"Known people {known.shape} and whether right {right.shape} do not fit.")
    if np.isnan(known).any() or np.isnan(strangers).any():
        raise ValueError("A distance is NaN: look for NaN in the model's output.")
    if not 0 < far <= 1:
        raise ValueError(f"The rate of false alarms is {far}; it must be above 0 and at most 1.")
    allowed = count_of(far, len(strangers))
    if not allowed:
        raise ValueError(
            f"A false alarm rate of {far:g} needs {1 / far:.0f} strangers; got {len(strangers)}."
        )
    ordered = np.sort(strangers)
    threshold = ordered[allowed - 1]
    if allowed < len(ordered) and ordered[allowed] == threshold:  # too many at this very distance
        threshold = np.nextafter(threshold, threshold.dtype.type(-np.inf))
    return float((right & (known <= threshold)).mean()), float(threshold)


class Gallery:
    """An open set that grows: a picture of nobody known becomes a new identity.

    Args:
        threshold: distance between unit vectors up to which two pictures are taken for one person.
    """

    def __init__(self, threshold: float):
        self.threshold = threshold
        self.vectors: list[np.ndarray] = []
        self.identities: list[int] = []

    def identify(self, x: np.ndarray) -> int:
        """The identity of a unit vector float[d], 0, 1, …; a new number if nobody is near enough.

        The picture joins the gallery either way.

        Raises:
            ValueError: the vector is not finite, or has another size than those before.
        """
        size = len(self.vectors[0]) if self.vectors else x.size
        if x.shape != (size,) or not np.isfinite(x).all():
            raise ValueError(f"Need {size} finite numbers; got {x.shape}: look for NaN in them.")
        number = max(self.identities, default=-1) + 1
        if self.vectors:
            d = distance(np.stack(self.vectors), x)
            if d.min() <= self.threshold:
                number = self.identities[int(d.argmin())]
        self.vectors.append(x.copy())
        self.identities.append(number)
        return number
