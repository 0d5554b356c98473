"""What a chapter depends on: the library files it loads, and the data and benchmark files it reads.

Both are read off the code's syntax trees, so the run graph knows them before anything runs. Where
the code does not say which file of a folder it opens, the whole folder counts.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from cvbook.paths import DATA, ROOT

LIBRARY = ROOT / "src"
MODULE = re.compile(r"cvbook(\.\w+)+")
# Functions that open a file named by their first argument: what the name stands for.
READERS = {
    "cvbook.data.rendered.load": "data/rendered/{}.parquet",
    "cvbook.paths.stored_benchmark": "benchmarks/{}.json",
}
# These open whatever they are asked for; what that is stands where they are called.
GENERAL = {LIBRARY / "cvbook" / name for name in ("paths.py", "data/rendered.py")}


@lru_cache(maxsize=512)
def _tree(file: Path, _changed: float) -> ast.Module:
    return ast.parse(source(file))


def tree(file: Path) -> ast.Module:
    """The syntax tree of a Python file or of a notebook's code."""
    return _tree(file, file.stat().st_mtime)


def source(file: Path) -> str:
    """The code of a Python file, or that of all cells of a notebook."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def _file_of(module: str) -> Path | None:
    path = LIBRARY.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def imports(file: Path) -> set[Path]:
    """Library files that a file imports or starts by name, inside of functions too."""
    found: set[Path] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from cvbook.worlds import sets` may name a module or something inside of one.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and MODULE.fullmatch(str(node.value)):
            names = [
                str(node.value)
            ]  # a program of its own: python -m cvbook.worlds.blender.worker
        else:
            continue
        found |= {p for name in names if name.split(".")[0] == "cvbook" and (p := _file_of(name))}
    return found


def closure(file: Path) -> set[Path]:
    """Library files that a file needs: those that it imports, and those that they import."""
    found: set[Path] = set()
    todo = imports(file)
    while todo:
        found |= todo
        todo = {p for one in todo for p in imports(one)} - found
    return found


def _constants(arguments: list[ast.expr]) -> list[str]:
    """The leading arguments that are plain strings."""
    found = []
    for argument in arguments:
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
            break
        found.append(argument.value)
    return found


def _names(file: Path) -> dict[str, str]:
    """What the names that a file imports stand for, such as load → cvbook.data.rendered.load."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _joined(node: ast.expr, file: Path) -> Path | None:
    """`ROOT / "data" / "scans"`, or such a path from the file's own folder; None for other code."""
    if isinstance(node, ast.Name):
        return {"ROOT": ROOT, "DATA": DATA}.get(node.id)
    if ast.unparse(node) == "Path(__file__).parent":
        return file.parent
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = _joined(node.left, file), _constants([node.right])
        return left / right[0] if left and right else None
    return None


def reads(file: Path) -> Iterator[Path]:
    """Files and folders of the project that a file names as data: nothing is opened."""
    known, within = _names(file), set()
    for node in ast.walk(tree(file)):  # from the outside in
        if isinstance(node, ast.BinOp) and (path := _joined(node, file)):
            if id(node) not in within:
                yield path
            within.add(id(node.left))
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        meant, given = known.get(name, name), _constants(node.args)
        if meant in READERS:
            pattern = READERS[meant]
            yield ROOT / (pattern.format(given[0]) if given else str(Path(pattern).parent))
        elif meant == "cvbook.paths.data_path":
            yield DATA.joinpath(*given)


def evidence(notebook: Path) -> list[str]:
    """Recorded evidence of the claims that a chapter names: its verdicts are printed from them."""
    named = set(re.findall(r"""["'](C\d+)["']""", source(notebook)))
    files = [DATA / "evidence" / f"{key}.json" for key in named]
    return sorted(str(p) for p in files if p.is_file())


def inputs(notebook: Path) -> dict[str, list[str]]:
    """All that a chapter's result depends on: `library` and `data` files, as paths.

    Recorded evidence is apart (`evidence`): a study must not start anew for what it recorded. The
    command line is not among them.
    """
    library = closure(notebook) | {LIBRARY / "cvbook" / "__init__.py"}
    found: set[Path] = set()
    for file in (notebook, *library - GENERAL):
        for path in reads(file):
            found |= {p for p in path.rglob("*") if p.is_file()} if path.is_dir() else {path}
    data = {
        p
        for p in found
        if p.is_file()
        and "evidence" not in p.relative_to(ROOT).parts
        and p.suffix not in {".tmp", ".pyc", ".py", ".md"}
    }
    return {
        "library": sorted(str(p) for p in library if p.stat().st_size),
        "data": sorted(str(p) for p in data),
    }
