"""Claims, evidence and verdicts, on simulated results where the truth is known."""

import json

import numpy as np
import pytest

from cvbook.book import claims
from cvbook.book.profiles import PROFILES
from cvbook.metrics.statistics import Interval


def test_all_claims_are_entered_and_complete():
    """36 come from the articles; others may follow."""
    every = claims.all_claims()
    assert len(every) >= 36 and list(every) == [f"C{i}" for i in range(1, len(every) + 1)]
    for c in every.values():
        assert c.statement.endswith(".") and c.metric
        assert len(c.arms) == 2 and c.arms[0] != c.arms[1]
        assert c.direction in ("up", "down") and c.smallest >= 0 and c.seeds >= 5
        assert c.source in ("mailru", "garage", "mivolo", "review", "oppo") and 1 <= c.chapter <= 18
    with pytest.raises(KeyError, match=f"C1 to C{len(every)}"):
        claims.claim("C999")


def test_a_statement_cut_at_its_comma_is_named(tmp_path, monkeypatch):
    row = "{statement: A soft margin is as good, or better., source: review, arms: [a, b]}"
    (tmp_path / "claims.yaml").write_text(f"C1: {row}\n")
    monkeypatch.setattr(claims, "data_path", lambda name: tmp_path / name)
    claims.all_claims.cache_clear()
    try:
        with pytest.raises(ValueError, match="C1 in data/claims.yaml has no field 'or better.'"):
            claims.all_claims()
    finally:
        claims.all_claims.cache_clear()


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.01, 0.02, "supported"),
        (0.001, 0.02, "weak"),
        (-0.01, 0.02, "open"),
        (-0.02, -0.001, "contradicted"),
        (0.0, 0.1, "open"),
    ],
)
def test_verdict_rule(low, high, expected):
    assert claims.claim("C7").smallest == 0.005
    assert claims.verdict("C7", Interval((low + high) / 2, low, high, 5)) == expected


def test_verdict_of_ratios_and_of_nothing():
    assert claims.verdict("C20", Interval(1.3, 1.2, 1.4, 5)) == "supported"
    assert claims.verdict("C20", Interval(1.05, 1.02, 1.08, 5)) == "weak"
    assert claims.verdict("C20", Interval(0.9, 0.8, 0.99, 5)) == "contradicted"
    assert (
        claims.verdict("C15", None) == "needs a GPU"
        and claims.verdict("C7", None) == "not yet tested"
    )
    assert (
        claims.verdict("C7", Interval(1.0, -np.inf, np.inf, 1)) == "open"
    )  # one seed decides nothing
    assert [claims.verdict("C7", Interval(0.1, 0.05, 0.15, n)) for n in (4, 5)] == [
        "open",
        "supported",
    ]  # nor do fewer than were promised


def rows(key, first, second, profile="study"):
    c = claims.claim(key)
    return [
        {"arm": arm, "value": float(v), "seed": s, "profile": profile}
        for arm, vs in zip(c.arms, (first, second), strict=True)
        for s, v in enumerate(vs)
    ]


def test_effect_pairs_by_seed_and_orients_by_direction():
    e = claims.effect("C13", rows("C13", [0.30, 0.31, 0.29], [0.32, 0.33, 0.31]))
    assert (
        e.mean == pytest.approx(0.02) and e.n == 3
    )  # a lower error rate is what the claim says: positive
    shuffled = rows("C7", [0.9, 0.8], [0.7, 0.6])[::-1]
    assert claims.effect("C7", shuffled).mean == pytest.approx(0.2)
    assert claims.effect("C7", rows("C7", [0.9, 0.8], [])) is None
    both = rows("C7", [0.9, 0.9], [0.5, 0.5], "ci") + rows("C7", [0.6, 0.7], [0.5, 0.5])
    assert claims.effect("C7", both).mean == pytest.approx(0.15)  # the study outranks the ci runs


def test_rates_of_right_and_wrong_verdicts():
    """With no true effect few claims get a verdict; with a large one nearly all are supported."""
    rng = np.random.default_rng(0)
    counts = {"none": {}, "large": {}}
    for name, truth in (("none", 0.0), ("large", 0.05)):
        for _ in range(600):
            shared = rng.normal(0.8, 0.05, 5)
            first = shared + truth + rng.normal(0, 0.01, 5)
            v = claims.verdict(
                "C7", claims.effect("C7", rows("C7", first, shared + rng.normal(0, 0.01, 5)))
            )
            counts[name][v] = counts[name].get(v, 0) + 1
    wrong = (
        counts["none"].get("supported", 0)
        + counts["none"].get("contradicted", 0)
        + counts["none"].get("weak", 0)
    )
    assert 0.02 < wrong / 600 < 0.08  # 5 % by construction
    assert counts["large"].get("supported", 0) / 600 > 0.95


def test_record_prints_and_writes_only_inside_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CVBOOK_RUN_DIR", raising=False)
    claims.record("C7", arm="arcface", value=0.5)
    assert "C7  arcface: 0.5000" in capsys.readouterr().out
    for seed in (0, 1):
        folder = tmp_path / "runs" / f"study-{seed}"
        folder.mkdir(parents=True)
        monkeypatch.setenv("CVBOOK_RUN_DIR", str(folder))
        monkeypatch.setenv("CVBOOK_SEED", str(seed))
        monkeypatch.setenv("CVBOOK_PROFILE", "study")
        claims.record("C7", arm="arcface", value=0.9 + seed / 100, note="x")
        claims.record("C7", arm="softmax", value=0.8)
    target = tmp_path / "evidence"
    assert claims.gather(tmp_path / "runs", target) == ["C7"]
    found = claims.evidence("C7", target)
    assert (
        len(found) == 4
        and {"machine", "commit", "date", "versions", "seconds", "note"} <= found[0].keys()
    )
    assert claims.effect("C7", found).n == 2
    claims.gather(tmp_path / "runs", target)  # again: rows are replaced, not doubled
    assert len(claims.evidence("C7", target)) == 4 and not list(target.glob("*.tmp"))
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not a result"):
            claims.record("C7", arm="arcface", value=bad)


def test_plots_show_the_study_or_else_this_run(tmp_path, monkeypatch):
    monkeypatch.delenv("CVBOOK_RUN_DIR", raising=False)
    monkeypatch.setattr(claims, "_RECORDED", {})
    monkeypatch.setattr(
        claims, "evidence", lambda key: rows("C7", [0.9], [0.8], "ci")
    )  # no ci row of an earlier run
    assert claims.shown("C7") == []
    for value in (0.5, 0.6):  # a cell that is run again replaces its row
        claims.record("C7", arm="arcface", value=value, curve=[1, 2])
    claims.record("C8", arm="triplet", value=1)
    (row,) = claims.shown("C7")
    assert (row["arm"], row["value"], row["curve"], row["seed"]) == ("arcface", 0.6, [1, 2], 0)
    both = rows("C7", [0.9], [0.8]) + rows("C7", [0.7], [0.6], "full")
    monkeypatch.setattr(claims, "evidence", lambda key: both)
    assert claims.shown("C7") == both[2:]


def test_committed_evidence_is_of_known_claims_and_arms():
    from cvbook.paths import DATA

    for path in (DATA / "evidence").glob("C*.json"):
        c, found = claims.claim(path.stem), json.loads(path.read_text())
        assert set(c.arms) <= {r["arm"] for r in found}, path
        assert len({(r["arm"], r["seed"], r["profile"]) for r in found}) == len(found)
        assert all(np.isfinite(r["value"]) for r in found)


GOOD = {"claim": "C7", "arm": "arcface", "value": 0.9, "seed": 0, "profile": "study"}


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(GOOD)[:-9],
        "[1, 2]",
        "7",
        json.dumps(GOOD | {"value": float("nan")}),
        json.dumps(GOOD | {"value": float("inf")}),
        json.dumps(GOOD | {"value": None}),
        json.dumps(GOOD | {"value": True}),
        json.dumps(GOOD | {"value": 10**400}),
        json.dumps(GOOD | {"arm": "\ud800"}),
        json.dumps(GOOD | {"claim": "C99"}),
        json.dumps(GOOD | {"claim": "../../x"}),
        json.dumps(GOOD | {"claim": ["C7"]}),
        json.dumps(GOOD | {"profile": "huge"}),
        json.dumps(GOOD | {"seed": "0"}),
        json.dumps({k: v for k, v in GOOD.items() if k != "arm"}),
    ],
)
def test_a_bad_row_is_named_and_replaces_nothing(tmp_path, line):
    target, runs = tmp_path / "evidence", tmp_path / "runs"
    runs.mkdir()
    (runs / "evidence.jsonl").write_text(json.dumps(GOOD) + "\n")
    claims.gather(runs, target)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    (runs / "evidence.jsonl").write_text(json.dumps(GOOD | {"value": 0.1}) + "\n" + line + "\n")
    with pytest.raises(ValueError, match=r"evidence\.jsonl, line 2 is "):
        claims.gather(runs, target)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json")} == before


def test_sizes_are_the_profiles():
    assert set(claims.SIZES) == set(PROFILES)


@pytest.mark.parametrize("content", ["[{", "[{}]", '{"arm": 1}', "7", "null"])
def test_a_damaged_file_of_evidence_is_named_and_nothing_is_written(tmp_path, content):
    target, runs = tmp_path / "evidence", tmp_path / "runs"
    runs.mkdir()
    target.mkdir()
    (target / "C9.json").write_text(content)
    rows = [GOOD, GOOD | {"claim": "C9", "arm": "losses"}]
    (runs / "evidence.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=r"C9\.json holds no rows of evidence"):
        claims.gather(runs, target)
    assert [p.name for p in target.iterdir()] == ["C9.json"]
