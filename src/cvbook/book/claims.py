"""Evidence for the claims: record a value per arm and seed, and gather them.

A chapter calls `record`. Run by hand or by nbval, that only prints. Run by `cvbook run`, the row
is also written into the run's folder, and `gather` collects the rows of all runs into
`data/evidence/`. What they say of the claims is in `cvbook.book.verdicts`.
"""

import json
import math
import os
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cvbook.book.registry import all_claims, claim
from cvbook.files import write_text
from cvbook.machine import commit, machine
from cvbook.paths import DATA

SIZES = ("full", "study", "ci")  # profiles, largest first
LARGEST = 1e300  # a value beyond this is a mistake
_STARTED = time.perf_counter()
_RECORDED: dict[tuple[str, str], dict] = {}


def running() -> dict[str, str]:
    """The hashes of the chapter that runs, of its code and its data; empty if nobody told them."""
    told = {name: os.environ.get(f"CVBOOK_{name.upper()}", "") for name in ("code", "data")}
    return {name: value for name, value in told.items() if value}


def record(key: str, arm: str, value: float, **details: float | str | list[float]) -> None:
    """Note one arm's value of this run.

    Args:
        key: claim, such as "C7".
        arm: one of the claim's arms, or a further one that is shown beside them.
        value: of the claim's metric; must be finite.
        details: further numbers, lists of them, or words worth keeping with the row.

    Raises:
        KeyError: unknown claim. ValueError: the value or a detail is not finite.
    """
    value = float(value)
    if not (np.isfinite(value) and _finite(details)):
        raise ValueError(
            f"{key}, {arm}: {value} {details or ''} is not a result."
            " Look for the cause before recording it."
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
        **running(),
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
        "with a number that is not finite": not _finite(row),
        "without an arm": not isinstance(row.get("arm"), str),
        "of no known profile": str(row.get("profile")) not in SIZES,
        "without a seed": type(row.get("seed")) is not int,
        "of a tree with changes that are not committed": (
            row.get("profile") != "ci" and str(row.get("commit", "")).endswith("-dirty")
        ),
    }
    if said := [what for what, holds in wrong.items() if holds]:
        raise ValueError(f"{where} is {said[0]}: delete that line, or run the chapter again.")
    return row


def _newer(kept: dict, row: dict) -> bool:
    """Whether a row that is kept is newer than another, or was affirmed with its value.

    One that tells more, such as a value for each unit, is taken all the same.
    """
    same = kept.get("value") == row["value"] and "affirmed" in kept and kept.keys() >= row.keys()
    return same or str(kept.get("date", "")) > str(row.get("date", ""))


def _finite(value: object) -> bool:
    """Whether all numbers in a row are finite and none is absurd."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, int | float) or abs(value) <= LARGEST


def gather(folder: Path, target: Path = DATA / "evidence") -> list[str]:
    """Merge the rows of all runs under a folder into one JSON file per claim.

    A row replaces one of the same arm, seed and profile, unless that is of a later day, or was
    affirmed with the same value. Rows of the `ci` profile are kept only where there is nothing
    larger: such a run only shows that the experiment works. Rows of a dirty tree are refused, since
    nobody else can make them again.

    All rows are looked at before anything is written, so that no bad one replaces a good one.

    Returns:
        The ids of the claims that have evidence now.

    Raises:
        ValueError: a row is truncated, of an unknown claim or profile, without a finite value, or
            a study's from a dirty tree; the message names its file and line.
    """
    new: dict[str, list[dict]] = {}
    for file in sorted(folder.rglob("evidence.jsonl")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            row = _row(line, f"{file}, line {number}")
            if not str(row.get("commit", "")).endswith("-dirty"):
                new.setdefault(row.pop("claim"), []).append(row)
    texts = {}
    for key, rows in new.items():
        merged = {(r["profile"], r["arm"], r["seed"]): r for r in evidence(key, target)}
        for row in rows:
            name = row["profile"], row["arm"], row["seed"]
            if not _newer(merged.get(name, {}), row):
                merged[name] = row
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


def changes(rows: list[dict], now: dict[str, str]) -> list[str]:
    """What has changed since rows were recorded, in words; empty if nothing has.

    Args:
        rows: of a claim.
        now: the chapter's hashes, `code` and `data`.
    """
    missing = [what for what in now if any(what not in row for row in rows)]
    found = []
    if missing:
        were = "was" if missing == ["code"] else "were"
        found.append(f"its {' and '.join(missing)} {were} not recorded")
    for what in now.keys() - missing:
        others = [str(row.get("date", "")) for row in rows if row[what] != now[what]]
        if others:
            found.append(f"its {what} has changed since {max(others)}")
    return sorted(found)
