"""Where the book's files are.

The package is mostly used from a checkout, because the book is its notebooks and data as much as
its code; `CVBOOK_ROOT` points to one when the package lives elsewhere. Installed by itself, it has
the data that its commands need, and runs are kept in the folder one works in.
"""

import json
import os
import sys
from pathlib import Path

_CHECKOUT = Path(os.environ.get("CVBOOK_ROOT", Path(__file__).resolve().parents[2]))
ROOT = _CHECKOUT if (_CHECKOUT / "data").is_dir() else Path.cwd()
DATA = ROOT / "data" if ROOT == _CHECKOUT else Path(sys.prefix) / "share" / "cvbook" / "data"
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
