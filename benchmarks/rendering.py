"""Pictures per second of the same scenes on the whole machine: our kept workers against BlenderProc, in one run, taking turns.

    pip install --no-deps --target runs/peers blenderproc==2.8.0 h5py progressbar pypng gitpython gitdb smmap vhacdx
    python benchmarks/rendering.py

BlenderProc, the peer that most people would pick, starts Blender anew for each scene. It may run its processes one after another with all
cores each, or side by side with one core each; both are timed, and the ratio is against the faster. Either side starts from the scene's
description and ends with the picture, the instances and the depth, at the same samples and bounces; the peer builds its scenes with our
code. A third way hands it the scenes built, as .blend files that a Blender of ours wrote off the clock: that shows how much of the
difference is building. The result goes to benchmarks/rendering.json, which chapter 03 shows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import bpy
import numpy as np
from tqdm.auto import tqdm

from cvbook.book.claims import machine
from cvbook.data.render.builder import Builder
from cvbook.data.render.products import SKUS
from cvbook.data.render.renderer import Renderer
from cvbook.data.render.scene import Scene
from cvbook.data.render.shelves import close_up, shelf
from cvbook.paths import ROOT, RUNS

CASES = {
    "shelf, 320 × 240": lambda i: shelf(7, i),
    "shelf, 160 × 120": lambda i: shelf(7, i, size=(160, 120)),
    "close-up, 96 × 96": lambda i: close_up(7, i, i % SKUS),
}
CORES = len(os.sched_getaffinity(0))
BATCH = 2 * CORES  # pictures a turn


def blender_proc(scene: Scene, threads: int, blend: Path | None = None) -> np.ndarray:
    """One picture by a new BlenderProc process, uint8[H, W, 3]; threads: 0 for one per core; blend: the scene as a file, else it is built."""
    with tempfile.TemporaryDirectory() as folder:
        out, request = Path(folder) / "out.npz", Path(folder) / "request.json"
        about = {"packages": str(RUNS / "peers"), "scene": scene.to_json(), "blend": blend and str(blend), "threads": threads, "out": str(out)}
        request.write_text(json.dumps(about))
        done = subprocess.run([sys.executable, Path(__file__).with_name("blenderproc_peer.py"), request], capture_output=True, text=True)
        if not out.exists():
            raise SystemExit("BlenderProc failed: install it as the head of this file says. " + done.stderr[-500:])
        return np.load(out)["image"]


def save(builder: Builder, scene: Scene, blend: Path) -> None:
    """The scene as a .blend file, with its textures in it."""
    new = builder.fill(scene)
    for image in bpy.data.images:
        if image.source == "GENERATED" and not image.packed_file:
            image.pack()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), copy=True)
    builder.clear(new)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help=f"turns of {BATCH} pictures for each way and kind of picture")
    rounds, cases = parser.parse_args().rounds, []
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with Renderer(CORES) as kept, tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CORES) as pool:
        builder, blends = Builder(bpy), [Path(folder) / f"{k}.blend" for k in range(BATCH)]
        ways = {
            "cvbook": lambda scenes: [done.image for done in kept.render(scenes)],
            "one after another": lambda scenes: [blender_proc(one, 0) for one in scenes],
            "side by side": lambda scenes: list(pool.map(blender_proc, scenes, [1] * BATCH)),
            "side by side, scenes given": lambda scenes: list(pool.map(blender_proc, scenes, [1] * BATCH, blends)),
        }
        for name, scene in CASES.items():
            list(kept.render([scene(10_000)] * CORES))  # started, as it is for all but the first pictures of a set
            took: dict[str, list[float]] = {way: [] for way in ways}
            for turn in tqdm(range(rounds), desc=name):
                scenes = [scene(BATCH * turn + k) for k in range(BATCH)]
                for one, blend in zip(scenes, blends):
                    save(builder, one, blend)
                made = {}
                for way, run in ways.items():
                    began = time.perf_counter()
                    made[way] = run(scenes)
                    took[way].append((time.perf_counter() - began) / BATCH)
                for theirs in list(made.values())[1:]:
                    if min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(made["cvbook"], theirs)) < 0.95:
                        raise SystemExit(f"{name}: the two rendered different scenes, so their times cannot be compared.")
            faster = min(("one after another", "side by side"), key=lambda way: np.median(took[way]))
            took["BlenderProc"] = took[faster]
            ratios = {way: round(float(np.median(np.divide(took[way], took["cvbook"]))), 2) for way in (faster, "side by side, scenes given")}
            cases.append({"name": name, "faster": faster, "ratio": ratios[faster], "ratios": ratios} | {k: [round(t, 3) for t in v] for k, v in took.items()})
            print(cases[-1])
    result = {"date": date.today().isoformat(), "machine": machine(), "pictures": rounds * BATCH, "unit": "seconds a picture", "cases": cases}
    (ROOT / "benchmarks" / "rendering.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
