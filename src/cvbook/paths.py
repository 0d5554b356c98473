"""Where the book's files are.

The package is installed in editable mode from a checkout, because the book is its notebooks and data as much as its
code; `CVBOOK_ROOT` points to a checkout when the package lives elsewhere.
"""

import os
from pathlib import Path

ROOT = Path(os.environ.get("CVBOOK_ROOT", Path(__file__).resolve().parents[2]))
DATA = ROOT / "data"
RUNS = ROOT / "runs"


def data_path(*parts: str) -> Path:
    """Path of a shipped file or folder under `data/`; raises FileNotFoundError with what to do if it is missing."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing. Run from a full checkout of the book, or set CVBOOK_ROOT to one; `cvbook data verify` lists what else is missing."
        )
    return path
