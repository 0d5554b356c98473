"""Renew the hashes of evidence that a harmless change made stale, after running a seed of it."""

import json
import math
from datetime import date

from cvbook.book.claims import evidence
from cvbook.book.registry import claim
from cvbook.files import write_text
from cvbook.machine import commit
from cvbook.paths import DATA
from cvbook.publish import chapters, provenance

CLOSE = 1e-6  # relative: what another order of additions may change
# What a row says of its run and not of its result.
ABOUT = {"affirmed", "code", "commit", "data", "date", "machine", "seconds", "versions"}
ABOUT |= {"arm", "profile", "seed"}


def affirm(keys: list[str], seed: int = 0) -> str:
    """Run a seed of a chapter's study again and compare its values with those recorded.

    Args:
        keys: claims of one chapter.
        seed: one that the evidence has.

    Returns:
        What was done, in a sentence. The hashes of all rows of the claims are renewed, and each
        row says by what.

    Raises:
        KeyError: an unknown claim. ValueError: claims of several chapters, without a study's rows
            of that seed, or whose values differ; a tree with changes that are not committed.
    """
    pages = {claim(key).page for key in keys}
    if len(pages) != 1 or not (page := pages.pop()):
        raise ValueError("Name claims of one chapter that has been written.")
    if commit().endswith("-dirty"):
        raise ValueError("There are changes that are not committed: commit them first.")
    kept = {key: evidence(key) for key in keys}
    for key, rows in kept.items():
        if not any(row["seed"] == seed and row["profile"] == "study" for row in rows):
            raise ValueError(f"{key} has no row of seed {seed} at the study profile.")
    executed = chapters.run(chapters.find(page), {"profile": "study", "seed": seed})
    lines = (executed.parent / "evidence.jsonl").read_text().splitlines()
    new = {(row["claim"], row["arm"]): row for row in map(json.loads, lines)}
    differ = [
        f"{key}, {row['arm']}: {name} {value} was recorded, {again} came out"
        for key, rows in kept.items()
        for row in rows
        if row["seed"] == seed and row["profile"] == "study"
        for name, value in row.items()
        for again in [new.get((key, row["arm"]), {}).get(name)]
        if name not in ABOUT and not _same(value, again)
    ]
    if differ:
        raise ValueError("Not the same, so the study must run anew:\n" + "\n".join(differ))
    hashes = {name: next(iter(new.values()))[name] for name in ("code", "data")}
    provenance.now.cache_clear()
    if provenance.now(page) != hashes:
        raise ValueError("Code or data were changed while the chapter ran: run it again.")
    by = {"seed": seed, "date": date.today().isoformat(), "commit": commit()}
    for key, rows in kept.items():
        renewed = [
            row | hashes | {"affirmed": by} if row["profile"] == "study" else row for row in rows
        ]
        text = json.dumps(renewed, indent=1, ensure_ascii=False) + "\n"
        write_text(DATA / "evidence" / f"{key}.json", text)
    return f"{', '.join(keys)}: seed {seed} came out the same; the hashes are renewed."


def _same(value: object, again: object) -> bool:
    """Whether two results are the same, but for the order of additions."""
    if isinstance(value, list) and isinstance(again, list):
        return len(value) == len(again) and all(map(_same, value, again))
    if isinstance(value, int | float) and isinstance(again, int | float):
        return math.isclose(value, again, rel_tol=CLOSE, abs_tol=1e-9)
    return value == again
