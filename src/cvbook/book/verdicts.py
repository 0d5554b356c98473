"""What the evidence says of a claim.

The rule is fixed: an effect over seeds and, where the test set is fixed, over its units; the wider
interval decides. A network that has not learnt decides nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from cvbook.book.claims import SIZES, changes, evidence, running
from cvbook.book.registry import Claim, claim
from cvbook.metrics.statistics import (
    Interval,
    holm,
    paired_interval,
    unit_interval,
    wilson_interval,
)

# From the weakest: a claim with two halves is worth as much as the weaker one.
DECIDED = ("contradicted", "negligible", "open", "weak", "supported")
VERDICTS = (*DECIDED[::-1], "not testable", "needs a GPU", "not yet tested")
LEVEL = 0.95


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


@dataclass(frozen=True)
class Judgement:
    """A claim and all that is known of it.

    Attributes:
        claim: as registered.
        verdict: one of `VERDICTS`.
        findings: of the claim, or of each half.
        gate: by how much each gated arm beats the baseline.
        profile: whose rows these are; "" for none.
        stale: what has changed since, in words.
    """

    claim: Claim
    verdict: str
    findings: tuple[Finding, ...] = ()
    gate: tuple[tuple[str, Interval], ...] = ()
    profile: str = ""
    stale: tuple[str, ...] = ()

    @property
    def weakest(self) -> Finding | None:
        """The finding that decides; of several alike the least certain, or the surest against."""
        order = [(DECIDED.index(f.verdict), f) for f in self.findings]
        lowest = min((rank for rank, _ in order), default=None)
        alike = [f for rank, f in order if rank == lowest]
        sure = lowest is not None and DECIDED[lowest] in ("contradicted", "negligible")
        return (min if sure else max)(alike, key=lambda f: f.p, default=None)


def _arm(rows: list[dict], arm: str, profile: str) -> dict[int, dict]:
    return {r["seed"]: r for r in rows if r["arm"] == arm and r["profile"] == profile}


def _width(interval: Interval, ratio: bool) -> float:
    ends = np.array([interval.low, interval.high])
    with np.errstate(divide="ignore"):
        return float(np.diff(np.log(ends) if ratio else ends)[0])


def _compared(
    c: Claim, first: dict[int, dict], second: dict[int, dict], level: float = LEVEL
) -> tuple[Interval, str] | None:
    """The paired effect of one arm over another, and what it is over; None without a pair."""
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
        if _width(units, c.ratio) > _width(found, c.ratio):
            return units, c.units
    return found, "seeds"


def _chance(interval: Interval, at: float, ratio: bool, above: bool) -> float:
    """Two-sided p of an effect that lies on one side of a value, from its 95 % interval."""
    low, mean, high, at = (
        float(np.log(v)) if ratio else v for v in (interval.low, interval.mean, interval.high, at)
    )
    off = (mean - at) if above else (at - mean)
    half = (high - low) / 2
    if not np.isfinite(half) or interval.n < 2 or off <= 0:
        return 1.0
    if half == 0:
        return 0.0
    t = off / (half / stats.t.ppf((1 + LEVEL) / 2, interval.n - 1))
    return float(2 * stats.t.sf(t, interval.n - 1))


def decide(c: Claim, interval: Interval, high: float | None = None) -> tuple[str, float]:
    """The verdict on an effect, and its p value.

    Args:
        c: its kind and its smallest difference count.
        interval: of the effect, at 95 %.
        high: another upper end, where the opponent was the best of several.
    """
    high = interval.high if high is None else high
    nothing, bar = (1.0, 1.0 + c.smallest) if c.ratio else (0.0, c.smallest)
    if c.kind.startswith("equal"):
        floor = 1 / bar if c.ratio else -bar
        if floor < interval.low and high < bar:
            sides = ((bar, False), (floor, True))
            return "supported", max(_chance(interval, at, c.ratio, up) for at, up in sides)
        if high < floor or interval.low > bar:
            off = [_chance(interval, at, c.ratio, up) for at, up in ((floor, False), (bar, True))]
            return "contradicted", min(off)
        return "open", 1.0
    if interval.low > bar:
        return "supported", _chance(interval, bar, c.ratio, above=True)
    if high < nothing:
        return "contradicted", _chance(interval, nothing, c.ratio, above=False)
    if high < bar:
        return "negligible", _chance(interval, bar, c.ratio, above=False)
    p = _chance(interval, nothing, c.ratio, above=True)
    return ("weak", p) if interval.low > nothing else ("open", max(p, 1 - LEVEL))


def _share(c: Claim, rows: dict[int, dict]) -> tuple[Interval, str, float] | None:
    """Wilson's interval of a proportion over all seeds, its verdict and p value."""
    if not rows or any("of" not in row for row in rows.values()):
        return None
    right, of = (sum(int(row[name]) for row in rows.values()) for name in ("right", "of"))
    interval = wilson_interval(right, of)
    if interval.low > c.smallest:
        return interval, "supported", float(min(1, 2 * stats.binom.sf(right - 1, of, c.smallest)))
    if interval.high < c.smallest:
        return interval, "contradicted", float(min(1, 2 * stats.binom.cdf(right, of, c.smallest)))
    return interval, "open", 1.0


def _finding(c: Claim, half: str, rows: list[dict], profile: str, among: int = 1) -> Finding | None:
    """A claim or a half of it, which is one `among` several; None without the rows."""
    first = _arm(rows, c.arms[0], profile)
    if c.kind == "share":
        found = _share(c, first)
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


def _gated(c: Claim, rows: list[dict], profile: str) -> tuple[tuple[str, Interval], ...]:
    """By how much each gated arm beats the baseline; an arm that cannot be compared has no bound.

    Raises:
        ValueError: the baseline is of a claim or an arm that is not there.
    """
    gate = c.gate
    assert gate is not None
    found = []
    held = replace(c, value=gate.value, kind="difference", units="")
    for arm in gate.arms or c.arms:
        own = _arm(rows, arm, profile)
        if isinstance(gate.over, str):
            key, _, name = gate.over.rpartition(": ")
            base = _arm(evidence(key) if key else rows, name, profile)
            # The baseline's rows hold their number as the value.
            base = {s: {gate.value: row.get(gate.value, row["value"])} for s, row in base.items()}
            if not base:
                raise ValueError(f"{c.id}: its gate names {gate.over!r}, of which there is no row.")
        else:
            base = {seed: {gate.value: gate.over} for seed in own}
        pair = _compared(held, own, base)
        nothing = Interval(float("nan"), -np.inf, np.inf, 0)
        found.append((arm, pair[0] if pair else nothing))
    return tuple(found)


def judge(key: str, rows: list[dict] | None = None, now: dict[str, str] | None = None) -> Judgement:
    """All that is known of a claim.

    Args:
        key: such as "C7".
        rows: evidence; None reads the committed one.
        now: hashes of the chapter as it is, to tell whether the evidence is stale; None takes
            those of the chapter that runs, if there is one.
    """
    c = claim(key)
    rows = evidence(key) if rows is None else rows
    try:
        return _judged(c, rows, running() if now is None else now)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{key}: its rows of evidence cannot be judged ({error}).") from error


def _judged(c: Claim, rows: list[dict], now: dict[str, str]) -> Judgement:
    parts = {half: replace(c, **fields, halves={}) for half, fields in c.halves.items()}
    parts = parts or {"": c}
    found: dict[str, tuple[Finding, ...]] = {}
    for profile in SIZES:
        each = [_finding(part, half, rows, profile, len(parts)) for half, part in parts.items()]
        known = tuple(f for f in each if f)
        if len(known) == len(each):
            found[profile] = known
    if not found:
        return Judgement(c, "needs a GPU" if c.gpu else "not yet tested")
    # The largest profile of which all seeds have run, or else the one of most seeds.
    profile = max(found, key=lambda p: min(c.seeds, *(f.seeds for f in found[p])))
    known = found[profile]
    stale = tuple(changes([row for row in rows if row["profile"] == profile], now))
    gate = _gated(c, rows, profile) if c.gate else ()
    said = min((f.verdict for f in known), key=DECIDED.index)
    enough = all(f.seeds >= c.seeds for f in known)
    if c.gate and enough and not all(i.low >= c.gate.by for _, i in gate):
        said = "not testable"
    return Judgement(c, said, known, gate, profile, stale)


def after_holm(judgements: dict[str, Judgement]) -> dict[str, bool]:
    """Whether each decided claim's verdict stands when all of its chapter's are counted (Holm)."""
    stands: dict[str, bool] = {}
    for page in {j.claim.page for j in judgements.values()}:
        values = {
            key: j.weakest.p
            for key, j in judgements.items()
            if j.claim.page == page and j.weakest and j.verdict in DECIDED
        }
        adjusted = holm(values)
        stands |= {k: p <= 1 - LEVEL for k, p in adjusted.items() if values[k] <= 1 - LEVEL}
    return {key: stands[key] for key in judgements if key in stands}


def seeds_needed(f: Finding, power: float = 0.8, most: int = 10_000) -> int | None:
    """Seeds that would tell the smallest difference that matters from none, with some power.

    None where the interval is no seeds' interval, or where even `most` would not do.
    """
    low, high = f.interval.low, f.interval.high
    if f.over != "seeds" or f.about.kind.startswith(("equal", "share")) or f.interval.n < 2:
        return None
    low, high, effect = (
        (float(np.log(low)), float(np.log(high)), float(np.log1p(f.about.smallest)))
        if f.about.ratio
        else (low, high, f.about.smallest)
    )
    half = (high - low) / 2
    if not np.isfinite(half):
        return None
    spread = half / stats.t.ppf((1 + LEVEL) / 2, f.interval.n - 1) * np.sqrt(f.interval.n)
    if spread == 0:
        return 2
    counts = np.unique(np.geomspace(2, most, 4000).astype(int))
    bars = stats.t.ppf((1 + LEVEL) / 2, counts - 1)
    found = stats.nct.sf(bars, counts - 1, effect / spread * np.sqrt(counts))
    enough = counts[np.nan_to_num(found, nan=1.0) >= power]
    return int(enough[0]) if len(enough) else None


def _digits(half: float) -> int:
    """Decimals at which half the width of an interval has two figures."""
    return 1 if not np.isfinite(half) or half <= 0 else int(np.clip(1 - np.log10(half) // 1, 0, 4))


def in_words(f: Finding) -> str:
    """An effect with its unit and its interval, such as "+1.6 points of recall [+1.1, +2.1]"."""
    interval, (factor, unit) = f.interval, f.about.unit
    if f.about.ratio:
        ends = "" if interval.n < 2 else f" [{interval.low:.3g}, {interval.high:.3g}]"
        return f"{interval.mean:.3g} times the {unit}{ends}"
    mean, low, high = (v * factor for v in (interval.mean, interval.low, interval.high))
    if f.about.kind == "share":
        return f"{mean:.6g} {unit} [{low:.2f}, {high:.2f}]"
    digits = _digits((high - low) / 2)
    ends = "" if interval.n < 2 else f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{mean:+.{digits}f} {unit}{ends}"


def counted(f: Finding) -> str:
    """What an interval is over, such as "over 5 seeds"."""
    if f.over != "seeds":
        return f"over {f.interval.n} {f.over}"
    of = f" of {f.about.seeds}" if f.seeds < f.about.seeds else ""
    return f"over {f.seeds}{of} seed{'' if f.seeds == 1 and not of else 's'}"


def say(key: str) -> str:
    """What a chapter prints of a claim: the verdict, each effect in words, the gate if it fails."""
    j = judge(key)
    here = " here" if j.verdict in ("contradicted", "negligible") else ""
    lines = [f"{key}: {j.verdict}{here}{', stale' if j.stale else ''}."]
    for f in j.findings:
        against = f" against {f.against}" if f.against else ""
        half = f"{f.half}, {f.verdict}: " if f.half else ""
        lines.append(f"  {half}{f.about.arms[0]}{against}: {in_words(f)}, {counted(f)}.")
    if j.verdict == "not testable" and j.claim.gate:
        lines += [f"  {line}" for line in gate_in_words(j)]
    lines += [f"  Stale: {reason}." for reason in j.stale]
    return "\n".join(lines)


def gate_in_words(j: Judgement) -> list[str]:
    """By how much each gated arm beats the baseline, and by how much it should."""
    gate, (factor, unit) = j.claim.gate, j.claim.unit
    if gate is None:
        return []
    factor, unit = (factor, f" {unit}") if gate.value == "value" else (1.0, f" ({gate.value})")
    return [
        f"{arm} is {i.mean * factor:.3g}{unit} better than {gate.why}"
        f" [{i.low * factor:.3g}, {i.high * factor:.3g}]; asked for: {gate.by * factor:.3g}."
        for arm, i in j.gate
        if not i.low >= gate.by
    ]
