"""Where the book's files are.

The package is installed in editable mode from a checkout, because the book is its notebooks and
data as much as its code. `CVBOOK_ROOT` points to a checkout when the package lives elsewhere.
"""

import json
import os
from pathlib import Path

ROOT = Path(os.environ.get("CVBOOK_ROOT", Path(__file__).resolve().parents[2]))
DATA = ROOT / "data"
RUNS = ROOT / "runs"


def data_path(*parts: str) -> Path:
    """Path of a shipped file or folder under `data/`.

    Raises:
        FileNotFoundError: it is missing; the message says what to do.
    """
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing. Run from a full checkout of the book, or set CVBOOK_ROOT to one;"
            " `cvbook data verify` lists what else is missing."
        )
    return path


def stored_benchmark(name: str) -> dict:
    """What a benchmark has measured, by its name under `benchmarks/`, such as "timing/search".

    Raises:
        FileNotFoundError: it has not been run here; the message holds the command.
    """
    path = ROOT / "benchmarks" / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `python benchmarks/{name}.py` first.")
    return json.loads(path.read_text())
