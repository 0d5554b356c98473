"""Pictures per second of the same scenes: the renderer's kept process against one Blender process a picture, in one run, taking turns.

    python benchmarks/rendering.py

BlenderProc, the peer that most people would pick, starts Blender once a scene too. It fetches its own Blender from the network at its first run, so here its
place is taken by what it does: a new process, everything built anew. Same scenes, sizes and samples, one worker. The result goes to
benchmarks/rendering.json, which chapter 03 shows.
"""

import argparse
import json
import time
from datetime import date

import numpy as np
from tqdm.auto import tqdm

from cvbook.book.claims import machine
from cvbook.data.render.products import SKUS
from cvbook.data.render.renderer import Renderer
from cvbook.data.render.shelves import close_up, shelf
from cvbook.paths import ROOT

CASES = {
    "shelf, 320 × 240": lambda i: shelf(7, i),
    "shelf, 160 × 120": lambda i: shelf(7, i, size=(160, 120)),
    "close-up, 96 × 96": lambda i: close_up(7, i, i % SKUS),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8, help="of each kind")
    count, cases = parser.parse_args().pictures, []
    with Renderer(1) as kept:
        for name, scene in CASES.items():
            next(kept.render([scene(10_000)]))  # started, as it is for all but the first picture of a set
            case = {"name": name, "kept process": [], "process a picture": []}
            for i in tqdm(range(count), desc=name):
                began = time.perf_counter()
                ours = next(kept.render([scene(i)])).image
                middle = time.perf_counter()
                with Renderer(1) as fresh:
                    theirs = next(fresh.render([scene(i)])).image
                case["process a picture"].append(round(time.perf_counter() - middle, 3))
                case["kept process"].append(round(middle - began, 3))
                if not np.array_equal(ours, theirs):
                    raise SystemExit(f"{name} {i}: the two rendered different pictures, so their times cannot be compared.")
            case["ratio"] = round(float(np.median(np.divide(case["process a picture"], case["kept process"]))), 2)
            cases.append(case)
            print(case)
    result = {"date": date.today().isoformat(), "machine": machine(), "pictures": count, "unit": "seconds a picture", "cases": cases}
    (ROOT / "benchmarks" / "rendering.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
