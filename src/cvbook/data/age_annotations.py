"""Annotation files of public sets of ages and genders: who is in which picture, and where."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

from cvbook.data import tables
from cvbook.files import inside

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, the ends exclusive
CORNERS = ("x0", "y0", "x1", "y1")
# Lower edges of the age ranges of two sets that know no years, as MiVOLO's authors map ages there.
RANGES = {"Adience": (0, 4, 7, 14, 24, 36, 46, 57), "FairFace": (0, 3, 10, 20, 30, 40, 50, 60, 70)}
WHOLE = (0, 0, 1 << 20, 1 << 20)  # a box around all of a picture, whatever its size


@dataclass(frozen=True)
class Annotation:
    """One row of an annotation file; what is not known is None.

    Attributes:
        path: of the picture.
        age: years, or a range such as (25, 32).
        male: the gender in the set's terms.
        face, body: boxes.
    """

    path: Path
    age: float | tuple[float, float] | None
    male: bool | None
    face: Box | None
    body: Box | None


def read_annotations(file: Path | str, images: Path | str) -> list[Annotation]:
    """People of a CSV in the layout of the MiVOLO authors.

    They give it for IMDB-clean, UTKFace, LAGENDA, AgeDB, Adience and FairFace. Its columns are
    img_name, age (years, "25;32", or −1), gender (M, F or −1), face_x0 … face_y1 and, if there are
    bodies, person_x0 … person_y1; −1 where there is no box. Rows whose picture is missing are left
    out; where all are, that is an error.

    Raises:
        FileNotFoundError: no such file, or none of its pictures is there.
        ValueError: a column is missing, or a row is wrong: its age or a box is none, or its picture
            lies outside of the folder.
    """
    file, images = Path(file), Path(images)
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no annotation file {file}; it is a CSV with img_name, age, gender and boxes."
        )
    wanted = {"img_name", "age", "gender", *(f"face_{c}" for c in CORNERS)}
    rows = tables.records(file, wanted)
    people = [_person(where, row, images) for where, row in rows]
    there = [p for p in people if os.path.isfile(p.path)]
    if not there:
        raise FileNotFoundError(
            f"None of the {len(people)} pictures that {file} names is in {images}."
        )
    return there


def adience(folder: Path | str) -> list[list[Annotation]]:
    """Adience (Eidinger et al. 2014) by its own five folds.

    They keep each photographer's people on one side.

    Args:
        folder: with fold_0_data.txt to fold_4_data.txt and `faces` or `aligned`, as the set is
            published. The whole of such a picture is the face.

    Raises:
        FileNotFoundError: a fold's file is missing, or all of its pictures are.
        ValueError: a column is missing, or a row is wrong.
    """
    folder, folds = Path(folder), []
    name = (
        "aligned/{user_id}/landmark_aligned_face"
        if (folder / "aligned").is_dir()
        else "faces/{user_id}/coarse_tilt_aligned_face"
    )
    for k in range(5):
        file = folder / f"fold_{k}_data.txt"
        if not file.is_file():
            raise FileNotFoundError(
                f"There is no {file}; Adience comes with fold_0_data.txt to fold_4_data.txt beside "
                "its pictures."
            )
        wanted = {"user_id", "original_image", "face_id", "age", "gender"}
        people = []
        for where, row in tables.records(file, wanted, "\t"):
            path = f"{name.format(**row)}.{row['face_id']}.{row['original_image']}"
            male = {"m": True, "f": False}.get(row["gender"])
            years = _years(where, row["age"])
            people.append(Annotation(_path(where, folder, path), years, male, WHOLE, None))
        folds.append([p for p in people if os.path.isfile(p.path)])
        if not folds[-1]:
            raise FileNotFoundError(
                f"None of the {len(people)} pictures that {file} names is in {folder}."
            )
    return folds


def _path(where: str, folder: Path, name: str) -> Path:
    try:
        return inside(folder, name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _years(where: str, text: str) -> float | tuple[float, float] | None:
    low, _, high = text.strip("() ").replace(",", ";").partition(";")
    if low.strip() in ("", "-1", "-1.0", "nan", "None"):
        return None
    ages = [tables.years(where, part) for part in ((low, high) if high else (low,))]
    if ages != sorted(ages):
        raise ValueError(f"{where}: {text[:40]!r} is no range of ages.")
    return (ages[0], ages[1]) if high else ages[0]


def _person(where: str, row: dict[str, str], images: Path) -> Annotation:
    def box(name: str) -> Box | None:
        cells = [row.get(f"{name}_{c}", "") for c in CORNERS]
        if set(cells) <= {"", "-1", "-1.0"}:
            return None
        x0, y0, x1, y1 = tables.box(where, cells)
        return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)

    male = {"M": True, "F": False, "0": True, "1": False}.get(row["gender"])
    path, years = _path(where, images, row["img_name"]), _years(where, row["age"])
    return Annotation(path, years, male, box("face"), box("person"))
