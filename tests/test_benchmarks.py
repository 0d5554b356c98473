"""The benchmarks and their index, and what notebooks read of them."""

import json
import re
import subprocess
import sys

import pytest

from cvbook.paths import ROOT

FOLDER = ROOT / "benchmarks"
SCRIPTS = sorted(FOLDER.rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ROW = re.compile(r"^\| `(\w+)\.py` \| (.+) \| (.+) \| (.+) \| (.+) \|$")


def index() -> dict[str, list[str]]:
    """For each script of the index, as "timing/search": chapters and the file it writes."""
    found, folder = {}, ""
    for line in (FOLDER / "README.md").read_text().splitlines():
        if line.startswith("## "):
            folder = line.removeprefix("## ")
        elif row := ROW.match(line):
            name, _, chapters, _, file = row.groups()
            found[f"{folder}/{name}"] = [chapters, file]
    return found


def name_of(path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def read_by() -> dict[str, set[str]]:
    """The benchmarks that notebooks read, and the chapters that do."""
    found = {}
    for notebook in NOTEBOOKS:
        text = notebook.read_text()
        if "stored_benchmark" in text:
            chapter = notebook.name.split("-")[0].lstrip("0")
            for name in re.findall(r'\\"((?:tuning|timing|peers|studies)/\w+)\\"', text):
                found.setdefault(name, set()).add(chapter)
    return found


def test_every_script_is_in_the_index_once():
    lines = (FOLDER / "README.md").read_text().splitlines()
    assert index().keys() == {name_of(script) for script in SCRIPTS}
    assert len(index()) == sum(line.startswith("| `") for line in lines)


def test_every_file_is_written_by_the_script_of_its_name():
    files = {name_of(path) for path in FOLDER.rglob("*.json")}
    told = {name for name, (_, file) in index().items() if file != "–"}
    assert files == told
    assert all(index()[name][1] == f"`{name.split('/')[1]}.json`" for name in told)
    for name in told:
        text = (FOLDER / f"{name}.py").read_text()
        assert "write_text" in text or "write(__file__" in text, name


def test_what_notebooks_read_is_there_and_in_the_index():
    assert read_by()
    for name, chapters in read_by().items():
        assert json.loads((FOLDER / f"{name}.json").read_text())["date"]
        assert set(index()[name][0].split(", ")) == chapters, name
    assert read_by().keys() == {name for name, (_, file) in index().items() if file != "–"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, (_, file) in index().items() if file != "–"])
def test_every_script_starts_from_the_root(name):
    command = [sys.executable, f"benchmarks/{name}.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
