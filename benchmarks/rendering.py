"""Pictures per second of the same scenes on the whole machine: our kept workers against BlenderProc, in one run, taking turns.

    pip install --no-deps --target runs/peers blenderproc==2.8.0 h5py progressbar pypng gitpython gitdb smmap vhacdx
    python benchmarks/rendering.py

BlenderProc, the peer that most people would pick, starts Blender anew for each scene. It may run its processes one after another with all
cores each, or side by side with one core each; both are timed, and the ratio is against the faster. It gets the scenes built, as .blend
files, and our samples and bounces; both give the picture, the instances and the depth. The result goes to benchmarks/rendering.json,
which chapter 03 shows.
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

import numpy as np
from tqdm.auto import tqdm

from cvbook.book.claims import machine
from cvbook.data.render.products import SKUS
from cvbook.data.render.renderer import Renderer
from cvbook.data.render.scene import Scene
from cvbook.data.render.shelves import close_up, shelf
from cvbook.data.render.worker import Blender
from cvbook.paths import ROOT, RUNS

CASES = {
    "shelf, 320 × 240": lambda i: shelf(7, i),
    "shelf, 160 × 120": lambda i: shelf(7, i, size=(160, 120)),
    "close-up, 96 × 96": lambda i: close_up(7, i, i % SKUS),
}
CORES = len(os.sched_getaffinity(0))
BATCH = 2 * CORES  # pictures a turn


def blender_proc(scene: Scene, blend: Path, threads: int) -> np.ndarray:
    """One picture by a new BlenderProc process, uint8[H, W, 3]; threads: 0 for one per core."""
    with tempfile.TemporaryDirectory() as folder:
        out, request = Path(folder) / "out.npz", Path(folder) / "request.json"
        camera = scene.camera.matrix()
        wide = 2 * np.arctan(np.tan(scene.camera.fov / 2) * max(1, scene.size[0] / scene.size[1]))  # Blender's angle is that of the longer side
        request.write_text(json.dumps({
            "packages": str(RUNS / "peers"), "blend": str(blend), "size": scene.size, "fov": wide, "camera": camera.tolist(), "exposure": scene.exposure,
            "samples": scene.samples, "threads": threads, "out": str(out),
        }))  # fmt: skip
        done = subprocess.run([sys.executable, Path(__file__).with_name("blenderproc_peer.py"), request], capture_output=True, text=True)
        if not out.exists():
            raise SystemExit("BlenderProc failed: install it as the head of this file says. " + done.stderr[-500:])
        return np.load(out)["image"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help=f"turns of {BATCH} pictures for each way and kind of picture")
    rounds, cases = parser.parse_args().rounds, []
    with Renderer(CORES) as kept, tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CORES) as pool:
        builder = Blender()
        for name, scene in CASES.items():
            list(kept.render([scene(10_000)] * CORES))  # started, as it is for all but the first pictures of a set
            took: dict[str, list[float]] = {"cvbook": [], "one after another": [], "side by side": []}
            for turn in tqdm(range(rounds), desc=name):
                scenes = [scene(BATCH * turn + k) for k in range(BATCH)]
                blends = [Path(folder) / f"{k}.blend" for k in range(BATCH)]
                for one, blend in zip(scenes, blends):
                    new = builder.arrange(one)
                    for image in builder.bpy.data.images:
                        if image.source == "GENERATED" and not image.packed_file:
                            image.pack()
                    builder.bpy.ops.wm.save_as_mainfile(filepath=str(blend), copy=True)
                    builder.clear(new)
                began = time.perf_counter()
                ours = [done.image for done in kept.render(scenes)]
                took["cvbook"].append((time.perf_counter() - began) / BATCH)
                began = time.perf_counter()
                theirs = [blender_proc(one, blend, 0) for one, blend in zip(scenes, blends)]
                took["one after another"].append((time.perf_counter() - began) / BATCH)
                began = time.perf_counter()
                list(pool.map(blender_proc, scenes, blends, [1] * BATCH))
                took["side by side"].append((time.perf_counter() - began) / BATCH)
                for a, b in zip(ours, theirs):
                    if np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.95:
                        raise SystemExit(f"{name}: the two rendered different scenes, so their times cannot be compared.")
            way = min(("one after another", "side by side"), key=lambda w: np.median(took[w]))
            ratio = round(float(np.median(np.divide(took[way], took["cvbook"]))), 2)
            took["BlenderProc"] = took[way]
            cases.append({"name": name, "faster": way, "ratio": ratio} | {k: [round(t, 3) for t in v] for k, v in took.items()})
            print(cases[-1])
    result = {"date": date.today().isoformat(), "machine": machine(), "pictures": rounds * BATCH, "unit": "seconds a picture", "cases": cases}
    (ROOT / "benchmarks" / "rendering.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
