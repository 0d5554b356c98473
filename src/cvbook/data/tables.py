"""Tables of annotations, read as a stranger's: what is wrong is said with file and line."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

LARGEST = 1 << 20  # pixels; no picture is larger, and no box


def rows(file: Path, delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Where a row is, such as "test.csv, line 3", and its cells without spaces around them.

    Empty lines are left out.

    Raises:
        ValueError: the file cannot be opened, or is no table in UTF-8.
    """
    line = 0
    try:
        with open(file, newline="", encoding="utf-8-sig") as text:
            table = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            for row in table:
                line = table.line_num
                if row:
                    yield f"{file}, line {line}", [cell.strip() for cell in row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is no table in UTF-8 after line {line}: {error}.") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be opened ({error.strerror}).") from None


def records(file: Path, wanted: set[str], delimiter: str = ",") -> Iterator[tuple[str, dict]]:
    """The same for a table whose first row names its columns: cells by name.

    Raises:
        ValueError: a column is missing, or a row has too few or too many cells.
    """
    table = rows(file, delimiter)
    _, head = next(table, ("", []))
    if wanted - set(head):
        raise ValueError(f"{file} lacks the columns {', '.join(sorted(wanted - set(head)))}.")
    if len(set(head)) != len(head):
        raise ValueError(f"{file} has two columns of one name.")
    for where, cells in table:
        if len(cells) != len(head):
            raise ValueError(f"{where} has {len(cells)} cells; the first row has {len(head)}.")
        yield where, dict(zip(head, cells, strict=True))


def box(where: str, cells: list[str]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels.

    Args:
        where: named if something is wrong.
        cells: four texts.

    Raises:
        ValueError: they are not four finite numbers below a million, or the box has no area.
    """
    try:
        x0, y0, x1, y1 = map(float, cells)
        sound = all(abs(v) <= LARGEST for v in (x0, y0, x1, y1)) and x0 < x1 and y0 < y1
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"{where}: {', '.join(cells)[:80]!r} is no box: left, top, right, bottom.")
    return x0, y0, x1, y1


def years(where: str, text: str) -> float:
    """An age; raises ValueError if it is not from 0 to 150."""
    try:
        age = float(text)
    except ValueError:
        age = math.nan
    if not 0 <= age <= 150:
        raise ValueError(f"{where}: {text[:40]!r} is no age in years.")
    return age
