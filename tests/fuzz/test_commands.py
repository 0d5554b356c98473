"""The commands as programs, on damaged files and senseless options: an answer, or a sentence.

No traceback, no hang, no flood of memory, and nothing written but where it was asked for. A run
takes seconds, so few are made in CVBOOK_FUZZ_SECONDS, 40 if it is not set, and the same ones first.
"""

import os
import random
import runpy
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import save_file

from cvbook.paths import DATA

PICTURES = runpy.run_path(str(Path(__file__).with_name("test_pictures.py")))
KINDS, damaged = PICTURES["KINDS"], PICTURES["damaged"]
SECONDS = float(os.environ.get("CVBOOK_FUZZ_SECONDS", 40))
CVBOOK = str(Path(sys.executable).parent / "cvbook")
SLOW, MOST = 90, 2**31  # seconds beyond which a run over a folder hangs, and bytes of memory
NUMBERS = (
    "-3",
    "0",
    "1e9",
    "nan",
    "",
    "9" * 30,
    "٣",
    "1,2",
    "--",
    "1,2,3,4",
    "9,9,1,1",
    "0,0,inf,5",
)


def run(folder: Path, *command: str) -> str:
    """What a command says; it may fail, but neither break nor overstep."""
    with (folder / "said").open("wb+") as said:
        began, most = time.perf_counter(), 0
        child = psutil.Popen(
            [CVBOOK, *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        while child.poll() is None:
            try:
                running = [child, *child.children(recursive=True)]
                most = max(most, sum(p.memory_info().rss for p in running))
            except psutil.Error:  # one of them has just ended
                pass
            if time.perf_counter() - began > SLOW:
                child.kill()
                raise AssertionError(f"{command} takes over {SLOW} seconds")
            time.sleep(0.05)
        said.seek(0)
        text = said.read().decode(errors="replace")
    assert child.returncode in (0, 1, 2), (command, child.returncode, text[-2000:])
    assert "Traceback" not in text, (command, text[-2000:])
    assert most < MOST, (command, most)
    return text


@pytest.fixture
def place(tmp_path):
    """A folder to run in, with an index, and one of pictures."""
    (tmp_path / "in").mkdir()
    for kind, good in KINDS.items():
        (tmp_path / "in" / f"good.{kind.lower()}").write_bytes(good)
    assert "pictures are in" in run(tmp_path, "search", "build", "in", "--index", "index")
    return tmp_path


def commands(draw: random.Random, place: Path) -> list[list[str]]:
    """One round of commands, the files that they meet damaged before."""
    for number in range(4):
        kind = draw.choice(list(KINDS))
        name = draw.choice((f"{number}.{kind.lower()}", f"{number} ю\n.png", f"-{number}.pdf"))
        (place / "in" / name).write_bytes(damaged(KINDS[kind], draw.randrange(10**9)))
    index = next((place / "index").glob("*.safetensors"))
    (place / "broken").mkdir(exist_ok=True)
    (place / "broken" / index.name).write_bytes(damaged(index.read_bytes(), draw.randrange(10**9)))
    model = DATA / "weights" / "embedder.safetensors"
    (place / "model.pth").write_bytes(damaged(model.read_bytes(), draw.randrange(10**9)))
    save_file({}, place / "empty.safetensors")
    odd, none = draw.choice(NUMBERS), draw.choice(("-3", "0", "x"))
    picture = "in/" + draw.choice(os.listdir(place / "in"))
    return [
        ["read", "in", draw.choice(("--json", "--all", "--boxes"))],
        ["read", "--", picture, "nowhere.png", "", "."],
        ["search", "build", "in", "--index", draw.choice(("index", "new", "model.pth"))],
        ["search", "build", "in", "--index", "odd", f"--side={odd}"],
        ["search", "query", "--index", "broken", "--", "in/good.png"],
        ["search", "query", "--index", "index", f"--k={odd}", "--", picture],
        ["age", "in", "--checkpoint", draw.choice(("model.pth", "empty.safetensors", "in"))],
        ["age", "in/good.png", "--checkpoint", "model.pth", f"--face={odd}"],
        ["serve", f"--port={none}", "--index", "broken"],
        ["run", draw.choice(("99", "", "../04")), "-p", f"seed={odd}", "-p", odd],
        [
            "data",
            "render",
            draw.choice(("people", odd)),
            f"--count={none}",
        ],
    ]


@pytest.mark.slow
def test_a_command_answers_or_says_what_is_wrong(place):
    given = {p for p in place.rglob("*") if p.is_file()}
    until, seed, made = time.perf_counter() + SECONDS, 0, 0
    while time.perf_counter() < until:
        for command in commands(random.Random(seed), place):
            run(place, *command)
            made += 1
            if time.perf_counter() > until:
                break
        seed += 1
    assert made
    new = {p.relative_to(place).parts[0] for p in place.rglob("*") if p.is_file()} - {
        p.relative_to(place).parts[0] for p in given
    }
    assert new <= {"broken", "empty.safetensors", "model.pth", "new", "odd", "results.html", "said"}
