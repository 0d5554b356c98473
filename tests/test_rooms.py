"""The house: which room may import which, drawn from the imports themselves."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from cvbook.paths import ROOT
from cvbook.publish import graph

SRC = ROOT / "src" / "cvbook"
# The package itself only switches other packages' telemetry off.
FILES = sorted(p for p in SRC.rglob("*.py") if p.stat().st_size and p != SRC / "__init__.py")
# From the top floor down. A room imports from lower floors and from itself; rooms on one floor do
# not know each other.
FLOORS = (
    {"cli"},
    {"publish"},
    {"deploy"},
    {"train"},
    {"models"},
    {"losses", "data"},
    {"worlds", "labels", "book", "task"},
    {"text"},
    {"metrics"},
    {"documents", "pdf", "images", "files", "machine", "paths", "confine"},
)
# On the lowest floor, what is used everywhere knows nothing but where files are.
LOWEST = {
    "images": {"files"},
    "documents": {"images", "pdf"},
    "pdf": {"confine", "images"},
    "machine": {"paths"},
}
ROOMS = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def room(file: Path) -> str:
    return file.relative_to(SRC).parts[0].removesuffix(".py")


def arrows() -> list[tuple[Path, Path]]:
    return [(file, other) for file in FILES for other in graph.imports(file) if other != file]


def test_every_room_has_its_floor():
    assert {room(file) for file in FILES} == ROOMS.keys()


def test_no_arrow_points_upward():
    """An arrow points from the file that imports to the file that is imported."""
    wrong = [
        f"{a.relative_to(SRC)} imports {b.relative_to(SRC)}"
        for a, b in arrows()
        if room(a) != room(b)
        and ROOMS[room(a)] >= ROOMS[room(b)]
        and room(b) not in LOWEST.get(room(a), set())
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_between_files():
    edges = {file: {b for a, b in arrows() if a == file} for file in FILES}
    while free := [file for file, wants in edges.items() if not wants & edges.keys()]:
        for file in free:
            del edges[file]
    assert not edges, "in a circle: " + ", ".join(str(f.relative_to(SRC)) for f in edges)


def test_no_room_is_a_quarter_of_the_house():
    """Of all lines of Python but the tests: the library, the benchmarks, what built the data."""
    built = [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "data").rglob("build.py")]
    lines = Counter()
    for file in [*FILES, *built]:
        name = room(file) if file.is_relative_to(SRC) else file.relative_to(ROOT).parts[0] + "/"
        lines[name] += len(file.read_text().splitlines())
    name, most = lines.most_common(1)[0]
    assert most < 0.25 * lines.total(), f"{name} has {most / lines.total():.1%} of the lines"


def test_every_module_is_on_a_page_of_the_library_once():
    pages = "".join(p.read_text() for p in (ROOT / "book" / "api").glob("*.md"))
    named = re.findall(r"automodule:: (\S+)", pages)
    modules = {".".join(f.relative_to(SRC.parent).with_suffix("").parts) for f in FILES}
    commands = {m for m in modules if m.startswith("cvbook.cli.") and not m.endswith("doctor")}
    assert len(named) == len(set(named)) and set(named) == modules - commands


@pytest.mark.parametrize("module", ["bpy", "mathutils"])
def test_only_one_folder_knows_blender(module):
    using = {
        file.parent.name
        for file in FILES
        for node in ast.walk(graph.tree(file))
        if (isinstance(node, ast.Import) and any(a.name == module for a in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == module)
    }
    assert using == {"blender"}


def test_what_reads_shipped_sets_does_not_load_what_renders_them():
    for file in (SRC / "data").glob("*.py"):
        assert not any(room(p) == "worlds" for p in graph.closure(file)), file.name
