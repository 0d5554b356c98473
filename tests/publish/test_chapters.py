"""Running chapters, and rules that every committed notebook keeps."""

import json
import re

import nbformat
import pytest

from cvbook.book import profiles
from cvbook.book.claims import all_claims
from cvbook.paths import ROOT
from cvbook.publish import chapters


def make(path, *sources, tags=("parameters",)):
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
    )
    for i, source in enumerate(sources):
        cell = nbformat.v4.new_code_cell(source, id=f"c{i}")
        if i == 0:
            cell.metadata["tags"] = list(tags)
        notebook.cells.append(cell)
    nbformat.write(notebook, path)
    return path


PARAMETERS = 'profile = "ci"\nseed = 0\ndata_dir = ""'


def test_find():
    assert (
        chapters.find("2").stem
        == chapters.find("02").stem
        == chapters.find("02-synthetic-text").stem
    )
    with pytest.raises(FileNotFoundError, match="The chapters are: 01"):
        chapters.find("77")


def test_unknown_parameter_and_profile_are_errors(tmp_path):
    notebook = make(tmp_path / "nb.ipynb", PARAMETERS)
    with pytest.raises(ValueError, match="no parameter sed. It has: profile, seed, data_dir"):
        chapters.check_parameters(notebook, {"sed": 1})
    with pytest.raises(ValueError, match="no profile 'huge'"):
        chapters.check_parameters(notebook, {"profile": "huge"})
    with pytest.raises(ValueError, match="exactly one cell tagged"):
        chapters.parameters(make(tmp_path / "none.ipynb", "x = 1", tags=()))


def test_a_run_is_tidy_repeatable_and_takes_parameters(tmp_path):
    notebook = make(
        tmp_path / "nb.ipynb",
        PARAMETERS,
        "import os, sys\nprint(seed, os.environ['OMP_NUM_THREADS'])\nprint('progress', file=sys.stderr)",
    )
    first = chapters.run(notebook, {"seed": 3}, tmp_path / "a").read_text()
    second = chapters.run(notebook, {"seed": 3}, tmp_path / "b").read_text()
    assert (
        first == second
        and "3 1" in first
        and '"name": "stderr"' not in first
        and "papermill" not in first
    )
    with pytest.raises(ValueError, match="only a default run"):
        chapters.commit_outputs(tmp_path / "a" / "nb.ipynb")
    assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob("running-*"))


def test_a_failing_cell_is_shown_with_its_traceback(tmp_path):
    notebook = make(tmp_path / "nb.ipynb", PARAMETERS, "def f():\n    return 1 / 0\n\nf()")
    with pytest.raises(
        RuntimeError, match=r"failed in cell 2[\s\S]*return 1 / 0[\s\S]*ZeroDivisionError"
    ) as error:
        chapters.run(notebook, {}, tmp_path / "out")
    assert "\x1b" not in str(error.value)
    assert (tmp_path / "out" / "failed-nb.ipynb").exists() and not (
        tmp_path / "out" / "nb.ipynb"
    ).exists()


def test_profiles(monkeypatch):
    assert profiles.pick("study", ci=1, study=2, full=3) == 2
    with pytest.raises(ValueError, match="choose one of ci, study, full"):
        profiles.begin("quick", 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(RuntimeError, match="no CUDA GPU here"):
        profiles.begin("ci", 0, "cuda")


@pytest.fixture(params=chapters.chapters(), ids=lambda p: p.stem)
def committed(request):
    return request.param, nbformat.read(request.param, as_version=4)


def test_committed_notebooks_were_run_by_their_defaults(committed):
    path, notebook = committed
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    # nbval checks nothing in a cell without execution_count: a stripped notebook would pass everything.
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1)), path
    assert not any(o.output_type == "error" for c in code for o in c.outputs)
    assert not any("papermill" in c.metadata or "execution" in c.metadata for c in notebook.cells)
    assert (
        chapters.parameters(path)["profile"] == "ci"
        and {"profile", "seed", "data_dir", "device"} <= chapters.parameters(path).keys()
    )
    assert path.stat().st_size < 1_500_000
    assert chapters.minutes(path) <= 4


def test_committed_notebooks_pass_their_own_checks(committed):
    path, notebook = committed
    last = [c for c in notebook.cells if c.cell_type == "code"][-1]
    assert last.source.startswith("checks = {")
    printed = "".join(o.text for o in last.outputs)
    assert printed.count("pass ") >= 4 and "FAIL" not in printed, printed


def test_committed_notebooks_are_readable(committed):
    path, notebook = committed
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 30, cell.source[:80]
            if any(k.startswith("image/") for o in cell.outputs for k in o.get("data", {})):
                assert len(cell.metadata["mystnb"]["image"]["alt"]) > 20, (
                    f"no alt text: {cell.source[:80]}"
                )
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for heading in ("Your own data", "Exercises", "What to take along"):
        assert f"## {heading}" in text, heading
    assert text.count("```{exercise}") == text.count("```{solution}") >= 2
    everything = json.dumps(notebook)
    assert not re.search(r"/(?:home|root|tmp)/\w|/work/", everything), re.findall(
        r".{40}/(?:home|root|tmp|work)/.{40}", everything
    )[:2]


def test_claim_boxes_say_what_the_claims_say(committed):
    path, notebook = committed
    text = " ".join("\n".join(c.source for c in notebook.cells).split())
    for c in all_claims().values():
        if f"Claim {c.id}\n" in "\n".join(x.source for x in notebook.cells):
            assert " ".join(c.statement.split()) in text, c.id


def test_readme_and_toc_name_every_chapter():
    readme, toc = (ROOT / "README.md").read_text(), (ROOT / "_toc.yml").read_text()
    for path in chapters.chapters():
        assert f"notebooks/{path.stem}" in toc
        assert f"| {path.stem.split('-')[0]} |" in readme


def test_cells_do_not_end_in_a_plot_object(committed):
    """A semicolon hides one when a person runs the cell, but not from nbval: end with plt.show()."""
    _, notebook = committed
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.source.rstrip().endswith(";"), cell.source[-80:]
            assert not any(
                "matplotlib" in o.get("data", {}).get("text/plain", "") for o in cell.outputs
            ), cell.source[-80:]
