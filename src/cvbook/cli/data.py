"""Commands about the data sets that ship with the book: `cvbook data`."""

from pathlib import Path
from typing import Annotated

import typer

from cvbook.cli.errors import fail, report

app = typer.Typer(no_args_is_help=True, help="The data sets that ship with the book.")


@app.command("list")
def list_data() -> None:
    """List what is under data/, with its licence and size."""
    from cvbook.data.manifest import entries

    try:
        found = [(entry, entry.files()) for entry in entries()]
    except ValueError as error:
        fail(error)
    for entry, files in found:
        size = sum(f.stat().st_size for f in files) / 1e6
        print(
            f"{entry.path:28} {size:6.2f} MB  {entry.what}\n"
            f"{'':39}  {entry.licence}; {entry.source}"
        )


@app.command()
def verify() -> None:
    """Check every file under data/ against the manifest."""
    from cvbook.data.manifest import verify

    try:
        wrong = verify()
    except ValueError as error:
        fail(error)
    report(wrong, "All files are as the manifest says.")


@app.command("render")
def render_data(
    name: Annotated[
        str, typer.Argument(help="shelves, crops, …: see the chapter on rendered worlds.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the Parquet files; without it, data/rendered.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Pictures; without it, as many as ship.")
    ] = None,
    first: Annotated[
        int,
        typer.Option(
            min=0, help="Number of the first picture, to share the work between machines."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the set; 0 is the one that ships.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Blender processes.")] = 2,
) -> None:
    """Render a data set, or go on with one that was interrupted.

    cvbook data render shelves

    cvbook data render shelves --count 100000 --workers 16 --out runs/sets/shelves
    """
    from cvbook.paths import DATA, RUNS
    from cvbook.worlds import sets
    from cvbook.worlds.blender.renderer import RenderError

    try:
        rows = sets.make(
            name,
            RUNS / "render" / name,
            seed,
            first,
            None if count is None else first + count,
            workers,
        )
        for file in sets.pack(name, rows, out or DATA / "rendered"):
            print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    except (ValueError, RenderError) as error:
        fail(error)


@app.command("hash")
def hash_data() -> None:
    """Write the present hashes into the manifest, after a change that is meant."""
    from cvbook.data.manifest import rehash

    try:
        rehash()
    except ValueError as error:
        fail(error)
