"""Evidence: what is recorded, gathered, and shown."""

import json

import numpy as np
import pytest

from cvbook.book import claims
from cvbook.book.profiles import PROFILES
from cvbook.book.verdicts import judge


def rows(key, first, second, profile="study"):
    c = claims.claim(key)
    return [
        {"arm": arm, "value": float(v), "seed": s, "profile": profile}
        for arm, vs in zip(c.arms, (first, second), strict=True)
        for s, v in enumerate(vs)
    ]


def test_record_prints_and_writes_only_inside_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CVBOOK_RUN_DIR", raising=False)
    monkeypatch.setattr(claims, "commit", lambda: "abc1234")
    for name in ("code", "data"):
        monkeypatch.setenv(f"CVBOOK_{name.upper()}", "0" * 16)
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
        and {"machine", "commit", "date", "versions", "seconds", "note", "code", "data"}
        <= found[0].keys()
    )
    assert judge("C7", found).findings[0].seeds == 2
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
        arms = {c.arms[0], *(c.rivals or c.arms[1:])}
        assert arms <= {r["arm"] for r in found}, path
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
        json.dumps(GOOD | {"compactness": float("nan")}),
        json.dumps(GOOD | {"curve": [1, float("inf")]}),
        json.dumps(GOOD | {"commit": "abc1234-dirty"}),
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


def test_rows_of_a_dirty_tree_that_only_show_that_it_works_are_left_out(tmp_path):
    target, runs = tmp_path / "evidence", tmp_path / "runs"
    runs.mkdir()
    row = json.dumps(GOOD | {"profile": "ci", "commit": "abc1234-dirty"})
    (runs / "evidence.jsonl").write_text(row + "\n")
    assert claims.gather(runs, target) == []


def test_an_affirmed_row_and_one_of_a_later_day_stay(tmp_path):
    target, runs = tmp_path / "evidence", tmp_path / "runs"
    for folder in (target, runs):
        folder.mkdir()
    kept = [
        GOOD | {"affirmed": {"seed": 1}, "date": "2026-01-01"},
        GOOD | {"seed": 1, "date": "2026-01-03"},
        GOOD | {"seed": 2, "date": "2026-01-01"},
    ]
    (target / "C7.json").write_text(json.dumps(kept))
    new = [GOOD | {"seed": s, "date": "2026-01-02", "value": 0.9 + (s > 0)} for s in range(3)]
    (runs / "evidence.jsonl").write_text("".join(json.dumps(row) + "\n" for row in new))
    claims.gather(runs, target)
    found = {row["seed"]: row for row in claims.evidence("C7", target)}
    assert "affirmed" in found[0] and found[1]["value"] == 0.9 and found[2]["value"] == 1.9


def test_a_row_with_units_replaces_an_affirmed_one_without(tmp_path):
    target, runs = tmp_path / "evidence", tmp_path / "runs"
    for folder in (target, runs):
        folder.mkdir()
    kept = [GOOD | {"affirmed": {"seed": 0}, "date": "2026-01-01"}]
    (target / "C7.json").write_text(json.dumps(kept))
    new = GOOD | {"units": [0.5, 0.7], "date": "2026-01-01"}
    (runs / "evidence.jsonl").write_text(json.dumps(new) + "\n")
    claims.gather(runs, target)
    assert claims.evidence("C7", target)[0]["units"] == [0.5, 0.7]
