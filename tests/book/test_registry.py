"""data/claims.yaml: complete, as its schema says, and changed only where an amendment says so."""

import json
import subprocess

import jsonschema
import pytest
import yaml

from cvbook.book import claims, registry
from cvbook.paths import DATA, ROOT

LATER = {"page", "tested", "scope", "unit"}  # words, which no verdict hangs on


def test_all_claims_are_entered_and_complete():
    """36 come from the articles; others may follow."""
    every = registry.all_claims()
    assert len(every) >= 36 and list(every) == [f"C{i}" for i in range(1, len(every) + 1)]
    for c in every.values():
        assert not c.page or (ROOT / "notebooks" / f"{c.page}.ipynb").is_file(), c.id
        assert not c.page or int(c.page[:2]) == c.chapter
        assert c.gate is None or c.gate.arms or all(arm != c.gate.over for arm in c.arms)
    with pytest.raises(KeyError, match=f"C1 to C{len(every)}"):
        registry.claim("C999")


def test_the_registry_follows_its_schema():
    schema = json.loads((DATA / "claims.schema.json").read_text())
    rows = yaml.safe_load((DATA / "claims.yaml").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(rows, schema)
    whole = {what: value for what, value in rows["C8"].items() if what != "units"}
    for broken in (
        {"seeds": 3},
        {"seeds": 1},
        {"seeds": 3, "units": "pages"},
        {"smallest": 0},
        {"gate": {"over": 1}},
        {"opponent": "weak"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(rows | {"C8": whole | broken}, schema)


def test_no_evidence_without_gate_scope_and_what_varies():
    for file in (DATA / "evidence").glob("C*.json"):
        c = registry.claim(file.stem)
        assert c.gate and c.scope and c.tested.get("varies"), c.id


def test_a_statement_cut_at_its_comma_is_named(tmp_path, monkeypatch):
    row = "{statement: A soft margin is as good, or better., source: review, arms: [a, b]}"
    (tmp_path / "claims.yaml").write_text(f"C1: {row}\n")
    monkeypatch.setattr(registry, "data_path", lambda name: tmp_path / name)
    registry.all_claims.cache_clear()
    try:
        with pytest.raises(ValueError, match="C1 in data/claims.yaml has no field 'or better.'"):
            registry.all_claims()
    finally:
        registry.all_claims.cache_clear()


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def deciding(row: dict) -> dict:
    """What of a claim decides its verdict."""
    kind = row.get("kind", "ratio" if row.get("ratio") else "difference")
    kept = {name: value for name, value in row.items() if name not in {*LATER, "ratio"}}
    return kept | {"kind": kind}


def test_what_was_changed_after_there_was_evidence_is_amended():
    """The file's whole history, up to what is not committed yet."""
    lines = (DATA / "amendments.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| 2")]
    amended = [(row[1], key.strip()) for row in table for key in row[2].split(",")]
    commits = git(
        "log", "--first-parent", "--reverse", "--format=%h %as", "--", "data/claims.yaml"
    ).splitlines()
    if not commits:
        pytest.skip("no history of git here")
    versions = [(c.split(), git("show", f"{c.split()[0]}:data/claims.yaml")) for c in commits]
    versions.append((["HEAD", table[-1][1]], (DATA / "claims.yaml").read_text()))
    before: dict[str, dict] = {}
    for (commit, date), text in versions:
        rows = yaml.safe_load(text)
        for key, row in rows.items():
            changed = key in before and deciding(before[key]) != deciding(row)
            base = "HEAD" if commit == "HEAD" else f"{commit}^"
            if changed and git("ls-tree", base, f"data/evidence/{key}.json"):
                # Each change uses up a line of its day, or of a later one.
                line = next((a for a in amended if a[1] == key and a[0] >= date), None)
                assert line, f"{commit} changed {key}: amend it"
                amended.remove(line)
        before = rows


def test_amended_claims_are_known():
    text = (DATA / "amendments.md").read_text()
    for line in text.splitlines():
        if line.startswith("| 2"):
            keys = [key.strip() for key in line.split("|")[2].split(",")]
            assert keys and all(key in claims.all_claims() for key in keys)
            assert all(cell.strip() for cell in line.split("|")[1:-1])
