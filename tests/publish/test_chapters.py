"""Running chapters, and rules that every committed notebook keeps."""

import base64
import io
import json
import re

import cv2
import nbformat
import numpy as np
import pytest
from PIL import Image

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
        "import os, sys\nprint(seed, os.environ['OMP_NUM_THREADS'])\n"
        "print('progress', file=sys.stderr)",
    )
    first = chapters.run(notebook, {"seed": 3}, tmp_path / "a").read_text()
    second = chapters.run(notebook, {"seed": 3}, tmp_path / "b").read_text()
    assert first == second and "3 1" in first
    assert '"name": "stderr"' not in first and "papermill" not in first
    injected = nbformat.reads(first, as_version=4).cells[1]
    assert injected.source.rstrip().endswith("seed = 3")
    assert "remove-cell" in injected.metadata["tags"]
    with pytest.raises(ValueError, match="only a default run"):
        chapters.commit_outputs(tmp_path / "a" / "nb.ipynb")
    assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob("running-*"))


def test_a_failing_cell_is_shown_with_its_traceback(tmp_path):
    notebook = make(tmp_path / "nb.ipynb", PARAMETERS, "def f():\n    return 1 / 0\n\nf()")
    said = r"failed in cell 2[\s\S]*return 1 / 0[\s\S]*ZeroDivisionError"
    with pytest.raises(RuntimeError, match=said) as error:
        chapters.run(notebook, {}, tmp_path / "out")
    assert "\x1b" not in str(error.value)
    left = {p.name for p in (tmp_path / "out").iterdir()}
    assert "failed-nb.ipynb" in left and "nb.ipynb" not in left


def test_a_kernel_that_dies_is_one_sentence(tmp_path):
    notebook = make(tmp_path / "nb.ipynb", PARAMETERS, "import os\nos._exit(1)")
    with pytest.raises(RuntimeError, match="nb: its kernel died, most often for want of memory"):
        chapters.run(notebook, {}, tmp_path / "out")
    assert not (tmp_path / "out" / "nb.ipynb").exists()


def test_files_that_prose_names_are_there(committed):
    """Names in backticks that look like a path of the project."""
    _, notebook = committed
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    folders = "benchmarks|book|container|data|notebooks|src|tests|tools"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name


def figure(kind: str) -> nbformat.NotebookNode:
    """A notebook with one large figure: a few curves, or a picture full of noise."""
    rng, out = np.random.default_rng(0), io.BytesIO()
    pixels = np.full((600, 900, 3), 255, np.uint8)
    if kind == "curves":
        for k, colour in enumerate(((0, 114, 178), (213, 94, 0))):
            y = (300 + 200 * np.sin(np.arange(900) / 60 + k)).astype(int)
            pixels[y, np.arange(900)] = colour
        pixels = cv2.GaussianBlur(pixels, (0, 0), 1.0)  # as letters and lines are smoothed
        pixels[::7, ::11] = 250
    else:
        pixels = cv2.GaussianBlur(rng.integers(0, 255, (600, 900, 3), np.uint8), (0, 0), 2.0)
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    data = {"image/png": base64.b64encode(out.getvalue()).decode()}
    cell = nbformat.v4.new_code_cell("plt.show()", id="figure")
    cell.outputs = [nbformat.v4.new_output("display_data", data)]
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize("kind, stored", [("curves", "image/png"), ("photo", "image/jpeg")])
def test_figures_are_stored_small_and_look_the_same(kind, stored):
    notebook = figure(kind)
    before = notebook.cells[0].outputs[0].data["image/png"]
    chapters.tidy(notebook)
    data = notebook.cells[0].outputs[0].data
    assert list(data) == [stored] and len(data[stored]) < 0.6 * len(before)
    images = (Image.open(io.BytesIO(base64.b64decode(d))) for d in (before, data[stored]))
    one, other = (np.asarray(image.convert("RGB"), float) for image in images)
    assert np.abs(one - other).mean() < (0.5 if kind == "curves" else 4)


@pytest.fixture(params=chapters.chapters(), ids=lambda p: p.stem)
def committed(request):
    return request.param, nbformat.read(request.param, as_version=4)


def test_committed_notebooks_were_run_by_their_defaults(committed):
    path, notebook = committed
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    # nbval checks nothing in a cell without execution_count: a stripped notebook would pass.
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
                alt = cell.metadata["mystnb"]["image"]["alt"]
                assert len(alt) > 20, f"no alt text: {cell.source[:80]}"
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for heading in ("Your own data", "Exercises", "What to take along"):
        assert f"## {heading}" in text, heading
    assert text.count("```{exercise}") == text.count("```{solution}") >= 2
    private = re.findall(r".{40}/(?:home|root|tmp|work)/\w.{40}", json.dumps(notebook))
    assert not private, private[:2]


def test_what_is_no_method_is_folded(committed):
    """Imports, parameters and cells that only draw; what draws is at most as wide as the page."""
    _, notebook = committed
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        tags, lines = cell.metadata.get("tags", []), cell.source.splitlines()
        folded = {"hide-input", "hide-cell"} & set(tags)
        imports = [x for x in lines if x.startswith(("import ", "from "))]
        drawing = [x for x in lines if re.match(r"\s*(axes?|ax\w*|fig|plt|left|right)\b", x)]
        if "parameters" in tags or len(imports) > 3 or len(drawing) > 0.7 * max(len(lines), 6):
            assert folded, cell.source[:80]
        for width in re.findall(r"figsize=\(([\d.]+)", cell.source):
            assert float(width) <= 7.01, cell.source[:80]
        for size in re.findall(r"fontsize=([\d.]+)", cell.source):
            assert float(size) >= 8, cell.source[:80]


def test_claim_boxes_say_what_the_claims_say(committed):
    path, notebook = committed
    text = " ".join("\n".join(c.source for c in notebook.cells).split())
    for c in all_claims().values():
        if f"Claim {c.id}\n" in "\n".join(x.source for x in notebook.cells):
            assert " ".join(c.statement.split()) in text, c.id
        if c.page == path.stem:  # where the scoreboard's link leads
            assert f":name: claim-{c.id.lower()} " in text, c.id


def test_readme_and_toc_name_every_chapter():
    readme, toc = (ROOT / "README.md").read_text(), (ROOT / "_toc.yml").read_text()
    for path in chapters.chapters():
        assert f"notebooks/{path.stem}" in toc
        assert f"| {path.stem.split('-')[0]} |" in readme


def test_cells_do_not_end_in_a_plot_object(committed):
    """A semicolon hides one from a person, but not from nbval: end with plt.show()."""
    _, notebook = committed
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.source.rstrip().endswith(";"), cell.source[-80:]
            assert not any(
                "matplotlib" in o.get("data", {}).get("text/plain", "") for o in cell.outputs
            ), cell.source[-80:]
