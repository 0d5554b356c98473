"""What a row of evidence came from: hashes of the code and of the data behind it.

Code is hashed by its syntax tree without docstrings, so that a tidy-up of words costs nothing. Of
a notebook those folded cells are left out on which no other cell depends, which draw, and of the
library what only draws and prints.
"""

import ast
import hashlib
import json
from functools import lru_cache
from pathlib import Path

from cvbook.paths import DATA, ROOT
from cvbook.publish import graph

# These change no value: they draw, print, or pass verdicts on what was recorded.
PRESENT = {
    f"src/cvbook/{name}.py"
    for name in (
        "book/claims",
        "book/film",
        "book/findings",
        "book/registry",
        "book/rule",
        "book/style",
        "book/verdicts",
        "machine",
        "metrics/statistics",
    )
}
REGISTERED = {DATA / name for name in ("claims.yaml", "claims.schema.json", "manifest.yaml")}


def without_docstrings(tree: ast.Module) -> str:
    """A syntax tree as text: neither comments and layout nor docstrings are in it."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body or isinstance(node, ast.Lambda):
            continue
        first = body[0].value if isinstance(body[0], ast.Expr) else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _names(code: str, kind: type[ast.expr_context]) -> set[str]:
    """Names that code loads or stores, those of functions, classes and imports among the latter."""
    tree = ast.parse(code)
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}
    if kind is ast.Store:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


def open_code(notebook: Path) -> str:
    """The code of a notebook's cells, but for folded ones on which no other depends: they draw.

    A folded cell counts if another that counts loads a name that it stores, or if it draws random
    numbers from a generator that others draw from, too.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [
        ("".join(c["source"]), "hide-input" in c["metadata"].get("tags", []))
        for c in cells
        if c["cell_type"] == "code"
    ]
    counts = [not folded for _, folded in code]
    loads, stores = ([_names(text, kind) for text, _ in code] for kind in (ast.Load, ast.Store))
    counts = [c or "rng" in names for c, names in zip(counts, loads, strict=True)]
    # A name that a cell stores itself, such as that of a loop, it need not have from elsewhere.
    loads = [needed - own for needed, own in zip(loads, stores, strict=True)]
    while True:
        wanted = set().union(*(names for c, names in zip(counts, loads, strict=True) if c))
        more = [c or bool(names & wanted) for c, names in zip(counts, stores, strict=True)]
        if more == counts:
            return "\n".join(text for (text, _), c in zip(code, counts, strict=True) if c)
        counts = more


def code_hash(notebook: Path) -> str:
    """Of a notebook's open code and of the library files that it imports: 16 hexadecimal digits."""
    digest = hashlib.sha256(without_docstrings(ast.parse(open_code(notebook))).encode())
    for file in sorted(graph.closure(notebook)):
        name = file.relative_to(ROOT).as_posix()
        if name not in PRESENT:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            digest.update(f"\n{name}\n{without_docstrings(tree)}".encode())
    return digest.hexdigest()[:16]


def data_hash(notebook: Path) -> str:
    """Of the data files that a notebook reads, by name and content: 16 hexadecimal digits.

    Benchmarks that a chapter only shows are not among them; tuned settings are.
    """
    digest = hashlib.sha256()
    for file in map(Path, graph.inputs(notebook)["data"]):
        name = file.relative_to(ROOT).as_posix()
        counts = name.startswith(("data/", "benchmarks/tuning/")) and "/licences/" not in name
        if counts and file not in REGISTERED:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()[:16]


@lru_cache
def now(page: str) -> dict[str, str]:
    """The two hashes of a chapter as it is, `code` and `data`; none if there is no such chapter."""
    notebook = ROOT / "notebooks" / f"{page}.ipynb"
    if not notebook.is_file():
        return {}
    return {"code": code_hash(notebook), "data": data_hash(notebook)}
