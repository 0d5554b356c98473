"""Pictures per second of the same scenes on the whole machine: our kept workers, and BlenderProc.

    pip install --no-deps --target runs/peers \\
        blenderproc==2.8.0 h5py progressbar pypng gitpython gitdb smmap vhacdx
    python benchmarks/peers/rendering.py

In one run, taking turns. BlenderProc, the peer that most people would pick, starts Blender anew for
each scene. It may run its processes one after another with all cores each, or side by side with one
core each; both are timed, and the ratio is against the faster. Either side starts from the scene's
description, has it built by the same code, and ends with the picture, the instances and the depth,
at the same samples and bounces. Our workers render each scene with two and three times the samples,
too. What lies between is what tracing takes, which no bookkeeping can save; BlenderProc's time
divided by it is the limit of the ratio. The result goes to rendering.json beside this file, which
chapter 03 shows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.paths import RUNS
from cvbook.worlds.blender.renderer import Renderer
from cvbook.worlds.scene import Scene
from cvbook.worlds.shelves.products import SKUS
from cvbook.worlds.shelves.shelves import close_up, shelf

CASES = {
    "shelf, 320 × 240": lambda i: shelf(7, i),
    "shelf, 160 × 120": lambda i: shelf(7, i, size=(160, 120)),
    "close-up, 96 × 96": lambda i: close_up(7, i, i % SKUS),
}
CORES = len(os.sched_getaffinity(0))
BATCH = 4 * CORES  # pictures a turn
Way = Callable[[list[Scene]], list[np.ndarray]]


def blender_proc(scene: Scene, threads: int) -> np.ndarray:
    """One picture by a new BlenderProc process, uint8[H, W, 3]; threads: 0 for one per core."""
    with tempfile.TemporaryDirectory() as folder:
        out, request = Path(folder) / "out.npz", Path(folder) / "request.json"
        wanted = {"scene": scene.to_json(), "threads": threads, "out": str(out)}
        request.write_text(json.dumps({"packages": str(RUNS / "peers")} | wanted))
        command = [sys.executable, Path(__file__).with_name("blenderproc_peer.py"), request]
        done = subprocess.run(command, capture_output=True, text=True)
        if not out.exists():
            said = done.stderr[-500:]
            raise SystemExit(
                f"BlenderProc failed: install it as the head of this file says. {said}"
            )
        return np.load(out)["image"]


def alike(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """The lowest correlation of two pictures that should show the same scene."""
    pairs = zip(some, others, strict=True)
    return min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs)


def timed(name: str, ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    """Seconds a picture of every round for each way, in turns."""
    scene, took = CASES[name], {way: [] for way in ways}
    for turn in tqdm(range(rounds), desc=name):
        scenes, made = [scene(BATCH * turn + k) for k in range(BATCH)], {}
        for way, run in ways.items():
            began = time.perf_counter()
            made[way] = run(scenes)
            took[way].append((time.perf_counter() - began) / BATCH)
        if min(alike(made["cvbook"], pictures) for pictures in made.values()) < 0.95:
            raise SystemExit(f"{name}: the scenes differ, so their times cannot be compared.")
    return took


def summary(name: str, took: dict[str, list[float]]) -> dict:
    """What was measured of one kind of picture, with the ratio and its limit."""
    faster = min(("one after another", "side by side"), key=lambda way: np.median(took[way]))
    took["BlenderProc"] = took[faster]
    tracing = float(np.median(np.subtract(took["samples × 3"], took["samples × 2"])))
    about = {
        "name": name,
        "faster": faster,
        "ratio": round(float(np.median(np.divide(took[faster], took["cvbook"]))), 2),
        "tracing": round(tracing, 3),
        "limit": round(float(np.median(took[faster])) / tracing, 2),
    }
    return about | {way: [round(t, 3) for t in times] for way, times in took.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = f"turns of {BATCH} pictures for each way and kind of picture"
    parser.add_argument("--rounds", type=int, default=3, help=what)
    rounds, cases = parser.parse_args().rounds, []
    with Renderer(CORES) as kept, ThreadPoolExecutor(CORES) as pool:

        def by_us(scenes: list[Scene], times: int = 1) -> list[np.ndarray]:
            more = [replace(scene, samples=times * scene.samples) for scene in scenes]
            return [done.image for done in kept.render(more)]

        ways = {
            "cvbook": by_us,
            "samples × 2": lambda scenes: by_us(scenes, 2),
            "samples × 3": lambda scenes: by_us(scenes, 3),
            "one after another": lambda scenes: [blender_proc(one, 0) for one in scenes],
            "side by side": lambda scenes: list(pool.map(blender_proc, scenes, [1] * BATCH)),
        }
        for name, scene in CASES.items():
            # The workers have started, as they have for all but the first pictures of a set.
            by_us([scene(10_000 + k) for k in range(BATCH)])
            cases.append(summary(name, timed(name, ways, rounds)))
            print(cases[-1])
    about = {"date": date.today().isoformat(), "machine": machine(), "pictures": rounds * BATCH}
    result = about | {"unit": "seconds a picture", "cases": cases}
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    write_text(Path(__file__).with_suffix(".json"), text)


if __name__ == "__main__":
    main()
