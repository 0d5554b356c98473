import os
import subprocess

import pytest

from cvbook import machine


def test_the_machine_is_named_with_its_cores(monkeypatch):
    info = ["processor : 0", "model name : Abacus 3", "processor : 1", "model name : Abacus 3"]
    monkeypatch.setattr(machine, "_cpuinfo", lambda: info)
    assert machine.machine() == f"Abacus 3, {os.cpu_count()} cores"
    monkeypatch.setattr(machine, "_cpuinfo", list)
    assert machine.machine().endswith(f"{os.cpu_count()} cores")


def test_instructions_are_read_by_name(monkeypatch):
    monkeypatch.setattr(machine, "_cpuinfo", lambda: ["model name : avx512f", "flags : fpu avx2"])
    assert machine.has("avx2") and not machine.has("avx512f") and not machine.has("avx")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What `commit` says of another folder."""

    def ask() -> str:
        machine.commit.cache_clear()
        return machine.commit()

    monkeypatch.setattr(machine, "ROOT", tmp_path)
    yield ask
    machine.commit.cache_clear()


def test_the_commit_says_whether_something_is_not_in_it(asked, tmp_path):
    assert asked() == "unknown"
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]

    def git(*words: str) -> str:
        command = ["git", *author, *words]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "a.txt").write_text("one")
    git("add", "a.txt")
    git("commit", "-qm", "first")
    assert asked() == git("rev-parse", "--short", "HEAD")
    (tmp_path / "a.txt").write_text("two")
    assert asked() == git("rev-parse", "--short", "HEAD") + "-dirty"
