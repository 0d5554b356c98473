"""`cvbook evidence` and `cvbook claims`: what was recorded, and what it says."""

from typing import Annotated

import typer

from cvbook.cli.errors import fail

app = typer.Typer()
claims = typer.Typer(invoke_without_command=True, help="Print every claim with its verdict.")


@app.command()
def evidence() -> None:
    """Gather the results of all runs under `runs/` into data/evidence/ and the README,
    and print the verdicts.

    The runs themselves are made by `make evidence`, or one by one: cvbook run 12b --profile study
    --seed 0
    """
    from cvbook.book.claims import gather
    from cvbook.paths import ROOT, RUNS
    from cvbook.publish import scoreboard

    try:
        gather(RUNS)
        scoreboard.update_readme(ROOT / "README.md")
    except ValueError as error:
        fail(error)
    print(scoreboard.as_text())


@claims.callback()
def show(context: typer.Context) -> None:
    """Print every claim with its verdict, its effect in words, and what is stale."""
    if context.invoked_subcommand is None:
        from cvbook.publish import scoreboard

        try:
            print(scoreboard.as_text())
        except ValueError as error:
            fail(error)


@claims.command()
def affirm(
    keys: Annotated[list[str], typer.Argument(help="Claims of one chapter, such as C6 C7.")],
    seed: Annotated[int, typer.Option(min=0, help="The seed that is run again.")] = 0,
) -> None:
    """Run one seed of a study again; if its values come out the same, renew the rows' hashes.

    For claims that became stale by a change that should not matter, such as a new name. The file
    of evidence says which seed was run again, when, and at which commit.
    """
    from cvbook.publish import affirmation

    try:
        print(affirmation.affirm(keys, seed))
    except (KeyError, ValueError, RuntimeError, FileNotFoundError) as error:
        fail(error.args[0] if error.args else error)
