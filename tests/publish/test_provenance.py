"""What makes evidence stale, and what does not."""

import ast
import json

import pytest

from cvbook.book import claims
from cvbook.paths import ROOT
from cvbook.publish import affirmation, graph, provenance

PAGE = "04-crowd-labels"
NOTEBOOK = ROOT / "notebooks" / f"{PAGE}.ipynb"


def hashed(code: str) -> str:
    return provenance.without_docstrings(ast.parse(code))


@pytest.mark.parametrize(
    "other",
    [
        'def f(x):\n    """Double."""\n    return 2 * x',
        '"""A module."""\ndef f(x):\n    # twice\n    return (2 *\n        x)',
        'def f( x ):\n    """In\n    two lines."""\n    return 2*x',
    ],
)
def test_words_and_layout_change_no_hash(other):
    assert hashed(other) == hashed("def f(x):\n    return 2 * x")


@pytest.mark.parametrize("other", ["def f(x):\n    return 3 * x", "def g(x):\n    return 2 * x"])
def test_other_code_changes_it(other):
    assert hashed(other) != hashed("def f(x):\n    return 2 * x")


def test_a_docstring_alone_leaves_a_body():
    assert hashed('class A:\n    """Empty."""') == hashed("class A:\n    pass")
    assert hashed("f = lambda x: 'text'") != hashed("f = lambda x: 'other'")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The chapter in another folder, whose cells a test may change."""

    def change(edit) -> str:
        notebook = json.loads(NOTEBOOK.read_text())
        edit(notebook["cells"])
        path = tmp_path / NOTEBOOK.name
        path.write_text(json.dumps(notebook))
        return provenance.code_hash(path)

    return change


def cells_of(cells: list[dict], folded: bool) -> list[dict]:
    code = [c for c in cells if c["cell_type"] == "code"]
    return [c for c in code if folded == ("hide-input" in c["metadata"].get("tags", []))]


def with_source(text: str, code: str):
    """An edit that appends code to the first cell that holds a text."""

    def edit(cells: list[dict]) -> None:
        cell = next(c for c in cells if text in "".join(c["source"]))
        cell["source"] = ["".join(cell["source"]) + "\n" + code]

    return edit


def test_what_draws_and_words_do_not_count(copied):
    as_it_is = copied(lambda cells: None)
    assert as_it_is == provenance.code_hash(NOTEBOOK)
    assert copied(with_source('special = {"exponential weights"', "x = 1")) == as_it_is
    words = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "markdown"]
    assert words and copied(lambda cells: cells.append(words[0])) == as_it_is
    assert copied(lambda cells: cells_of(cells, False)[-1]["source"].append("\nx = 1")) != as_it_is


@pytest.mark.parametrize("name", ["04-crowd-labels", "08-metric-learning", "12b-language"])
def test_folded_settings_count(name, tmp_path):
    """Sizes and epochs are chosen in a folded cell, on which the others depend."""
    notebook = ROOT / "notebooks" / f"{name}.ipynb"
    text = notebook.read_text()
    changed = tmp_path / notebook.name
    changed.write_text(text.replace("study=", "study=3 + ", 1))
    assert changed.read_text() != text
    assert provenance.code_hash(changed) != provenance.code_hash(notebook)


def test_no_folded_cell_records_evidence():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in cells_of(json.loads(path.read_text())["cells"], True):
            assert "claims.record(" not in "".join(cell["source"]), path.name


def test_library_files_count_unless_they_only_present(monkeypatch, tmp_path):
    own = {p.relative_to(ROOT).as_posix() for p in graph.closure(NOTEBOOK)}
    assert "src/cvbook/labels/votes.py" in own - provenance.PRESENT
    assert {p for p in provenance.PRESENT if not (ROOT / p).is_file()} == set()
    before = provenance.code_hash(NOTEBOOK)
    monkeypatch.setattr(provenance, "PRESENT", own)
    assert provenance.code_hash(NOTEBOOK) != before


def test_data_count_by_content_and_what_is_only_shown_does_not(monkeypatch):
    file = ROOT / "data" / "fonts" / "fonts.json"
    shown = ROOT / "benchmarks" / "timing" / "roads.json"
    kept = {name: ROOT.joinpath(name).read_bytes() for name in (file, shown)}
    found = {}
    for name in (file, shown):
        monkeypatch.setattr(graph, "inputs", lambda notebook, name=name: {"data": [str(name)]})
        before = provenance.data_hash(NOTEBOOK)
        monkeypatch.setattr(type(file), "read_bytes", lambda self: kept[self] + b" ")
        found[name.name] = provenance.data_hash(NOTEBOOK) == before
        monkeypatch.undo()
    assert found == {"fonts.json": False, "roads.json": True}


def test_stale_says_what_and_since_when():
    now = {"code": "a", "data": "b"}
    same = now | {"date": "2026-01-02"}
    assert claims.changes([same, same], now) == []
    assert claims.changes([same, same | {"code": "x"}], now) == [
        "its code has changed since 2026-01-02"
    ]
    assert claims.changes([{"date": "2026-01-02", "code": "a"}], now) == [
        "its data were not recorded"
    ]
    assert claims.changes([{}], {}) == []
    assert claims.changes([{}], now) == ["its code and data were not recorded"]
    assert claims.changes([{"code": "x", "date": "d"}], now) == [
        "its code has changed since d",
        "its data were not recorded",
    ]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Evidence of two seeds, and a chapter whose run gives what a test wants."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    rows = [
        {"arm": arm, "value": value + seed, "seed": seed, "profile": "study", "code": "old"}
        for arm, value in (("mean", 3.0), ("median", 4.0))
        for seed in (0, 1)
    ]
    rows.append({"arm": "mean", "value": 9.0, "seed": 0, "profile": "full", "code": "old"})
    (folder / "C23.json").write_text(json.dumps(rows))
    monkeypatch.setattr(affirmation, "DATA", tmp_path)
    monkeypatch.setattr(affirmation, "commit", lambda: "abc1234")
    monkeypatch.setattr(
        affirmation, "evidence", lambda key: json.loads((folder / f"{key}.json").read_text())
    )

    def run(*values: float):
        (tmp_path / "evidence.jsonl").write_text(
            "\n".join(
                json.dumps({"claim": "C23", "arm": arm, "value": value} | provenance.now(PAGE))
                for arm, value in zip(("mean", "median"), values, strict=True)
            )
        )
        monkeypatch.setattr(affirmation.chapters, "run", lambda *given: tmp_path / "x.ipynb")
        return folder / "C23.json"

    return run


def test_the_same_values_renew_the_hashes_and_say_so(study):
    file = study(3.0, 4.0 + 1e-9)
    assert affirmation.affirm(["C23"]).startswith("C23: seed 0 came out the same")
    *rows, full = json.loads(file.read_text())
    assert full["profile"] == "full" and full["code"] == "old" and "affirmed" not in full
    assert [row["value"] for row in rows] == [3.0, 4.0, 4.0, 5.0]
    for row in rows:
        assert row["code"] == provenance.now(PAGE)["code"] and row["data"]
        assert row["affirmed"]["seed"] == 0 and row["affirmed"]["commit"] == "abc1234"


def test_other_values_renew_nothing(study):
    file = study(3.0, 4.1)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"C23, median: value 4.0 was recorded, 4.1 came out"):
        affirmation.affirm(["C23"])
    assert file.read_bytes() == before


def test_other_details_renew_nothing_either(study, monkeypatch):
    file = study(3.0, 4.0)
    rows = json.loads(file.read_text())
    file.write_text(json.dumps([row | {"compactness": 0.3, "curve": [1, 2]} for row in rows]))
    with pytest.raises(ValueError, match="C23, mean: compactness 0.3 was recorded, None came out"):
        affirmation.affirm(["C23"])


def test_code_that_changes_while_the_chapter_runs_is_not_affirmed(study, monkeypatch):
    file = study(3.0, 4.0)
    before = file.read_bytes()
    now = provenance.now(PAGE)

    class Changed:
        cache_clear = staticmethod(lambda: None)

        def __call__(self, page):
            return now | {"code": "new"}

    monkeypatch.setattr(affirmation.provenance, "now", Changed())
    with pytest.raises(ValueError, match="while the chapter ran"):
        affirmation.affirm(["C23"])
    assert file.read_bytes() == before


def test_what_cannot_be_affirmed_is_said(study, monkeypatch):
    study(3.0, 4.0)
    with pytest.raises(ValueError, match="seed 7"):
        affirmation.affirm(["C23"], 7)
    with pytest.raises(ValueError, match="one chapter"):
        affirmation.affirm(["C23", "C5"])
    with pytest.raises(KeyError, match="no claim"):
        affirmation.affirm(["C99"])
    monkeypatch.setattr(affirmation, "commit", lambda: "abc1234-dirty")
    with pytest.raises(ValueError, match="not committed"):
        affirmation.affirm(["C23"])
