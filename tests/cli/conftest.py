"""The command line, as a user meets it: as a program."""

import subprocess
import sys
from pathlib import Path

import pytest

from cvbook.paths import ROOT

CVBOOK = str(Path(sys.executable).parent / "cvbook")


@pytest.fixture
def call():
    """Run `cvbook` with arguments from the checkout; `code` is the exit status to expect."""

    def run(*args: object, code: int = 0) -> subprocess.CompletedProcess:
        command = [CVBOOK, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run
