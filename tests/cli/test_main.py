"""Running chapters, building pages, telling of claims."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cvbook.cli import main


def test_help_names_every_command(call):
    out = call("--help").stdout
    chapters = ("run", "build", "evidence", "claims", "data", "doctor")
    assert all(name in out for name in (*chapters, "read", "age", "search", "serve"))
    assert "cvbook run 02" in call("run", "--help").stdout


def test_every_claim_is_told(call):
    assert "C1 " in (out := call("claims").stdout) and "C36" in out


def test_run_explains_mistakes(call):
    assert "The chapters are" in call("run", "99", code=1).stderr
    assert "NAME=VALUE" in call("run", "02", "-p", "seed", code=1).stderr
    assert "no parameter sead" in call("run", "02", "-p", "sead=1", code=1).stderr
    assert "choose one of" in call("run", "02", "--profile", "huge", code=1).stderr


def test_a_disk_that_is_full_is_one_sentence(tmp_path):
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.new("RGB", (9, 9), (80 * i, 0, 0)).save(tmp_path / "photos" / f"{i}.png")

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    cvbook = Path(sys.executable).parent / "cvbook"
    command = [cvbook, "search", "build", tmp_path / "photos", "--index", tmp_path / "index"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "could not be written" in done.stderr.splitlines()[-1]
    assert not any((tmp_path / "index").iterdir())
    done = subprocess.run(
        f"{cvbook} claims > /dev/full", shell=True, capture_output=True, text=True
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "disk" in done.stderr and "free some space" in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "a.pt"), "free some space"),
        (OSError(122, "Disk quota exceeded"), "free some space"),
        (PermissionError(13, "Permission denied", "a\n.pt"), r"a\n.pt: Permission denied."),
        (OSError("a sentence."), "a sentence."),
    ],
)
def test_files_that_cannot_be_written_are_one_sentence(error, said, monkeypatch, capsys):
    def fails() -> None:
        raise error

    monkeypatch.setattr(main, "app", fails)
    monkeypatch.setattr(main.os, "dup2", lambda *_: None)
    with pytest.raises(SystemExit, match="1"):
        main.main()
    told = capsys.readouterr().err
    assert said in told and len(told.splitlines()) == 1
