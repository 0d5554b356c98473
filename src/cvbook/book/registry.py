"""The claims that the book re-tests, as data/claims.yaml enters them."""

from dataclasses import dataclass, field, fields
from functools import lru_cache

import yaml

from cvbook.paths import data_path


@dataclass(frozen=True)
class Gate:
    """What a network must have learnt before a verdict on it counts.

    Attributes:
        over: the baseline: a number, an arm of the claim, or "C27: an arm" of another one.
        by: how much better than it each gated arm must be, with the whole interval.
        arms: the gated ones; empty: both of the claim's.
        value: which of a row's numbers is held against it.
        why: the baseline in words.
    """

    over: float | str
    by: float
    why: str
    arms: tuple[str, ...] = ()
    value: str = "value"


@dataclass(frozen=True)
class Claim:
    """A row of data/claims.yaml, whose head says what each field means."""

    id: str
    statement: str
    source: str
    chapter: int
    metric: str
    arms: tuple[str, ...]
    direction: str
    smallest: float
    seeds: int
    kind: str = "difference"
    unit: tuple[float, str] = (1.0, "")
    value: str = "value"
    rivals: tuple[str, ...] = ()
    halves: dict[str, dict] = field(default_factory=dict)
    units: str = ""
    gate: Gate | None = None
    tested: dict[str, str] = field(default_factory=dict)
    scope: dict[str, str] = field(default_factory=dict)
    page: str = ""
    gpu: bool = False

    @property
    def ratio(self) -> bool:
        """Whether the effect is a ratio of the arms and not a difference."""
        return self.kind in ("ratio", "equal ratio")


def _claim(key: str, row: dict) -> Claim:
    known = {f.name for f in fields(Claim)}
    if strange := [name for name in row if name not in known]:
        raise ValueError(
            f"{key} in data/claims.yaml has no field {strange[0]!r}: put a text that holds"
            " commas or colons in double quotes."
        )
    given = row | {name: tuple(row[name]) for name in ("arms", "rivals", "unit") if name in row}
    if gate := row.get("gate"):
        given["gate"] = Gate(**gate | {"arms": tuple(gate.get("arms", ()))})
    return Claim(id=key, **given)


@lru_cache
def all_claims() -> dict[str, Claim]:
    """All claims by id, in order."""
    rows = yaml.safe_load(data_path("claims.yaml").read_text())
    return {key: _claim(key, row) for key, row in rows.items()}


def claim(key: str) -> Claim:
    """One claim; raises KeyError that names the known ones."""
    try:
        return all_claims()[key]
    except KeyError:
        raise KeyError(
            f"There is no claim {key!r}; data/claims.yaml has C1 to C{len(all_claims())}."
        ) from None
