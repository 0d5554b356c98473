"""What a chapter depends on, against what a kernel really loads and opens."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from cvbook.paths import ROOT
from cvbook.publish import chapters, graph

SRC = ROOT / "src" / "cvbook"
# In one process the packages are loaded once, and the library anew for each chapter.
LOADER = """
import json, sys
import matplotlib; matplotlib.use("Agg")

for name, code in json.load(sys.stdin).items():
    exec(compile(code, name, "exec"), {"__name__": "chapter"})
    ours = [n for n in sys.modules if n.startswith("cvbook.")]
    files = [sys.modules.pop(n).__file__ for n in ours]
    print(json.dumps([name, [file for file in files if file]]), flush=True)
"""
# A chapter run as a plain program that notes which of the project's files it opens.
READER = """
import json, sys
from pathlib import Path

root, opened = Path(sys.argv[1]), set()

def note(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)) and "w" not in str(args[1] or "r"):
        path = Path(args[0].decode() if isinstance(args[0], bytes) else args[0])
        if path.is_absolute() and path.is_relative_to(root):
            opened.add(str(path))

sys.addaudithook(note)
import matplotlib; matplotlib.use("Agg")
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in json.load(sys.stdin):
    shell.run_cell(cell, silent=True).raise_error()
print("\\n" + json.dumps(sorted(opened)))
"""


def code_of(notebook: Path) -> list[str]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [c.source for c in cells if c.cell_type == "code"]


def top_level(file: Path) -> set[Path]:
    """Library files that a file imports when it is loaded, not later inside of a function."""
    tree = graph.tree(file)
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    kept = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and id(n) not in late]
    found = set()
    for node in kept:
        for name in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
            path = (ROOT / "src").joinpath(*name.split(".")).with_suffix(".py")
            found |= {path} if path.is_file() else set()
    return found


def at_once(file: Path) -> set[Path]:
    found, todo = set(), top_level(file)
    while todo:
        found |= todo
        todo = {p for one in todo for p in top_level(one)} - found
    return found


@pytest.mark.slow
def test_the_closure_is_what_kernels_load():
    notebooks = {p.stem: p for p in chapters.chapters()}
    code = {
        name: "\n".join(
            ast.unparse(node)
            for node in ast.walk(graph.tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom)
        )
        for name, path in notebooks.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADER], input=json.dumps(code), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert loaded.keys() == notebooks.keys()
    for name, path in notebooks.items():
        files = {Path(f) for f in loaded[name] if Path(f).stat().st_size}
        # All that a kernel loads is known beforehand, and nothing is listed that it could not load.
        assert files <= graph.closure(path), (name, files - graph.closure(path))
        assert at_once(path) <= files, (name, at_once(path) - files)


@pytest.mark.slow
def test_the_files_that_a_chapter_opens_are_its_inputs():
    notebook = chapters.find("09a")
    done = subprocess.run(
        [sys.executable, "-c", READER, str(ROOT)],
        input=json.dumps(code_of(notebook)),
        cwd=ROOT / "notebooks",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    opened = {Path(p) for p in json.loads(done.stdout.splitlines()[-1])}
    data = {
        str(p)
        for p in opened
        if p.relative_to(ROOT).parts[0] in ("data", "benchmarks", "container")
        and "evidence" not in p.parts
    }
    inputs = graph.inputs(notebook)
    assert data and data <= set(inputs["data"]), data - set(inputs["data"])
    library = {
        str(p) for p in opened if p.is_relative_to(SRC) and p.suffix == ".py" and p.stat().st_size
    }
    assert library <= set(inputs["library"])


def test_a_change_reaches_those_who_load_it_and_nobody_else():
    read = {p.stem: graph.inputs(p) for p in chapters.chapters()}

    def affected(*parts: str) -> set[str]:
        """Chapters that would run again if a file changed."""
        file = str(ROOT.joinpath(*parts))
        return {name for name, given in read.items() if file in given["library"] + given["data"]}

    for room in ("cli", "publish", "worlds/blender"):
        for file in (SRC / room).glob("*.py"):
            reached = affected(str(file))
            assert reached <= ({"03-rendered-worlds"} if "worlds" in room else set()), file.name
    assert affected("src/cvbook/worlds/blender/worker.py") == {"03-rendered-worlds"}
    people = {file.stem: affected(str(file)) for file in (SRC / "worlds/people").glob("[a-z]*.py")}
    assert people["wear"] == {"01-task-definition", "03-rendered-worlds"}
    assert set().union(*people.values()) == people["wear"]
    assert affected("src", "cvbook", "paths.py") == read.keys()
    assert affected("data", "fashion", "fashion.npz.xz") == {"05-cleaning", "16-fp16"}
    assert affected("benchmarks", "timing", "search.json") == {"09a-search"}
    assert not affected("data", "evidence", "C7.json")  # which a study writes
    recorded = str(ROOT / "data" / "evidence" / "C7.json")
    printing = {p.stem for p in chapters.chapters() if recorded in graph.evidence(p)}
    assert "08-metric-learning" in printing and "04-crowd-labels" not in printing


@pytest.mark.parametrize(
    "code, files",
    [
        ('from cvbook.paths import data_path\ndata_path("claims.yaml")', ["data/claims.yaml"]),
        ('from cvbook.paths import data_path as d\nd("fonts", name)', ["data/fonts"]),
        ('from cvbook.data.rendered import load\nload("crops")', ["data/rendered/crops.parquet"]),
        ("from cvbook.data.rendered import load\nload(name)", ["data/rendered"]),
        (
            'from cvbook.paths import stored_benchmark\nstored_benchmark("timing/roads")',
            ["benchmarks/timing/roads.json"],
        ),
        ('ROOT / "data" / "scans" / "page.png"', ["data/scans/page.png"]),
        ('DATA / "words" / f"{language}.gz"', ["data/words"]),
        ('Path(__file__).parent / "cpp"', ["cpp"]),
        ("np.load(file)\nfolder / 'data'", []),
    ],
)
def test_files_are_read_off_the_code(tmp_path, code, files):
    file = tmp_path / "module.py"
    file.write_text(code)
    base = tmp_path if "cpp" in files else ROOT
    assert list(graph.reads(file)) == [base / name for name in files]


def test_imports_of_modules_and_of_names_inside_of_them(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "import json\nfrom cvbook.worlds import sets\n"
        "def f():\n    from cvbook.images import load_image\n    import cvbook.paths\n"
    )
    found = {p.relative_to(SRC).as_posix() for p in graph.imports(file)}
    assert {"worlds/sets.py", "images.py", "paths.py"} <= found
    assert "json.py" not in found and SRC / "worlds/blender/worker.py" not in graph.imports(file)
