"""Loaders for public sets that a reader may have on disk; nothing is downloaded."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cvbook.data import tables
from cvbook.files import inside


@dataclass(frozen=True)
class ShelfPhoto:
    """A photographed shelf.

    Attributes:
        path: its file.
        boxes: (x0, y0, x1, y1) of its products in pixels.
    """

    path: Path
    boxes: tuple[tuple[float, float, float, float], ...]


def _there(path: Path, what: str) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: point to the unpacked folder of {what}.")
    return path


def _picture(where: str, folder: Path, name: str, what: str) -> Path:
    try:
        path = inside(folder, name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{where}: {name[:100]!r} is missing: unpack {what} again.")
    return path


def sku110k(folder: Path | str, split: str = "test") -> Iterator[ShelfPhoto]:
    """SKU-110K (Goldman et al. 2019).

    It is laid out as `images/` and `annotations/annotations_<split>.csv` without a header, a box a
    row.

    Args:
        folder: the unpacked set.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: the folder has another layout.
        ValueError: a row that is not a box, or a picture outside of the folder.
    """
    folder = Path(folder)
    table = _there(folder / "annotations" / f"annotations_{split}.csv", "SKU-110K")
    boxes: dict[str, list[tuple[float, float, float, float]]] = {}
    first: dict[str, str] = {}
    for where, row in tables.rows(table):
        if len(row) < 5:
            raise ValueError(
                f"{where}: expected image, x1, y1, x2, y2, class, width, height; got "
                f"{','.join(row)[:80]!r}."
            )
        boxes.setdefault(row[0], []).append(tables.box(where, row[1:5]))
        first.setdefault(row[0], where)
    for name, found in boxes.items():
        path = _picture(first[name], folder / "images", name, "SKU-110K")
        yield ShelfPhoto(path, tuple(found))


@dataclass(frozen=True)
class GroceryPhoto:
    """A photographed grocery: its file, class ("Golden-Delicious") and coarse class ("Apple")."""

    path: Path
    name: str
    coarse: str


def grocery_store(folder: Path | str, split: str = "test") -> Iterator[GroceryPhoto]:
    """Grocery Store (Klasson et al. 2019), the folder `dataset` of its repository.

    In it are `classes.csv` and `<split>.txt` with "path, id, coarse id".

    Args:
        folder: the unpacked set.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: the folder has another layout.
        ValueError: a row with an unknown class, or a picture outside of the folder.
    """
    folder = Path(folder)
    what, names = "the Grocery Store data set", {}
    for where, row in list(tables.rows(_there(folder / "classes.csv", what)))[1:]:
        if len(row) < 3 or not row[1].isdecimal():
            raise ValueError(f"{where}: expected a class's name, number and coarse class.")
        names[row[1]] = (row[0], row[2])
    for where, row in tables.rows(_there(folder / f"{split}.txt", what)):
        if len(row) != 3 or row[1] not in names:
            raise ValueError(
                f"{where}: expected a path and two known class numbers; got {','.join(row)[:80]!r}."
            )
        yield GroceryPhoto(_picture(where, folder, row[0], what), *names[row[1]])


@dataclass(frozen=True)
class PersonPhoto:
    """A cropped pedestrian: its file, identity (0 for distractors) and camera."""

    path: Path
    identity: int
    camera: int


def market1501(folder: Path | str, split: str = "query") -> Iterator[PersonPhoto]:
    """Market-1501 (Zheng et al. 2015), whose file names tell all.

    `0002_c1s1_000451_03.jpg` is person 2 seen by camera 1. Junk boxes (person −1) are left out, as
    its protocol has it.

    Args:
        folder: the unpacked set.
        split: "train", "query" or "gallery".

    Raises:
        FileNotFoundError: the folder has another layout, or is empty.
        ValueError: unknown split, or a file with another kind of name.
    """
    places = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
    if split not in places:
        raise ValueError(
            f"There is no split {split!r} of Market-1501; choose one of {', '.join(places)}."
        )
    files = sorted(_there(Path(folder) / places[split], "Market-1501").glob("*.jpg"))
    if not files:
        raise FileNotFoundError(
            f"{Path(folder) / places[split]} holds no .jpg file: "
            "point to the unpacked folder of Market-1501."
        )
    for path in files:
        name = re.fullmatch(r"(-1|\d{4})_c(\d)s\d_\d{6}_\d{2}", path.stem)
        if not name:
            raise ValueError(
                f"{path.name} is not named as in Market-1501, like 0002_c1s1_000451_03.jpg."
            )
        if name[1] != "-1":
            yield PersonPhoto(path, int(name[1]), int(name[2]))
