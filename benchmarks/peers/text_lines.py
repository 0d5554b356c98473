"""Lines per second of our generator against TextRecognitionDataGenerator (PyPI `trdg`).

    python benchmarks/peers/text_lines.py [--trdg FOLDER]

In one run, in turns, on one core. TRDG's old pins do not fit beside ours, so it gets an environment
of its own (in FOLDER, made if need be). Both draw the same texts with the same font files at the
same height. The result goes to text_lines.json beside this file, which chapter 02 shows.
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np

from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.paths import ROOT, RUNS, data_path
from cvbook.text.corpus import sample_text
from cvbook.text.fonts import coverage, fonts

PINS = ("trdg==1.8.0", "pillow<10", "numpy<2", "opencv-python-headless<4.12")
CASES = ("clean print", "wave, skew, grain, blur")
OURS = """
import sys, time, json
from cvbook.text.lines import make_line
LIKE = [("curve", 0.5), ("rotate", 0.5), ("fibres", 0.5), ("defocus", 0.4)]
job = json.loads(sys.stdin.readline())
for request in sys.stdin:
    case, seed = json.loads(request)
    began = time.perf_counter()
    for i, (text, font) in enumerate(job["items"]):
        make_line(seed, i, 0.0, text=text, font=font, effects=([], LIKE)[case])
    print(time.perf_counter() - began, flush=True)
"""
THEIRS = """
import sys, time, json, random
import contextlib
with contextlib.redirect_stdout(sys.stderr):
    from trdg.data_generator import FakeTextDataGenerator as G
job = json.loads(sys.stdin.readline())
for request in sys.stdin:
    case, seed = json.loads(request)
    random.seed(seed)
    began = time.perf_counter()
    for i, (text, font) in enumerate(job["items"]):
        skew, blur, background, distorsion = ((0, 0, 1, 0), (3, 1, 0, 1))[case]
        look = skew, True, blur, True, background, distorsion, 0, False, 0, -1, 1, "#000000"
        rest = 0, 1.0, 0, (5, 5, 5, 5), False, False, 0, "", 0, "#282828", "RGB", 0
        G.generate(i, text, job["folder"] + "/" + font, None, 40, "png", *look, *rest)
    print(time.perf_counter() - began, flush=True)
"""


def worker(python: str, code: str, job: dict) -> subprocess.Popen:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([python, "-c", code], text=True, env=env, **pipes)
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    return process


def ask(process: subprocess.Popen, case: int, seed: int) -> float:
    process.stdin.write(json.dumps([case, seed]) + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trdg", type=Path, default=RUNS / "trdg", help="environment for TRDG")
    parser.add_argument("--lines", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    python = args.trdg / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(args.trdg)], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*install, *PINS], check=True)
    rng = np.random.default_rng(0)
    files, items = fonts("train"), []
    while len(items) < args.lines:
        text, font = sample_text(rng, max_length=40)[0], files[rng.integers(len(files))].file
        if set(text) <= coverage(font):
            items.append((text, font))
    job = {"items": items, "folder": str(data_path("fonts"))}
    both = {"cvbook": worker(sys.executable, OURS, job), "trdg": worker(str(python), THEIRS, job)}
    for process in both.values():  # load the fonts
        for case in range(len(CASES)):
            ask(process, case, 99)
    cases = [{"name": name, "cvbook": [], "trdg": []} for name in CASES]
    for round_ in range(args.rounds):
        for i, case in enumerate(cases):
            for who, process in both.items():
                case[who].append(round(args.lines / ask(process, i, round_), 1))
    for process in both.values():
        process.stdin.close()
        process.wait()
    for case in cases:
        case["ratio"] = round(float(np.median(np.divide(case["cvbook"], case["trdg"]))), 2)
        print(case)
    about = {"date": date.today().isoformat(), "machine": machine()}
    result = about | {"lines": args.lines, "rounds": args.rounds, "cases": cases}
    write_text(Path(__file__).with_suffix(".json"), json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
