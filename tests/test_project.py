"""The project's own papers agree with one another."""

import re
import subprocess
import tomllib

import yaml

from cvbook.paths import ROOT


def name(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement.strip())[0].lower().replace("_", "-")


PINS = {
    name(line): line
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


def test_requirements_are_exact_pins_with_torch_first():
    lines = [
        line
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0].startswith("torch==")
    assert all(re.fullmatch(r"[\w.\-]+==[\w.]+", line) for line in lines), [
        x for x in lines if not re.fullmatch(r"[\w.\-]+==[\w.]+", x)
    ]
    assert len(PINS) == len(lines)


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {name(d) for d in project["dependencies"]} <= PINS.keys()


def test_environment_installs_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"] == [
        "python=3.11",
        "pip",
        {"pip": ["-r requirements.txt", "-e ."]},
    ]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "requires-python"
    ].startswith(">=3.11")


def test_packages_without_dependencies_find_what_they_need():
    for line in (ROOT / "requirements-nodeps.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert "==" in line and name(line) not in PINS


def test_system_packages_are_named_once():
    from cvbook.cli.doctor import PROGRAMS, apt_packages

    assert set(PROGRAMS) <= set(apt_packages())
    assert "apt.txt" in (ROOT / ".ci" / "run").read_text()


def test_run_graph_is_complete():
    """A dry run of the whole graph: every chapter, the evidence, the book."""
    import sys
    from pathlib import Path

    snakemake = Path(sys.executable).parent / "snakemake"
    done = subprocess.run(
        [snakemake, "-n", "--cores", "1", "--quiet", "rules", "--", "book", "evidence"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_citation_is_in_the_bibliography():
    keys = set(re.findall(r"@\w+\{([\w-]+),", (ROOT / "book" / "references.bib").read_text()))
    cited = set()
    for path in [*(ROOT / "book").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]:
        for group in re.findall(r"\{cite\}`([^`]+)`", path.read_text()):
            cited |= set(group.split(","))
    assert cited <= keys, cited - keys


def test_tracked_files_are_small_and_free_of_this_machine():
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    sizes = {f: (ROOT / f).stat().st_size for f in files if (ROOT / f).is_file()}
    assert sum(sizes.values()) < 60e6
    assert max(sizes.values()) < 20e6
