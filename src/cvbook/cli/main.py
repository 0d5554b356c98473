"""The `cvbook` command: what the Makefile does, the data sets, and the models on your pictures."""

import errno
import io
import os
import sys
import time
from typing import Annotated

import typer

from cvbook.cli import claims, data, models, read, serve
from cvbook.cli.errors import fail, report
from cvbook.files import printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Computer Vision in Production: run the chapters, build the book, look at the claims,"
    " use the models.",
)


def _value(text: str) -> object:
    """A parameter's value: a Python literal where it is one, else the text itself."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="Number or name of the chapter, such as 02.")],
    p: Annotated[
        list[str] | None, typer.Option("-p", help="Parameter, as NAME=VALUE; may be given again.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="ci (minutes), study (evidence) or full (a GPU and real sizes)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the run.")] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Commit the outputs: put them back into notebooks/.")
    ] = False,
) -> None:
    """Run a chapter headless.

    The executed notebook goes to `runs/<profile>-<seed>/<chapter>/`. Examples:

        cvbook run 02

        cvbook run 12a -p data_dir=my/scans

        cvbook run 12b --profile study --seed 3
    """
    from cvbook.publish import chapters

    given: dict[str, object] = {}
    for pair in p or []:
        name, equals, text = pair.partition("=")
        if not equals:
            fail(f"-p takes NAME=VALUE; got {pair!r}.")
        given[name] = _value(text)
    if profile:
        given["profile"] = profile
    if seed is not None:
        given["seed"] = seed
    try:
        notebook = chapters.find(chapter)
        took = chapters.minutes(notebook)
        print(
            f"{notebook.stem}: "
            + (f"about {took:g} minutes at the ci profile." if took else "not timed yet."),
            file=sys.stderr,
        )
        began = time.perf_counter()
        target = chapters.run(notebook, given)
        minutes = (time.perf_counter() - began) / 60
        print(f"{notebook.stem} took {minutes:.1f} minutes.", file=sys.stderr)
        print(chapters.commit_outputs(target) if save else target)
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        fail(error)


@app.command()
def build(
    executed: Annotated[
        bool,
        typer.Option(
            "--executed",
            help="Render the notebooks of the last ci run instead of the committed ones.",
        ),
    ] = False,
) -> None:
    """Render the book as web pages and print the path of the first one."""
    from cvbook.publish import site

    try:
        print(site.build(executed))
    except RuntimeError as error:
        fail(error)


@app.command()
def doctor() -> None:
    """Check that the system packages and the Python packages the book needs are there."""
    from cvbook.cli.doctor import problems

    report(problems(), "All there.")


app.add_typer(claims.app)
app.add_typer(claims.claims, name="claims")
app.add_typer(read.app)
app.add_typer(models.app)
app.add_typer(serve.app)
app.add_typer(models.search, name="search")
app.add_typer(data.app, name="data")


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            "The disk, or your share of it, is full: free some space, then run this again."
            f" ({error.strerror})"
        )
    said = f"{error.filename}: {error.strerror}." if error.filename else str(error)
    return printable(said)


def main() -> None:
    """The entry point: a missing package, a full disk, a forbidden file are one sentence each."""
    # A file's name may hold what the terminal's encoding does not.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except ModuleNotFoundError as error:
        package = (error.name or "cvbook").split(".")[0]
        if package == "cvbook":
            raise
        print(
            f"The Python package {package} is missing, which this command needs: from the book's"
            " checkout, pip install '.[book,worlds]', or make setup.",
            file=sys.stderr,
        )
        sys.exit(1)
    except OSError as error:
        print(_sentence(error), file=sys.stderr)
        # What is still to be printed would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


if __name__ == "__main__":
    main()
