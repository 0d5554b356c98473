"""How every command ends that cannot do its work."""

import sys
from typing import NoReturn

import typer


def fail(message: object) -> NoReturn:
    """Print one clear sentence to standard error and exit with 1."""
    print(message, file=sys.stderr)
    raise typer.Exit(1)
