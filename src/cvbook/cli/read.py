"""The command that reads the text in pictures: `read`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cvbook.files import printable

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
    """Read the text in your own pictures, English or Russian.

    Columns come one after the other, tables row by row, and pages that lie the wrong way are turned
    first; --json says by how many degrees. Accented letters and other scripts are not known: they
    come out as letters that look like them.

    Text goes to standard output; what cannot be read is named on standard error, and the exit
    status is then 1.
    """
    from cvbook.documents import files_of, load_any
    from cvbook.images import ImageError
    from cvbook.models.reader import LEAST, Reader, page_text

    reader, failed = Reader(), []

    def tell(error: ImageError) -> None:
        print(printable(error), file=sys.stderr)
        failed.append(error)

    for path in images:
        try:
            for name, image in load_any(path, tell):
                lines = reader.read(image, 0.0 if every else LEAST)
                if as_json:
                    rows = [
                        {
                            "text": r.text,
                            "confidence": round(r.confidence, 4),
                            "corners": r.corners.round(1).tolist(),
                            "row": r.row,
                        }
                        for r in lines
                    ]
                    turned = round(lines[0].turned, 1) if lines else 0.0
                    page = {"image": name, "turned": turned, "lines": rows}
                    print(json.dumps(page, ensure_ascii=False))
                    continue
                if len(images) > 1 or path.is_dir() or name != str(path):
                    print(f"== {printable(name)}")
                print("\n".join(r.text for r in lines) if boxes else page_text(lines))
                if not lines:
                    print(f"{printable(name)}: no text was found.", file=sys.stderr)
            if path.is_dir():
                _tell_skipped(files_of(path)[1])
        except ImageError as error:
            tell(error)
    if failed:
        raise typer.Exit(1)


def _tell_skipped(files: list[Path]) -> None:
    """Name a few of the files that are neither pictures nor PDFs."""
    if files:
        named = ", ".join(printable(file.name) for file in files[:5])
        more = f" and {len(files) - 5} more" if len(files) > 5 else ""
        print(f"Left out, since no picture: {named}{more}.", file=sys.stderr)
