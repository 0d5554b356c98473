"""Write synthetic lines to disk: Parquet shards and a manifest, by several processes, resumable."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from cvbook.files import replacing, write_text
from cvbook.text.corpus import Split
from cvbook.text.lines import make_line


@dataclass(frozen=True)
class LineSet:
    """What a written set holds; the same settings always give the same lines.

    Attributes:
        lines: how many.
        seed: of `make_line`.
        split: "train" or "test".
        difficulty: 0 to 1, or None for a uniform draw.
        per_shard: lines in a file.
    """

    lines: int
    seed: int = 0
    split: Split = "train"
    difficulty: float | None = None
    per_shard: int = 1000

    def shards(self) -> Iterator[tuple[str, int, int]]:
        """File name, first and one past the last line of each shard."""
        count = -(-self.lines // self.per_shard)
        for i in range(count):
            yield (
                f"lines-{i:05d}-of-{count:05d}.parquet",
                i * self.per_shard,
                min((i + 1) * self.per_shard, self.lines),
            )


def _png(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _write(folder: Path, spec: LineSet, name: str, first: int, last: int) -> str:
    from datasets import Dataset, Features, Value, disable_progress_bars
    from datasets import Image as ImageFeature

    disable_progress_bars()
    lines = [make_line(spec.seed, i, spec.difficulty, spec.split) for i in range(first, last)]
    pictures = [{"bytes": _png(line.image), "path": None} for line in lines]
    columns: dict[str, list] = {"image": pictures}
    features = {"image": ImageFeature()}
    for key in ("text", "font", "kind", "language", "difficulty"):
        columns[key] = [getattr(line, key) for line in lines]
        features[key] = Value("float32" if key == "difficulty" else "string")
    with replacing(folder / name) as part:
        Dataset.from_dict(columns, features=Features(features)).to_parquet(str(part))
    return name


def write_lines(folder: Path | str, spec: LineSet, workers: int = 1) -> Path:
    """Write a set of lines.

    Shards that are there already are kept, so a run that was killed goes on where it stopped.

    Args:
        folder: created if need be. `datasets.load_dataset("parquet", data_dir=folder)` loads it.
        spec: what to write.
        workers: processes. The files do not depend on their number.

    Returns:
        The manifest, `manifest.json`, written last: a folder without it is unfinished.

    Raises:
        ValueError: the folder holds a set with other settings.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "settings.json"
    if settings.exists() and json.loads(settings.read_text()) != asdict(spec):
        raise ValueError(
            f"{folder} holds lines with other settings ({settings.read_text().strip()}): "
            "choose another folder or delete it."
        )
    write_text(settings, json.dumps(asdict(spec)) + "\n")
    todo = [shard for shard in spec.shards() if not (folder / shard[0]).exists()]
    count = sum(b - a for _, a, b in todo)
    with (
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        tqdm(total=count, unit="line", desc=f"writing to {folder.name}") as bar,
    ):
        jobs = {pool.submit(_write, folder, spec, *shard): shard for shard in todo}
        for job in as_completed(jobs):
            job.result()
            bar.update(jobs[job][2] - jobs[job][1])
    manifest = {
        "settings": asdict(spec),
        "shards": [{"file": name, "lines": b - a} for name, a, b in spec.shards()],
    }
    write_text(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    return folder / "manifest.json"
