"""Where a measurement was made: the processor, and the project's commit."""

import os
import platform
import subprocess
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from cvbook.paths import ROOT


@lru_cache
def commit() -> str:
    """The project's commit; "unknown" without git.

    It ends in "-dirty" where something is not committed, other than evidence, which is a result.
    """
    head = _git("rev-parse", "--short", "HEAD")
    status = ("status", "--porcelain")
    changed = _git(*status, "-uno", "--", ".", ":(exclude)data/evidence")
    changed += _git(*status, "-uall", "--", "src", "notebooks")  # new files, too, where code lies
    return (head + ("-dirty" if changed else "")) or "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def machine() -> str:
    """The processor's name and the number of its cores."""
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def has(instructions: str) -> bool:
    """Whether the processor knows a set of instructions, by Linux's name for it."""
    return any(instructions in line.split() for line in _cpuinfo() if line.startswith("flags"))


def _cpuinfo() -> Iterable[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
