"""The project's own papers agree with one another."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from cvbook.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tracked() -> list[Path]:
    """Files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    return [p for f in listed.stdout.split("\0") if f and (p := ROOT / f).is_file()]


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
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *(d for extra in extras for d in extra)]
    assert {name(d) for d in wanted} <= PINS.keys()


def test_environment_installs_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    installed = {"pip": ["-r requirements.txt", "-e ."]}
    assert environment["dependencies"] == ["python=3.11", "pip", installed]


def test_packages_without_dependencies_find_what_they_need():
    for line in (ROOT / "requirements-nodeps.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert "==" in line and name(line) not in PINS


def test_system_packages_are_named_once():
    from cvbook.cli.doctor import PROGRAMS, apt_packages

    assert set(PROGRAMS) <= set(apt_packages())
    assert "apt.txt" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.slow
def test_run_graph_is_complete():
    """A dry run of the whole graph: every chapter, the evidence, the book."""
    snakemake = Path(sys.executable).parent / "snakemake"
    command = [snakemake, "-n", "--cores", "1", "--quiet", "rules", "--", "book", "evidence"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_citation_is_in_the_bibliography():
    keys = set(re.findall(r"@\w+\{([\w-]+),", (ROOT / "book" / "references.bib").read_text()))
    cited = set()
    for path in [*(ROOT / "book").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]:
        for group in re.findall(r"\{cite\}`([^`]+)`", path.read_text()):
            cited |= set(group.split(","))
    assert cited <= keys, cited - keys


def test_tracked_files_are_small():
    """62 MB travel to a machine with a GPU; a part is kept for the chapters to come."""
    sizes = {f: f.stat().st_size for f in tracked()}
    assert sum(sizes.values()) < 62e6, sum(sizes.values())
    assert max(sizes.values()) < 20e6


def test_tracked_files_do_not_name_this_machine():
    """Neither the checkout nor anybody's home folder is named; a run's outputs could do so."""
    somebody = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/[\w.-]+")
    for file in tracked():
        if file.suffix in {
            ".parquet",
            ".npz",
            ".ttf",
            ".safetensors",
            ".jpg",
            ".png",
            ".gz",
            ".xz",
        }:
            continue
        text = file.read_text(encoding="utf-8")
        assert str(ROOT) not in text and not somebody.search(text), file


def test_local_hooks_run_what_make_installs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]  # nothing comes from the network
    for hook in hooks[0]["hooks"]:
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/") and name(Path(program).name) in PINS, program


def test_every_command_in_the_makefile_is_there():
    makefile = (ROOT / "Makefile").read_text()
    for script in re.findall(r"tools/[\w.]+", makefile):
        assert os.access(ROOT / script, os.X_OK), script
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    declared = set(re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split())
    assert targets == declared
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named and named <= targets
