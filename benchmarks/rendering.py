"""Pictures per second of one shelf scene: the renderer's kept process against one Blender process a picture, in one run.

    python benchmarks/rendering.py

The peer that one would pick, BlenderProc, starts Blender once a scene too; it fetches its own Blender from the network at its first run, so where there is
none the comparison is with what it does: a new process, everything built anew. Same scenes, sizes and samples; the two take turns.
"""

import argparse
import json
import time
from pathlib import Path

from tqdm.auto import tqdm

from cvbook.data.render.renderer import Renderer
from cvbook.data.render.shelves import close_up, shelf


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8)
    count = parser.parse_args().pictures
    kinds = {
        "shelf 320 × 240": lambda i: shelf(7, i),
        "shelf 160 × 120": lambda i: shelf(7, i, size=(160, 120)),
        "close-up 96 × 96": lambda i: close_up(7, i, i),
    }
    result = {}
    print(f"About {count} minutes on one core.")
    for kind, scene in kinds.items():
        seconds = {"kept process": 0.0, "process a picture": 0.0}
        with Renderer(1) as kept:
            next(kept.render([scene(10_000)]))  # started, as it is for all but the first of a set
            for i in tqdm(range(count), desc=kind):
                began = time.perf_counter()
                ours = next(kept.render([scene(i)])).image
                middle = time.perf_counter()
                with Renderer(1) as fresh:
                    theirs = next(fresh.render([scene(i)])).image
                seconds["kept process"] += middle - began
                seconds["process a picture"] += time.perf_counter() - middle
                assert (ours == theirs).all(), "the two must render the same picture"
        result[kind] = {**{k: round(count / v, 3) for k, v in seconds.items()}, "ratio": round(seconds["process a picture"] / seconds["kept process"], 2)}
        print(kind, result[kind])
    Path(__file__).with_suffix(".json").write_text(
        json.dumps({"unit": "pictures per second", "pictures": count, **result}, indent=1, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    main()
