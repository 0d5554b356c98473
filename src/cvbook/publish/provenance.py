"""What a row of evidence came from: hashes of the code and of the data behind it.

Code is hashed by its syntax tree without docstrings, so that a tidy-up of words costs nothing. Of
a notebook the cells with folded code are left out, and of the library what only draws and prints.
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
        "book/registry",
        "book/style",
        "book/verdicts",
        "machine",
    )
}
REGISTERED = {DATA / "claims.yaml", DATA / "manifest.yaml"}


def without_docstrings(tree: ast.Module) -> str:
    """A syntax tree as text: neither comments and layout nor docstrings are in it."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body or isinstance(node, ast.Lambda):
            continue
        first = body[0].value if isinstance(body[0], ast.Expr) else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(tree)


def open_code(notebook: Path) -> str:
    """The code of a notebook's cells, but for those that are folded: they draw."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join(
        "".join(c["source"])
        for c in cells
        if c["cell_type"] == "code" and "hide-input" not in c["metadata"].get("tags", [])
    )


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
    """Of the data files that a notebook reads, by name and content: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in map(Path, graph.inputs(notebook)["data"]):
        if file not in REGISTERED:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(ROOT).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]


@lru_cache
def now(page: str) -> dict[str, str]:
    """The two hashes of a chapter as it is, `code` and `data`; none if there is no such chapter."""
    notebook = ROOT / "notebooks" / f"{page}.ipynb"
    if not notebook.is_file():
        return {}
    return {"code": code_hash(notebook), "data": data_hash(notebook)}
