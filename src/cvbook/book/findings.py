"""A claim's rows of evidence become effects: paired by seed, against each rival, and the gate's."""

from dataclasses import dataclass, replace

import numpy as np

from cvbook.book.claims import evidence
from cvbook.book.registry import Claim
from cvbook.book.rule import DECIDED, LEVEL, decide, decide_share
from cvbook.metrics.statistics import Interval, paired_interval, unit_interval


@dataclass(frozen=True)
class Finding:
    """A claim, or a half of it, with its effect.

    Attributes:
        about: the claim, with the half's own metric and arms.
        half: the half's name; "" for the claim itself.
        against: the arm that the first one is compared with.
        interval: the effect, so oriented that a positive one (a ratio above 1) is as claimed.
        over: "seeds", or the units of the test set, if those leave more open.
        seeds: how many have run.
        verdict: one of `DECIDED`.
        p: of that verdict: how likely such an effect is where it does not hold.
    """

    about: Claim
    half: str
    against: str
    interval: Interval
    over: str
    seeds: int
    verdict: str
    p: float


def _arm(rows: list[dict], arm: str, profile: str) -> dict[int, dict]:
    return {r["seed"]: r for r in rows if r["arm"] == arm and r["profile"] == profile}


def _width(interval: Interval, ratio: bool) -> float:
    ends = np.array([interval.low, interval.high])
    with np.errstate(divide="ignore"):
        return float(np.diff(np.log(ends) if ratio else ends)[0])


def _compared(
    c: Claim, first: dict[int, dict], second: dict[int, dict], level: float = LEVEL
) -> tuple[Interval, str] | None:
    """The paired effect of one arm over another, and what it is over; None without a pair.

    The wider of the intervals over seeds and over units. A claim of one seed is about this one
    network, and only its units vary.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds or any(c.value not in arm[s] for arm in (first, second) for s in seeds):
        return None
    if c.direction == "down":
        first, second = second, first
    ours, theirs = [first[s] for s in seeds], [second[s] for s in seeds]
    a, b = (np.array([row[c.value] for row in rows], float) for rows in (ours, theirs))
    found = paired_interval(a, b, level=level, ratio=c.ratio)
    if c.units and all("units" in row for row in (*ours, *theirs)):
        a, b = (np.array([row["units"] for row in rows], float) for rows in (ours, theirs))
        weights = np.array(ours[0]["weights"]) if "weights" in ours[0] else None
        units = unit_interval(a, b, weights, level=level, ratio=c.ratio)
        if c.seeds == 1 or _width(units, c.ratio) > _width(found, c.ratio):
            return units, c.units
    return found, "seeds"


def finding(c: Claim, half: str, rows: list[dict], profile: str, among: int = 1) -> Finding | None:
    """A claim or a half of it, which is one `among` several; None without the rows."""
    first = _arm(rows, c.arms[0], profile)
    if c.kind == "share":
        found = decide_share(c, first)
        if found is None:
            return None
        interval, said, p = found
        said, p = (said, p) if len(first) >= c.seeds else ("open", 1.0)
        return Finding(c, half, "", interval, "pictures", len(first), said, p)
    others = c.rivals or c.arms[1:]
    seconds = {arm: _arm(rows, arm, profile) for arm in others}
    pairs = {arm: pair for arm in others if (pair := _compared(c, first, seconds[arm]))}
    if len(pairs) < len(others):
        return None
    # To be better than the best is to be better than each. To be worse than one of several is
    # easier by chance, so that end is held to Bonferroni's share of the 5 %.
    strict = 1 - (1 - LEVEL) / (len(others) * among)
    each: list[Finding] = []
    for arm, (interval, over) in pairs.items():
        seeds = len(first.keys() & seconds[arm].keys())
        if seeds < c.seeds:  # to stop at the first seeds that please would be to pick them
            each.append(Finding(c, half, arm, interval, over, seeds, "open", 1.0))
            continue
        wider = _compared(c, first, seconds[arm], strict)
        said, p = decide(c, interval, wider[0].high if wider else None)
        if said in ("contradicted", "negligible"):
            p = min(1.0, p * len(others) * among)
        if c.units and over == "seeds" and not _has_units(first, seconds[arm]):
            said, p = ("open", 1.0) if said in ("supported", "weak") else (said, p)
        each.append(Finding(c, half, arm, interval, over, seeds, said, p))
    decisive = min(each, key=lambda f: (DECIDED.index(f.verdict), f.interval.mean))
    if decisive.verdict in ("supported", "weak"):
        alike = [f.p for f in each if f.verdict == decisive.verdict]
        decisive = replace(decisive, p=max(alike))
    return decisive


def _has_units(first: dict[int, dict], second: dict[int, dict]) -> bool:
    return all("units" in row for arm in (first, second) for row in arm.values())


def gated(c: Claim, rows: list[dict], profile: str) -> tuple[tuple[str, Interval], ...]:
    """By how much each gated arm beats the baseline; an arm that cannot be compared has no bound.

    Raises:
        ValueError: the baseline is of a claim or an arm that is not there.
    """
    gate = c.gate
    assert gate is not None
    found = []
    units = c.units if c.seeds == 1 and gate.value == "value" else ""
    held = replace(c, value=gate.value, kind="difference", units=units)
    for arm in gate.arms or c.arms:
        own = _arm(rows, arm, profile)
        if isinstance(gate.over, str):
            key, _, name = gate.over.rpartition(": ")
            base = _arm(evidence(key) if key else rows, name, profile)
            # The baseline's rows hold their number as the value.
            base = {
                s: row | {gate.value: row.get(gate.value, row["value"])} for s, row in base.items()
            }
            if not base:
                raise ValueError(f"{c.id}: its gate names {gate.over!r}, of which there is no row.")
        else:
            base = {
                seed: row | {gate.value: gate.over, "units": [gate.over] * len(row["units"])}
                if "units" in row
                else {gate.value: gate.over}
                for seed, row in own.items()
            }
        pair = _compared(held, own, base)
        nothing = Interval(float("nan"), -np.inf, np.inf, 0)
        found.append((arm, pair[0] if pair else nothing))
    return tuple(found)
