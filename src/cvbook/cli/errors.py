"""How commands end: with one clear sentence, or with a list of what is wrong."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer


def fail(message: object) -> NoReturn:
    """Print one clear sentence to standard error and exit with 1."""
    print(message, file=sys.stderr)
    raise typer.Exit(1)


def report(wrong: Sequence[str], well: str) -> None:
    """Print what is wrong, a line each, and exit with 1; or say that all is well."""
    for line in wrong:
        print(line)
    if wrong:
        raise typer.Exit(1)
    print(well)
