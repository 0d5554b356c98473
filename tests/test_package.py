"""The package by itself: installed from a wheel, without the checkout it came from."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from cvbook.paths import ROOT, data_path


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder laid out like an environment into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = folder / "source"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", source], check=True
    )
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, capture_output=True)
    prefix = folder / "prefix"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(prefix)
    data = next(prefix.glob("*.data/data"))
    (data / "share").rename(prefix / "share")
    return prefix


def python(prefix: Path, code: str) -> subprocess.CompletedProcess:
    """Run code with the installed package, in a folder that holds nothing else."""
    place = prefix / "elsewhere"
    place.mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("CVBOOK_ROOT", "PYTHONPATH")}
    # The packages stay those of this environment; only what is installed under it moves.
    start = f"import sys; sys.path.insert(0, {str(prefix)!r}); sys.prefix = {str(prefix)!r}\n"
    return subprocess.run(
        [sys.executable, "-c", start + code],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_an_installed_package_reads_a_picture(installed):
    picture = data_path("scans", "page.png")
    code = f"from cvbook.cli.main import app; app(['read', {str(picture)!r}])"
    done = python(installed, code)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "segmentation" in done.stdout.lower()


@pytest.mark.slow
def test_a_command_of_the_book_names_what_it_lacks(installed):
    without = "sys.modules['matplotlib'] = None\nfrom cvbook.cli.main import main\n"
    done = python(installed, without + "sys.argv = ['cvbook', 'claims']; main()")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("The Python package matplotlib is missing")


@pytest.mark.slow
def test_what_stays_behind_is_named_in_one_sentence(installed):
    done = python(installed, "import cvbook.data.rendered as r; r.load('crops')")
    assert "FileNotFoundError" in done.stderr and "Run from a full checkout" in done.stderr
    where = "import cvbook, cvbook.paths as p; print(cvbook.__file__, p.DATA, p.RUNS)"
    module, data, runs = python(installed, where).stdout.split()
    assert module.startswith(str(installed)) and data.startswith(str(installed / "share"))
    assert runs == str(installed / "elsewhere" / "runs")


def test_only_blender_is_tied_to_one_version_of_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    tied = [d for d in project["dependencies"] if "python_version" in d]
    extras = project["optional-dependencies"]
    assert not tied and extras.keys() == {"book", "worlds", "test"}
    assert [d for d in extras["worlds"] if "python_version" in d] == [
        "bpy; python_version < '3.12'"
    ]
