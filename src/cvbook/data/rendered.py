"""The rendered sets that ship with the book, as tables.

`worlds` makes them, and is not needed to read them.
"""

from typing import TYPE_CHECKING

from cvbook.paths import data_path

if TYPE_CHECKING:
    from datasets import Dataset


def load(name: str) -> "Dataset":
    """A shipped set, from `data/rendered`; raises FileNotFoundError if it is missing."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()  # the first reading on a machine would leave one in a notebook
    return Dataset.from_parquet(str(data_path("rendered", f"{name}.parquet")), keep_in_memory=True)
