"""Loaders for public sets that a reader may have on disk; nothing is downloaded."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


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


def sku110k(folder: Path | str, split: str = "test") -> Iterator[ShelfPhoto]:
    """SKU-110K (Goldman et al. 2019).

    It is laid out as `images/` and `annotations/annotations_<split>.csv` without a header, a box a
    row.

    Args:
        folder: the unpacked set.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: the folder has another layout.
        ValueError: a row that is not a box.
    """
    folder = Path(folder)
    table = _there(folder / "annotations" / f"annotations_{split}.csv", "SKU-110K")
    boxes: dict[str, list[tuple[float, float, float, float]]] = {}
    with open(table, newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            try:
                name, x0, y0, x1, y1 = row[0], *map(float, row[1:5])
            except (ValueError, IndexError):
                raise ValueError(
                    f"{table}, line {number}: expected image, x1, y1, x2, y2, class, width, "
                    f"height; got {','.join(row)!r}."
                ) from None
            boxes.setdefault(name, []).append((x0, y0, x1, y1))
    for name, found in boxes.items():
        yield ShelfPhoto(_there(folder / "images" / name, "SKU-110K"), tuple(found))


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
        ValueError: a row with an unknown class.
    """
    folder = Path(folder)
    with open(_there(folder / "classes.csv", "the Grocery Store data set"), newline="") as file:
        rows = list(csv.reader(file, skipinitialspace=True))[1:]
    names = {int(row[1]): (row[0], row[2]) for row in rows}
    listing = _there(folder / f"{split}.txt", "the Grocery Store data set")
    for number, line in enumerate(listing.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            path, fine, _ = (part.strip() for part in line.split(","))
            name, coarse = names[int(fine)]
        except (ValueError, KeyError):
            raise ValueError(
                f"{listing}, line {number}: expected a path and two known class numbers; "
                f"got {line!r}."
            ) from None
        yield GroceryPhoto(_there(folder / path, "the Grocery Store data set"), name, coarse)


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
