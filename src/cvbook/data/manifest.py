"""The list of every file under `data/`: what it is, its licence, where it comes from, its hash."""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path, PurePath

import yaml

from cvbook.files import write_text
from cvbook.paths import DATA

FILE = "manifest.yaml"
CHANGING = "changes with runs"  # in place of a hash


@dataclass(frozen=True)
class Entry:
    """A row of the manifest: a file or a pattern under `data/`, with one hash over its files.

    Attributes:
        path: file or glob pattern relative to `data/`.
        what: one line.
        licence: SPDX identifier, or a sentence.
        source: where it comes from, or the command that makes it.
        sha256: of the files' names and contents, in order of name; CHANGING where runs add to them.
        rows: number of files, lines or records, in words.
    """

    path: str
    what: str
    licence: str
    source: str
    sha256: str
    rows: str

    def files(self) -> list[Path]:
        """The files that exist, sorted."""
        try:
            return sorted(p for p in DATA.glob(self.path) if p.is_file())
        except (ValueError, NotImplementedError, OSError) as error:
            raise ValueError(f"data/{FILE}: {self.path!r} is no pattern ({error}).") from None


def _rows() -> dict[str, dict]:
    """What the file says; raises ValueError that names the row if that is no manifest."""
    try:
        rows = yaml.safe_load((DATA / FILE).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"data/{FILE} is no YAML ({' '.join(str(error).split())}).") from None
    wanted = {field.name for field in fields(Entry)} - {"path"}
    if not isinstance(rows, dict):
        raise ValueError(f"data/{FILE} must map paths to {', '.join(sorted(wanted))}.")
    for path, row in rows.items():
        if not isinstance(path, str) or not path or PurePath(path).is_absolute() or ".." in path:
            raise ValueError(f"data/{FILE}: {path!r} is no path or pattern under data/.")
        if not isinstance(row, dict) or row.keys() != wanted:
            raise ValueError(f"data/{FILE}: {path} must have {', '.join(sorted(wanted))}.")
        if not all(isinstance(value, str) for value in row.values()):
            raise ValueError(f"data/{FILE}: {path} has a value that is no text: quote it.")
    return rows


def entries() -> list[Entry]:
    """The manifest's rows; raises ValueError if it is none."""
    return [Entry(path=path, **row) for path, row in _rows().items()]


def digest(files: list[Path]) -> str:
    """One sha256 over names and contents."""
    total = hashlib.sha256()
    for file in files:
        name = file.relative_to(DATA).as_posix().encode()
        total.update(name + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def verify() -> list[str]:
    """What is wrong with `data/`, one sentence each; empty if all is well.

    Files may be missing or changed, or described by no row.
    """
    wrong, described = [], {DATA / FILE}
    for entry in entries():
        files = entry.files()
        described.update(files)
        if entry.sha256 == CHANGING:
            continue
        if not files:
            wrong.append(f"data/{entry.path} is missing: restore it with `git checkout data`.")
        elif digest(files) != entry.sha256:
            wrong.append(
                f"data/{entry.path} has changed: restore it with `git checkout data`, "
                "or run `cvbook data hash` if the change is meant."
            )
    for file in sorted(p for p in DATA.rglob("*") if p.is_file()):
        passing = file.suffix == ".tmp" or "__pycache__" in file.parts
        if not passing and file not in described:
            wrong.append(
                f"data/{file.relative_to(DATA).as_posix()} is not in the manifest: "
                "add a row for it, or delete it."
            )
    return wrong


def rehash() -> None:
    """Write the present hashes into the manifest."""
    rows = _rows()
    for entry in entries():
        if entry.sha256 != CHANGING:
            rows[entry.path]["sha256"] = digest(entry.files())
    head = (
        "# Every file under data/: checked by `cvbook data verify`; "
        "hashes are written by `cvbook data hash`.\n"
    )
    content = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=140)
    write_text(DATA / FILE, head + content)
