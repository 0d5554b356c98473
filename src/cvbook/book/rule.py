"""The rule: from an interval to a verdict, its p value, and the seeds that would settle it."""

import numpy as np
from scipy import stats

from cvbook.book.registry import Claim
from cvbook.metrics.statistics import Interval, wilson_interval

# From the weakest: a claim with two halves is worth as much as the weaker one.
DECIDED = ("contradicted", "negligible", "open", "weak", "supported")
LEVEL = 0.95
MOST_SEEDS = 10_000


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


def decide_share(c: Claim, rows: dict[int, dict]) -> tuple[Interval, str, float] | None:
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


def seeds_needed(c: Claim, interval: Interval, power: float = 0.8) -> int | None:
    """Seeds that would tell the smallest difference that matters from none, with some power.

    None where one wants to know something else, or where even ten thousand would not do.

    Args:
        c: its kind and its smallest difference count.
        interval: over seeds.
    """
    if c.kind.startswith(("equal", "share")) or interval.n < 2:
        return None
    low, high, effect = interval.low, interval.high, c.smallest
    if c.ratio:
        low, high, effect = (float(np.log(v)) for v in (low, high, 1 + effect))
    half = (high - low) / 2
    if not np.isfinite(half):
        return None
    spread = half / stats.t.ppf((1 + LEVEL) / 2, interval.n - 1) * np.sqrt(interval.n)
    if spread == 0:
        return 2
    counts = np.unique(np.geomspace(2, MOST_SEEDS, 4000).astype(int))
    bars = stats.t.ppf((1 + LEVEL) / 2, counts - 1)
    found = stats.nct.sf(bars, counts - 1, effect / spread * np.sqrt(counts))
    enough = counts[np.nan_to_num(found, nan=1.0) >= power]
    return int(enough[0]) if len(enough) else None
