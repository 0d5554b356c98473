"""What the evidence says of a claim, and how it is put in words.

The rule is fixed: an effect over seeds and, where the test set is fixed, over its units; the wider
interval decides. A network that has not learnt decides nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from cvbook.book.claims import SIZES, changes, evidence, running
from cvbook.book.findings import Finding, finding, gated
from cvbook.book.registry import Claim, claim
from cvbook.book.rule import DECIDED, LEVEL
from cvbook.metrics.statistics import Interval, holm

VERDICTS = (*DECIDED[::-1], "not testable", "needs a GPU", "not yet tested")


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
        each = [finding(part, half, rows, profile, len(parts)) for half, part in parts.items()]
        known = tuple(f for f in each if f)
        if len(known) == len(each):
            found[profile] = known
    if not found:
        return Judgement(c, "needs a GPU" if c.gpu else "not yet tested")
    # The largest profile of which all seeds have run, or else the one of most seeds.
    profile = max(found, key=lambda p: min(c.seeds, *(f.seeds for f in found[p])))
    known = found[profile]
    stale = tuple(changes([row for row in rows if row["profile"] == profile], now))
    gate = gated(c, rows, profile) if c.gate else ()
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
        adjusted = zip(values, holm(np.array(list(values.values()))), strict=True)
        stands |= {k: bool(p <= 1 - LEVEL) for k, p in adjusted if values[k] <= 1 - LEVEL}
    return {key: stands[key] for key in judgements if key in stands}


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
