"""Rendered data sets: each picture is kept as soon as it is made, then all are packed into Parquet.

`datasets` reads the Parquet files.

cvbook data render crops            # the set that ships, with the committed seed
cvbook data render shelves --count 100000 --out runs/sets/shelves
"""

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from tqdm.auto import tqdm

from cvbook.files import replacing, write_text
from cvbook.worlds.blender.renderer import Renderer
from cvbook.worlds.people import cameras, pictures, queues
from cvbook.worlds.rendered_set import RenderedSet, Row
from cvbook.worlds.shelves.products import SKUS
from cvbook.worlds.shelves.rows import crop_row, crop_scene, shelf_row, shelf_scene

SETS = {
    "people": RenderedSet(3240, 2.2, pictures.portrait, pictures.people_row, ("face", "body"), 2),
    "queues": RenderedSet(12 * queues.FRAMES, 5.0, queues.queue_scene, queues.queue_row),
    "groups": RenderedSet(
        300, 7.5, lambda seed, index: (pictures.group(seed, index),), pictures.group_row
    ),
    "shelves": RenderedSet(320, 5.0, shelf_scene, shelf_row, ("image", "mask")),
    "cameras": RenderedSet(
        (cameras.TRAIN + cameras.AWAY + cameras.HOME) * cameras.CAMERAS * cameras.PASSES,
        1.0,
        lambda seed, index: (cameras.sighting(seed, index),),
        cameras.camera_row,
    ),
    "crops": RenderedSet(13 * SKUS, 0.3, crop_scene, crop_row),
}


def _kept(file: Path) -> Row:
    try:
        return {
            k: base64.b64decode(v["bytes"]) if isinstance(v, dict) else v
            for k, v in json.loads(file.read_bytes()).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{file} is damaged: delete it, and it is rendered again.") from None


def _keep(row: Row, file: Path) -> None:
    content = {
        k: {"bytes": base64.b64encode(v).decode()} if isinstance(v, bytes) else v
        for k, v in row.items()
    }
    write_text(file, json.dumps(content, ensure_ascii=False))


def make(
    name: str,
    folder: Path,
    seed: int = 0,
    first: int = 0,
    last: int | None = None,
    workers: int = 1,
) -> Iterator[Row]:
    """Render pictures first … last − 1 of a set and yield their rows in order.

    What is in `folder` already is read and not rendered again, so a run that was killed loses
    nothing but the pictures it was at.

    Args:
        name: of the set, a key of SETS.
        folder: where each row is kept as a JSON file; made if need be.
        seed: of the set.
        first, last: which pictures; `last` None goes on to the set's own number.
        workers: processes; the rows do not depend on their number.

    Raises:
        ValueError: unknown set, no picture or worker, or a row that was kept is damaged.
        RenderError: see `renderer.Renderer.render`.
    """
    if name not in SETS:
        raise ValueError(f"There is no rendered set {name!r}; there are {', '.join(SETS)}.")
    spec = SETS[name]
    numbers = range(first, spec.count if last is None else last)
    if first < 0 or seed < 0 or not numbers:
        raise ValueError(
            f"There is no picture of {name} from {first} up to {numbers.stop}, with seed {seed}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    files = {i: folder / f"{seed}-{i:07d}.json" for i in numbers}
    missing = [i for i in numbers if not files[i].exists()]
    minutes = len(missing) * spec.seconds / 60 / max(workers, 1)
    print(
        f"{name}: {len(missing)} of {len(numbers)} pictures to render, about {minutes:.0f} minutes "
        f"with {workers} worker(s)."
    )
    with (
        Renderer(workers) as renderer,
        tqdm(total=len(missing), unit="picture", desc=name, mininterval=1) as bar,
    ):
        rendered = renderer.render(scene for i in missing for scene in spec.scenes(seed, i))
        for i in missing:
            _keep(spec.row(tuple(itertools.islice(rendered, spec.views)), seed, i), files[i])
            bar.update()
    for i in numbers:
        yield _kept(files[i])


def pack(name: str, rows: Iterator[Row], folder: Path, per_shard: int = 4000) -> list[Path]:
    """Write rows as Parquet shards, with their pictures as images.

    `datasets.load_dataset("parquet", data_dir=folder)` reads them.

    Args:
        name: of the set.
        rows: as `make` gives them.
        folder: made if need be.
        per_shard: rows of a file.
    """
    from datasets import Dataset, disable_progress_bars
    from datasets import Image as ImageFeature

    disable_progress_bars()
    all_rows, pictures = list(rows), SETS[name].images
    folder.mkdir(parents=True, exist_ok=True)
    count, written = -(-len(all_rows) // per_shard), []
    for n in range(count):
        part = all_rows[n * per_shard : (n + 1) * per_shard]
        columns = {key: [row[key] for row in part] for key in part[0]}
        for key in pictures:
            columns[key] = [{"bytes": content, "path": None} for content in columns[key]]
        data = Dataset.from_dict(columns)
        for key in pictures:
            data = data.cast_column(key, ImageFeature())
        end = "" if count == 1 else f"-{n:05d}-of-{count:05d}"
        target = folder / f"{name}{end}.parquet"
        with replacing(target) as unfinished:
            data.to_parquet(str(unfinished))
        written.append(target)
    return written
