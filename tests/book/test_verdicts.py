"""The rule, on simulated studies of which the truth is known."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cvbook.book import claims, findings, registry, verdicts
from cvbook.metrics.statistics import Interval

PLAIN = registry.Claim(
    "C7", "A beats B.", "review", 8, "accuracy", ("a", "b"), "up", 0.01, 5, page="08-x"
)


def rows(arms: dict[str, np.ndarray], profile="study", **details) -> list[dict]:
    return [
        {"arm": arm, "value": float(v), "seed": s, "profile": profile}
        | {name: values[arm][s] for name, values in details.items()}
        for arm, vs in arms.items()
        for s, v in enumerate(vs)
    ]


@pytest.fixture
def registered(monkeypatch):
    """Judge rows by a claim that need not be in the registry."""

    def judge(c: registry.Claim, found: list[dict]) -> verdicts.Judgement:
        monkeypatch.setattr(verdicts, "claim", lambda key: c)
        return verdicts.judge(c.id, found)

    return judge


def test_effects_are_paired_by_seed_and_oriented(registered):
    down = replace(PLAIN, direction="down")
    (f,) = registered(down, rows({"a": [0.30, 0.31, 0.29], "b": [0.32, 0.33, 0.31]})).findings
    assert f.interval.mean == pytest.approx(0.02) and f.seeds == 3 and f.verdict == "open"
    (f,) = registered(PLAIN, rows({"a": [0.9, 0.8], "b": [0.7, 0.6]})[::-1]).findings
    assert f.interval.mean == pytest.approx(0.2)
    assert registered(PLAIN, rows({"a": [0.9]})).verdict == "not yet tested"
    both = rows({"a": [0.9, 0.9], "b": [0.5, 0.5]}, "ci") + rows({"a": [0.6, 0.7], "b": [0.5, 0.5]})
    j = registered(PLAIN, both)
    assert j.findings[0].interval.mean == pytest.approx(0.15) and j.profile == "study"
    assert registered(replace(PLAIN, gpu=True), []).verdict == "needs a GPU"


def test_fewer_seeds_than_promised_decide_nothing(registered):
    clear = {"a": [0.9, 0.91, 0.92, 0.9, 0.91], "b": [0.5, 0.51, 0.52, 0.5, 0.51]}
    assert registered(PLAIN, rows(clear)).verdict == "supported"
    assert registered(PLAIN, rows({k: v[:4] for k, v in clear.items()})).verdict == "open"


def test_the_weaker_half_counts(registered):
    c = replace(PLAIN, halves={"better": {}, "smaller": {"value": "size", "direction": "down"}})
    good, same = {"a": [0.9] * 5, "b": [0.5] * 5}, {"a": [3.0] * 5, "b": [3.0] * 5}
    j = registered(c, rows(good, size=same))
    assert [f.verdict for f in j.findings] == ["supported", "negligible"]
    assert j.verdict == "negligible" and j.weakest.half == "smaller"
    assert registered(c, rows(good)).verdict == "not yet tested", "a half without a value"


def test_a_network_that_has_not_learnt_decides_nothing(registered):
    values = {"a": [0.30, 0.31, 0.29, 0.30, 0.31], "b": [0.2, 0.21, 0.2, 0.21, 0.2]}
    held = replace(PLAIN, gate=registry.Gate(0.1, 0.15, "chance"))
    low = replace(held, gate=registry.Gate(0.1, 0.05, "chance"))
    assert registered(low, rows(values)).verdict == "supported"
    j = registered(held, rows(values))
    assert j.verdict == "not testable" and [arm for arm, _ in j.gate] == ["a", "b"]
    assert "b is 0.104" in verdicts.gate_in_words(j)[0]
    first = replace(held, gate=registry.Gate(0.1, 0.15, "chance", arms=("a",)))
    assert registered(first, rows(values)).verdict == "supported"
    const = rows(values | {"constant": [0.25] * 5})
    other = replace(PLAIN, gate=registry.Gate("constant", 0.02, "a constant"))
    assert registered(other, const).verdict == "not testable"
    with pytest.raises(ValueError, match="no row"):
        registered(replace(PLAIN, gate=registry.Gate("nobody", 0.1, "x")), const)


def test_the_best_rival_counts(registered):
    c = replace(PLAIN, arms=("a", "the best"), rivals=("b", "c"))
    values = {"a": [0.9, 0.91, 0.9, 0.91, 0.9], "b": [0.5] * 5, "c": [0.95, 0.96, 0.95, 0.96, 0.95]}
    j = registered(c, rows(values))
    assert j.verdict == "contradicted" and j.findings[0].against == "c"
    assert registered(c, rows({k: v for k, v in values.items() if k != "b"})).verdict == (
        "not yet tested"
    )


def test_a_noisy_rival_hides_no_other(registered):
    """To be better than the best is to be better than each of them."""
    c = replace(PLAIN, arms=("a", "the best"), rivals=("b", "c"))
    close = {"a": [0.9, 0.901, 0.899, 0.9, 0.9], "b": [0.87, 0.871, 0.87, 0.869, 0.87]}
    noisy = {"c": [0.95, 0.79, 0.99, 0.87, 0.85]}
    j = registered(c, rows(close | noisy))
    assert j.verdict == "open" and j.findings[0].against == "c"
    better = {"b": [0.95, 0.951, 0.95, 0.949, 0.95], "c": [0.97, 0.87, 1.0, 0.93, 0.99]}
    j = registered(c, rows({"a": close["a"]} | better))
    assert j.verdict == "contradicted" and j.findings[0].against == "b"


def test_units_that_were_promised_and_not_recorded_support_nothing(registered):
    c = replace(PLAIN, units="pages")
    assert registered(c, rows({"a": [0.9] * 5, "b": [0.5] * 5})).verdict == "open"
    assert registered(c, rows({"a": [0.4] * 5, "b": [0.5] * 5})).verdict == "contradicted"


def test_halves_share_the_error_of_calling_one_contradicted(monkeypatch):
    c = replace(PLAIN, halves={name: {"arms": ("a", name)} for name in "bcd"})
    monkeypatch.setattr(verdicts, "claim", lambda key: c)
    rng, said = np.random.default_rng(6), Counter()
    for _ in range(800):
        said[verdicts.judge(c.id, rows({k: rng.normal(0.8, 0.01, 5) for k in "abcd"})).verdict] += 1
    assert said["contradicted"] / 800 < 0.05


def test_one_run_at_a_larger_size_hides_no_complete_study(registered):
    found = rows({"a": [0.9] * 5, "b": [0.5] * 5}) + rows({"a": [0.6], "b": [0.7]}, "full")
    j = registered(PLAIN, found)
    assert j.verdict == "supported" and j.profile == "study"


def test_rows_that_cannot_be_judged_name_their_claim(registered):
    broken = [row | {"value": float("nan")} for row in rows({"a": [0.9] * 5, "b": [0.5] * 5})]
    with pytest.raises(ValueError, match="C7: its rows of evidence cannot be judged"):
        registered(PLAIN, broken)


def test_the_wider_interval_decides(registered):
    c = replace(PLAIN, units="pages")
    values = {"a": [0.9, 0.9, 0.9, 0.9, 0.901], "b": [0.85, 0.85, 0.85, 0.85, 0.85]}
    # Of ten pages one alone makes the difference.
    pages = {"a": [[0.9] * 9 + [0.9]] * 5, "b": [[0.9] * 9 + [0.4]] * 5}
    j = registered(c, rows(values, units=pages))
    assert j.verdict == "open" and j.findings[0].over == "pages"
    assert "over 10 pages" in verdicts.counted(j.findings[0])
    even = {"a": [[0.9] * 10] * 5, "b": [[0.85] * 10] * 5}
    assert registered(c, rows(values, units=even)).verdict == "supported"


def test_a_claim_of_one_network_is_judged_over_its_units(registered):
    """Weighted by what each unit holds; several seeds may not do so with one run."""
    gate = registry.Gate(0.5, 0.1, "a coin")
    c = replace(PLAIN, seeds=1, units="pages", gate=gate)
    pages, weights = {"a": [[0.9, 0.8] * 8], "b": [[0.8, 0.8] * 8]}, [1.0, 0.0] * 8
    found = rows({"a": [0.9], "b": [0.8]}, units=pages, weights={key: [weights] for key in "ab"})
    j = registered(c, found)
    (f,) = j.findings
    assert j.verdict == "supported" and (f.over, f.seeds) == ("pages", 1)
    assert f.interval.mean == pytest.approx(0.1) and verdicts.counted(f) == "over 16 pages"
    assert [i.n for _, i in j.gate] == [16, 16] and j.gate[1][1].low == pytest.approx(0.3)
    assert registered(replace(c, gate=replace(gate, by=0.35)), found).verdict == "not testable"
    assert registered(replace(c, seeds=5), found).verdict == "open"
    even = rows({"a": [0.85], "b": [0.8]}, units=pages)
    assert registered(replace(c, gate=None), even).findings[0].interval.mean == pytest.approx(0.05)
    # Half of the pages lost and half won is no verdict, whatever the mean.
    mixed = {"a": [[0.95, 0.6] * 8], "b": [[0.8, 0.7] * 8]}
    assert registered(c, rows({"a": [0.9], "b": [0.8]}, units=mixed)).verdict == "open"
    bare = rows({"a": [0.9], "b": [0.8]})
    assert registered(replace(c, gate=None), bare).verdict == "open"
    assert registered(c, bare).verdict == "not testable", "a gate without units has no bound"


def test_a_proportion_has_its_own_interval(registered):
    c = replace(PLAIN, kind="share", arms=("a",), smallest=0.99)
    of = {"a": [300] * 5}
    for right, expected in ((300, "supported"), (294, "contradicted")):
        found = rows({"a": [right / 300] * 5}, right={"a": [right] * 5}, of=of)
        assert registered(c, found).verdict == expected
    few = rows({"a": [1.0] * 5}, right={"a": [20] * 5}, of={"a": [20] * 5})
    assert registered(c, few).verdict == "open"


def verdicts_of(rng, count: int, truth: float, c: registry.Claim, others: int = 1) -> Counter:
    """Verdicts on studies of which the first arm is better than its best rival by `truth`."""
    said: Counter = Counter()
    for _ in range(count):
        shared = rng.normal(0.8, 0.05, c.seeds)
        arms = {"a": shared + truth + rng.normal(0, 0.01, c.seeds)}
        for arm in (c.rivals or ("b",))[:others]:
            arms[arm] = shared + rng.normal(0, 0.01, c.seeds)
        said[verdicts.judge(c.id, rows(arms)).verdict] += 1
    return said


@pytest.mark.parametrize(
    "truth, wrong",
    [
        (0.0, ("supported", "weak", "contradicted")),
        (0.01, ("supported", "negligible", "contradicted")),
        (-0.02, ("supported", "weak")),
    ],
)
def test_rates_of_wrong_verdicts(monkeypatch, truth, wrong):
    """Each side is wrong in one study of forty at most; at a border both sides may be."""
    monkeypatch.setattr(verdicts, "claim", lambda key: PLAIN)
    said = verdicts_of(np.random.default_rng(0), 1500, truth, PLAIN)
    assert sum(said[name] for name in wrong) / 1500 < 0.065


def test_large_effects_are_found_and_none_is_negligible(monkeypatch):
    twenty = replace(PLAIN, seeds=20)
    monkeypatch.setattr(verdicts, "claim", lambda key: twenty)
    rng = np.random.default_rng(1)
    assert verdicts_of(rng, 300, 0.05, twenty)["supported"] > 290
    assert verdicts_of(rng, 300, 0.0, twenty)["negligible"] > 190


def test_a_best_of_many_is_not_called_better_by_chance(monkeypatch):
    """All arms alike: the best of nine rivals seems better than the first more often than not."""
    c = replace(PLAIN, arms=("a", "best"), rivals=tuple("bcdefghij"))
    monkeypatch.setattr(verdicts, "claim", lambda key: c)
    said = verdicts_of(np.random.default_rng(2), 800, 0.0, c, others=9)
    assert said["contradicted"] / 800 < 0.05
    assert said["supported"] + said["weak"] < 0.01 * 800


def test_equality_is_rarely_claimed_at_its_margin(monkeypatch):
    c = replace(PLAIN, kind="equal", seeds=10)
    monkeypatch.setattr(verdicts, "claim", lambda key: c)
    rng = np.random.default_rng(3)
    assert verdicts_of(rng, 1500, 0.01, c)["supported"] / 1500 < 0.05
    assert verdicts_of(rng, 300, 0.0, c)["supported"] > 50
    assert verdicts_of(rng, 300, 0.05, c)["contradicted"] > 290


def test_gates_let_few_blind_networks_through(monkeypatch):
    """Networks that are exactly at the gate: both arms must pass."""
    c = replace(PLAIN, gate=registry.Gate(0.7, 0.1, "chance"))
    monkeypatch.setattr(verdicts, "claim", lambda key: c)
    said = verdicts_of(np.random.default_rng(4), 1000, 0.0, c)
    assert said["not testable"] > 960


def test_holm_within_a_chapter():
    def judged(key: str, page: str, p: float, said: str = "supported") -> verdicts.Judgement:
        c = replace(PLAIN, id=key, page=page)
        f = findings.Finding(c, "", "b", Interval(0.1, 0.05, 0.15, 5), "seeds", 5, said, p)
        return verdicts.Judgement(c, said, (f,), (), "study", ())

    found = {
        "C1": judged("C1", "08-x", 0.04),
        "C2": judged("C2", "08-x", 0.01),
        "C3": judged("C3", "08-x", 0.5, "open"),
        "C4": judged("C4", "09-x", 0.04),
    }
    assert verdicts.after_holm(found) == {"C1": False, "C2": True, "C4": True}


def test_effects_in_words(registered):
    c = replace(PLAIN, unit=(100, "points of recall"))
    (f,) = registered(c, rows({"a": [0.9, 0.92, 0.91], "b": [0.88, 0.9, 0.88]})).findings
    assert verdicts.in_words(f) == "+2.3 points of recall [+0.9, +3.8]"
    assert verdicts.counted(f) == "over 3 of 5 seeds"
    (f,) = registered(c, rows({"a": [0.9], "b": [0.88]})).findings
    assert verdicts.in_words(f) == "+2.0 points of recall"
    assert verdicts.counted(f) == "over 1 of 5 seeds"
    ratio = replace(c, kind="ratio", unit=(1, "pictures a second"))
    (f,) = registered(ratio, rows({"a": [4.0, 4.1], "b": [2.0, 2.0]})).findings
    assert verdicts.in_words(f).startswith("2.02 times the pictures a second [")


def test_every_committed_claim_can_be_judged():
    for key in registry.all_claims():
        j = verdicts.judge(key)
        assert j.verdict in verdicts.VERDICTS
        assert bool(claims.evidence(key)) == bool(j.findings), key
        assert verdicts.say(key).startswith(f"{key}: {j.verdict}")


def test_a_chapter_that_runs_tells_what_is_stale(registered, monkeypatch):
    found = rows({"a": [0.9] * 5, "b": [0.5] * 5})
    assert registered(PLAIN, found).stale == ()
    monkeypatch.setenv("CVBOOK_CODE", "new")
    assert registered(PLAIN, found).stale == ("its code was not recorded",)
    old = [row | {"code": "old", "date": "2026-01-02"} for row in found]
    assert registered(PLAIN, old).stale == ("its code has changed since 2026-01-02",)
    assert registered(PLAIN, [row | {"code": "new"} for row in old]).stale == ()
