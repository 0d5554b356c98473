"""The command that reads the text in pictures: `read`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cvbook.files import printable

if TYPE_CHECKING:
    from cvbook.models.reader import ReadLine

app = typer.Typer()


@app.command()
def read(
    images: Annotated[list[Path], typer.Argument(help="Pictures, PDF files or folders of them.")],
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print boxes and confidences as JSON, one object a picture."),
    ] = False,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Print what hardly looks like text, too, such as marks in a photograph.",
        ),
    ] = False,
    boxes: Annotated[
        bool,
        typer.Option("--boxes", help="One line for each box found, not for each row of the page."),
    ] = False,
) -> None:
    """Read the text in your own pictures, in English, Russian and eleven more languages.

    Columns come one after the other, tables row by row, and pages that lie the wrong way are turned
    first; --json says by how many degrees. The others are French, German, Spanish, Italian,
    Portuguese, Polish, Czech, Hungarian, Romanian, Swedish and Danish. Other scripts come out as
    letters that look like them, or as no text.

    Text goes to standard output; what cannot be read is named on standard error, and the exit
    status is then 1.
    """
    from cvbook.documents import files_of, is_folder, load_any
    from cvbook.images import ImageError
    from cvbook.models.reader import LEAST, Reader, page_text

    reader, failed = Reader(), []

    def tell(error: object) -> None:
        print(printable(error), file=sys.stderr)
        failed.append(error)

    def show(name: str, lines: "list[ReadLine]", alone: bool) -> None:
        if as_json:
            turned = round(lines[0].turned, 1) if lines else 0.0
            page = {"image": name, "turned": turned, "lines": [_row(line) for line in lines]}
            print(json.dumps(page, ensure_ascii=False))
            return
        if not alone:
            print(f"== {printable(name)}")
        print("\n".join(r.text for r in lines) if boxes else page_text(lines))
        if not lines:
            print(f"{printable(name)}: no text was found.", file=sys.stderr)

    for path in images:
        try:
            for name, image in load_any(path, tell):
                try:
                    lines = reader.read(image, 0.0 if every else LEAST)
                except Exception as error:  # a fault of ours must not end a batch
                    tell(f"{name} could not be read ({type(error).__name__}: {error}).")
                else:
                    show(name, lines, len(images) == 1 and name == str(path))
            if is_folder(path):
                _tell_skipped(files_of(path)[1])
        except ImageError as error:
            tell(error)
    if failed:
        raise typer.Exit(1)


def _row(line: "ReadLine") -> dict:
    """A line as JSON holds it."""
    return {
        "text": line.text,
        "confidence": round(line.confidence, 4),
        "corners": line.corners.round(1).tolist(),
        "row": line.row,
    }


def _tell_skipped(files: list[Path]) -> None:
    """Name a few of a folder's files that are neither pictures nor PDFs, and its subfolders."""
    if files:
        named = ", ".join(printable(file.name) for file in files[:5])
        more = f" and {len(files) - 5} more" if len(files) > 5 else ""
        print(f"Left out, since no picture: {named}{more}.", file=sys.stderr)
