"""Claims and evidence: record a value per arm and seed, gather them, and pass the verdict.

A chapter calls `record`. Run by hand or by nbval, that only prints. Run by `cvbook run`, the row
is also written into
the run's folder, and `gather` collects the rows of all runs into `data/evidence/`.
"""

import json
import math
import os
import time
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import yaml

from cvbook.files import write_text
from cvbook.machine import commit, machine
from cvbook.metrics.statistics import Interval, paired_interval
from cvbook.paths import DATA, data_path

VERDICTS = ("supported", "weak", "open", "contradicted", "needs a GPU", "not yet tested")
SIZES = ("full", "study", "ci")  # profiles, largest first
LARGEST = 1e300  # a value beyond this is a mistake
_STARTED = time.perf_counter()
_RECORDED: dict[tuple[str, str], dict] = {}


@dataclass(frozen=True)
class Claim:
    """A row of data/claims.yaml, whose head says what each field means."""

    id: str
    statement: str
    source: str
    chapter: int
    metric: str
    arms: tuple[str, str]
    direction: str
    smallest: float
    seeds: int
    ratio: bool = False
    gpu: bool = False


@lru_cache
def all_claims() -> dict[str, Claim]:
    """All claims by id, in order."""
    rows = yaml.safe_load(data_path("claims.yaml").read_text())
    known = {f.name for f in fields(Claim)}
    for key, row in rows.items():
        if strange := [name for name in row if name not in known]:
            raise ValueError(
                f"{key} in data/claims.yaml has no field {strange[0]!r}: put a text that holds"
                " commas or colons in double quotes."
            )
    return {key: Claim(id=key, **{**row, "arms": tuple(row["arms"])}) for key, row in rows.items()}


def claim(key: str) -> Claim:
    """One claim; raises KeyError that names the known ones."""
    try:
        return all_claims()[key]
    except KeyError:
        raise KeyError(
            f"There is no claim {key!r}; data/claims.yaml has C1 to C{len(all_claims())}."
        ) from None


def record(key: str, arm: str, value: float, **details: float | str | list[float]) -> None:
    """Note one arm's value of this run.

    Args:
        key: claim, such as "C7".
        arm: one of the claim's arms, or a further one that is shown beside them.
        value: of the claim's metric; must be finite.
        details: further numbers, lists of them, or words worth keeping with the row.

    Raises:
        KeyError: unknown claim. ValueError: the value is not finite.
    """
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(
            f"{key}, {arm}: {value} is not a result. Look for the cause before recording it."
        )
    print(f"{claim(key).id}  {arm}: {value:.4f}  ({claim(key).metric})")
    run = {
        "seed": int(os.environ.get("CVBOOK_SEED", 0)),
        "profile": os.environ.get("CVBOOK_PROFILE", "ci"),
    }
    row = _RECORDED[key, arm] = {"claim": key, "arm": arm, "value": value, **run, **details}
    folder = os.environ.get("CVBOOK_RUN_DIR")
    if not folder:
        return
    row = row | {
        "seconds": round(time.perf_counter() - _STARTED, 1),
        "date": date.today().isoformat(),
        "commit": commit(),
        "machine": machine(),
        "versions": {
            name: version(name) for name in ("torch", "numpy", "opencv-python-headless", "pillow")
        },
    }
    with open(Path(folder) / "evidence.jsonl", "a") as out:
        out.write(json.dumps(row) + "\n")


def _row(line: bytes, where: str) -> dict:
    """A recorded row, if it can be one."""
    try:
        row = dict(json.loads(line))
        json.dumps(row, ensure_ascii=False).encode()  # half a character cannot be written
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"{where} is no row of evidence: delete that line.") from None
    value = row.get("value", math.nan)
    wrong = {
        "of no known claim": str(row.get("claim")) not in all_claims(),
        "without a finite value": type(value) not in (int, float) or not abs(value) <= LARGEST,
        "without an arm": not isinstance(row.get("arm"), str),
        "of no known profile": str(row.get("profile")) not in SIZES,
        "without a seed": type(row.get("seed")) is not int,
    }
    if said := [what for what, holds in wrong.items() if holds]:
        raise ValueError(f"{where} is {said[0]}: delete that line, or run the chapter again.")
    return row


def gather(folder: Path, target: Path = DATA / "evidence") -> list[str]:
    """Merge the rows of all runs under a folder into one JSON file per claim.

    A row replaces an older one of the same arm, seed and profile. Rows of the `ci` profile are kept
    only where there is nothing larger: such a run only shows that the experiment works.

    All rows are looked at before anything is written, so that no bad one replaces a good one.

    Returns:
        The ids of the claims that have evidence now.

    Raises:
        ValueError: a row is truncated, of an unknown claim or profile, or without a finite value;
            the message names its file and line.
    """
    new: dict[str, list[dict]] = {}
    for file in sorted(folder.rglob("evidence.jsonl")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            row = _row(line, f"{file}, line {number}")
            new.setdefault(row.pop("claim"), []).append(row)
    texts = {}
    for key, rows in new.items():
        merged = {(r["profile"], r["arm"], r["seed"]): r for r in [*evidence(key, target), *rows]}
        if any(profile != "ci" for profile, _, _ in merged):
            merged = {k: row for k, row in merged.items() if k[0] != "ci"}
        content = [merged[k] for k in sorted(merged)]
        texts[key] = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    for key, text in texts.items():
        write_text(target / f"{key}.json", text)
    return sorted(p.stem for p in target.glob("C*.json"))


def evidence(key: str, folder: Path = DATA / "evidence") -> list[dict]:
    """The recorded rows of a claim, oldest first; empty if there is none."""
    path = folder / f"{key}.json"
    if not path.exists():
        return []
    try:
        rows = list(json.loads(path.read_text()))
        _ = [(row["profile"], row["arm"], row["seed"], row["value"]) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(f"{path} holds no rows of evidence: restore it with git.") from None
    return rows


def shown(key: str) -> list[dict]:
    """What a chapter's plots show: the study's rows or, while there are none, those of this run."""
    rows = evidence(key)
    for profile in ("full", "study"):
        if studied := [r for r in rows if r["profile"] == profile]:
            return studied
    return [row for (recorded, _), row in _RECORDED.items() if recorded == key]


def effect(key: str, rows: list[dict] | None = None, profile: str | None = None) -> Interval | None:
    """The paired effect of the claim's first arm over its second.

    It is oriented so that a positive one (a ratio above 1) is what was claimed.

    Args:
        rows: evidence; None reads the committed one.
        profile: which runs to use; None takes the largest profile that has both arms.
    """
    c, rows = claim(key), evidence(key) if rows is None else rows
    for wanted in [profile] if profile else SIZES:
        values = [
            {r["seed"]: r["value"] for r in rows if r["arm"] == arm and r["profile"] == wanted}
            for arm in c.arms
        ]
        seeds = sorted(values[0].keys() & values[1].keys())
        if seeds:
            first, second = (np.array([v[s] for s in seeds]) for v in values)
            if c.direction == "down":
                first, second = second, first
            return paired_interval(first, second, ratio=c.ratio)
    return None


def verdict(key: str, interval: Interval | None) -> str:
    """What the evidence says of a claim: one of `VERDICTS`.

    It stays "open" until all seeds that the claim asks for have run.
    """
    c = claim(key)
    if interval is None:
        return "needs a GPU" if c.gpu else "not yet tested"
    if interval.n < c.seeds:  # to stop at the first seeds that please would be to pick them
        return "open"
    nothing, bar = (1.0, 1.0 + c.smallest) if c.ratio else (0.0, c.smallest)
    if interval.low > bar:
        return "supported"
    if interval.high < nothing:
        return "contradicted"
    return "weak" if interval.low > nothing else "open"
