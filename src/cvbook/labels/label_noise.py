"""Folders of users with strangers among them, so that it is known which label is wrong."""

from dataclasses import dataclass

import numpy as np

KINDS = ("random", "partner", "relatives")


@dataclass(frozen=True)
class Folders:
    """What lies in the users' folders.

    Attributes:
        picture: int[M], place of each file's picture in the collection.
        user: [M], in whose folder it lies.
        right: bool[M], whether it shows that user.
    """

    picture: np.ndarray
    user: np.ndarray
    right: np.ndarray


def dirty(
    identity: np.ndarray,
    kind: str,
    rate: float,
    rng: np.random.Generator,
    traits: np.ndarray | None = None,
) -> Folders:
    """A folder per identity with all its pictures and, besides, pictures of others.

    Kinds: "random", anybody's faces, such as those of friends and idols; "partner", one other
    person again and again; "relatives", faces of the three people most alike; "mixed", one of the
    three for each user.

    Args:
        identity: [N], whom each picture shows.
        kind: whose the others are.
        rate: share of the files that are wrong.
        rng: draws the others.
        traits: float[N, T], what makes people look alike; needed for relatives.

    Raises:
        ValueError: unknown kind, a rate outside 0 to below 1, fewer than five identities, or
            relatives without traits.
    """
    users, first = np.unique(identity, return_index=True)
    if kind not in (*KINDS, "mixed"):
        raise ValueError(
            f"There is no kind of noise {kind!r}; choose one of {', '.join(KINDS)} or mixed."
        )
    if not 0 <= rate < 1 or len(users) < 5:
        raise ValueError(
            "The rate must be at least 0 and below 1, and there must be five identities; "
            f"got {rate} and {len(users)}."
        )
    if kind in ("relatives", "mixed") and traits is None:
        raise ValueError(
            "To find relatives, pass `traits`: numbers that are near for people who look alike."
        )
    picture, user, right = [], [], []
    for k, name in enumerate(users):
        own = np.flatnonzero(identity == name)
        wrong = round(len(own) * rate / (1 - rate))
        this = str(rng.choice(KINDS)) if kind == "mixed" else kind
        others = np.delete(np.arange(len(users)), k)
        if this == "partner":
            others = rng.choice(others, 1)
        elif this == "relatives" and traits is not None:
            away = np.linalg.norm(traits[first[others]] - traits[first[k]], axis=1)
            others = others[away.argsort(kind="stable")[:3]]
        pool = np.flatnonzero(np.isin(identity, users[others]))
        strangers = rng.choice(pool, wrong, replace=wrong > len(pool))
        picture += [own, strangers]
        user.append(np.repeat(name, len(own) + wrong))
        right.append(np.arange(len(own) + wrong) < len(own))
    return Folders(np.concatenate(picture), np.concatenate(user), np.concatenate(right))


def purity_recall(keep: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Share of the kept files that are right, and share of the right files that are kept.

    The first is NaN if none is kept.
    """
    kept, good = keep.sum(), (keep & right).sum()
    return float(good / kept) if kept else float("nan"), float(good / right.sum())
