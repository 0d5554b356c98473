"""Rendered data sets: each picture is kept as soon as it is made, then all are packed into Parquet for `datasets`.

cvbook data render crops            # the set that ships, with the committed seed
cvbook data render shelves --count 100000 --out runs/sets/shelves
"""

import base64
import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from cvbook.data.render import queues, shelves
from cvbook.data.render.instances import instances, shoot
from cvbook.data.render.people import cameras
from cvbook.data.render.people import pictures as people
from cvbook.data.render.products import SKUS, sku
from cvbook.data.render.renderer import Rendered, Renderer
from cvbook.data.render.scene import Scene, placement

Row = dict[str, object]
WORLDS = (("train", "train"), ("test", "train"), ("train", "test"), ("test", "test"))  # (SKUs, shelves): which of the two are held out


@dataclass(frozen=True)
class RenderedSet:
    """How a set is made.

    Attributes:
        count: pictures that ship. seconds: about how long one takes on one core.
        scenes: row number → its scenes, from the set's seed. row: their pictures and the number → columns; bytes become images.
        images: names of the columns that are pictures. views: scenes a row.
    """

    count: int
    seconds: float
    scenes: Callable[[int, int], tuple[Scene, ...]]
    row: Callable[[tuple[Rendered, ...], int, int], Row]
    images: tuple[str, ...] = ("image",)
    views: int = 1


def encode(image: np.ndarray, kind: str = "WEBP", quality: int = 82) -> bytes:
    """Picture uint8[H, W, 3] as WebP, or a mask int[H, W] as 16-bit PNG with kind "PNG"."""
    out = io.BytesIO()
    if kind == "PNG":
        Image.fromarray(image.astype(np.uint16)).save(out, "PNG", optimize=True)
    else:
        Image.fromarray(image).save(out, kind, quality=quality, method=6)
    return out.getvalue()


def _shelf_worlds(index: int) -> tuple[str, str]:
    """Of eight pictures in a row five are for training, and one each holds out the SKUs, the shelves, and both."""
    return WORLDS[max(0, index % 8 - 4)]


def shelf_scene(seed: int, index: int) -> tuple[Scene]:
    """Picture `index` of the shelf set."""
    skus, world = _shelf_worlds(index)
    return (shelves.shelf(seed, index, skus, world),)


def shelf_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the shelf set: picture, mask, worlds, and lists over what is visible."""
    skus, world = _shelf_worlds(index)
    (picture,) = pictures
    found = instances(picture)
    return {
        "image": encode(shoot(picture.image, np.random.default_rng([seed, index, 51]))), "mask": encode(picture.mask, "PNG"), "index": index, "skus": skus,
        "world": world, "label": [i.label for i in found], "kind": [i.notes["kind"] for i in found], "sku": [i.notes["sku"] for i in found],
        "category": [i.notes.get("category", "") for i in found], "text": [i.notes.get("text", "") for i in found], "box": [list(i.visible) for i in found],
        "whole": [[round(v, 1) for v in i.whole] for i in found], "visible": [round(i.fraction, 3) for i in found],
    }  # fmt: skip


def crop_world(index: int) -> str:
    """Of each SKU's thirteen views the last three are in the other world."""
    return "test" if index // SKUS >= 10 else "train"


def crop_scene(seed: int, index: int) -> tuple[Scene]:
    """Picture `index` of the crop set: all SKUs in turn."""
    return (shelves.close_up(seed, index // SKUS, index % SKUS, crop_world(index)),)


def crop_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the crop set."""
    (picture,) = pictures
    item, found = sku(index % SKUS), instances(picture)
    return {"image": encode(shoot(picture.image, np.random.default_rng([seed, index, 52]), 0.4)), "index": index, "sku": item.number, "category": item.category,
            "skus": item.split, "world": crop_world(index), "visible": round(found[0].fraction, 3) if found else 0.0}  # fmt: skip


def people_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the people set: face and body at one moment, the truth about the person, and where things are in either picture."""
    rng = np.random.default_rng([seed, index, 53])
    notes = pictures[0].scene.notes
    face, body = (people.measure(p, notes["body"]) for p in pictures)
    return {
        "face": encode(shoot(pictures[0].image, rng, 0.35)), "body": encode(shoot(pictures[1].image, rng, 0.35)), "index": index,
        "split": people.split_of(notes["truth"]["identity"]), **notes["truth"], "landmarks": face["landmarks"], "face_box": face["face_box"],
        "face_visible": face["face_visible"], "body_face_box": body["face_box"], "body_head_box": body["head_box"], "body_box": body["body_box"],
        "body_visible": body["body_visible"],
    }  # fmt: skip


def group_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the set of faces in scenes: the picture, and lists over its people, nearest first."""
    (picture,) = pictures
    found = []
    for label, note in picture.scene.notes.items():
        x, y, turn = note["place"]
        where = people.measure(picture, note["body"], placement((x, y, 0.0), (0.0, 0.0, turn)))
        found.append({**note["truth"], **where, "pixels": int((picture.mask == int(label)).sum())})
    found = sorted((f for f in found if f["pixels"]), key=lambda f: -f["pixels"])
    keys = ("identity", "years", "gender", "smile", "face_box", "head_box", "body_box", "landmarks", "face_visible", "body_visible", "pixels")
    image = encode(shoot(picture.image, np.random.default_rng([seed, index, 54]), 0.4))
    return {"image": image, "index": index, "split": "test" if index % 5 == 4 else "train", **{key: [f[key] for f in found] for key in keys}}


FRAMES, SECONDS = 20, 4.0  # frames of a sequence, and the time from one to the next


def queue_scene(seed: int, index: int) -> tuple[Scene]:
    """Frame `index % FRAMES` of sequence `index // FRAMES`."""
    return (queues.frame(seed, index // FRAMES, SECONDS * (index % FRAMES)),)


def queue_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the queue set: the picture, how many wait at the camera's desk, and lists over the people in it."""
    (picture,) = pictures
    desk, found = picture.scene.notes["camera"]["desk"], []
    everybody = [(label, note) for label, note in picture.scene.notes.items() if label != "camera"]
    for label, note in everybody:
        x, y, turn = note["place"]
        where = people.measure(picture, note["body"], placement((x, y, 0.0), (0.0, 0.0, turn)))
        found.append({**where, "role": note["role"], "desk": note["desk"], "wait": note["wait"], "pixels": int((picture.mask == int(label)).sum())})
    seen = [f for f in found if f["pixels"] > 20]
    keys = ("head_box", "body_box", "body_visible", "role", "desk", "wait", "pixels")
    image = encode(shoot(picture.image, np.random.default_rng([seed, index, 55]), 0.4))
    split = "test" if index // FRAMES % 4 == 3 else "train"
    waiting = sum(n["role"] == "waiting" and n["desk"] == desk for _, n in everybody)
    about = {"image": image, "index": index, "sequence": index // FRAMES, "second": SECONDS * (index % FRAMES), "split": split, "waiting": waiting}
    return {**about, **{key: [f[key] for f in seen] for key in keys}}


def camera_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the set of people before cameras."""
    (picture,) = pictures
    notes = picture.scene.notes
    where = people.measure(picture, notes["body"])
    split = "train" if index // (cameras.CAMERAS * cameras.PASSES) < cameras.TRAIN else "test"
    about = {"image": encode(shoot(picture.image, np.random.default_rng([seed, index, 56]), 0.35)), "index": index, "camera": notes["camera"], "split": split}
    return {**about, **notes["truth"], "body_box": where["body_box"], "body_visible": where["body_visible"]}


SETS = {
    "people": RenderedSet(3240, 2.2, people.portrait, people_row, ("face", "body"), 2),
    "queues": RenderedSet(12 * FRAMES, 5.0, queue_scene, queue_row),
    "groups": RenderedSet(300, 7.5, lambda seed, index: (people.group(seed, index),), group_row),
    "shelves": RenderedSet(320, 5.0, shelf_scene, shelf_row, ("image", "mask")),
    "cameras": RenderedSet(
        (cameras.TRAIN + cameras.AWAY + cameras.HOME) * cameras.CAMERAS * cameras.PASSES, 1.0, lambda seed, index: (cameras.sighting(seed, index),), camera_row
    ),
    "crops": RenderedSet(13 * SKUS, 0.3, crop_scene, crop_row),
}


def _kept(file: Path) -> Row:
    return {k: base64.b64decode(v["bytes"]) if isinstance(v, dict) else v for k, v in json.loads(file.read_text()).items()}


def _keep(row: Row, file: Path) -> None:
    content = {k: {"bytes": base64.b64encode(v).decode()} if isinstance(v, bytes) else v for k, v in row.items()}
    file.with_suffix(".tmp").write_text(json.dumps(content, ensure_ascii=False))
    file.with_suffix(".tmp").replace(file)


def make(name: str, folder: Path, seed: int = 0, first: int = 0, last: int | None = None, workers: int = 1) -> Iterator[Row]:
    """Render pictures first … last − 1 of a set and yield their rows in order.

    What is in `folder` already is read and not rendered again, so a run that was killed loses nothing but the pictures it was at.

    Raises:
        ValueError: unknown set. RenderError: see `renderer.Renderer.render`.
    """
    if name not in SETS:
        raise ValueError(f"There is no rendered set {name!r}; there are {', '.join(SETS)}.")
    spec = SETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(first, spec.count if last is None else last)
    files = {i: folder / f"{seed}-{i:07d}.json" for i in numbers}
    missing = [i for i in numbers if not files[i].exists()]
    print(
        f"{name}: {len(missing)} of {len(numbers)} pictures to render, about {len(missing) * spec.seconds / 60 / workers:.0f} minutes with {workers} worker(s)."
    )
    with Renderer(workers) as renderer, tqdm(total=len(missing), unit="picture", desc=name, mininterval=1) as bar:
        pictures = renderer.render(scene for i in missing for scene in spec.scenes(seed, i))
        for i in missing:
            _keep(spec.row(tuple(itertools.islice(pictures, spec.views)), seed, i), files[i])
            bar.update()
    for i in numbers:
        yield _kept(files[i])


def pack(name: str, rows: Iterator[Row], folder: Path, per_shard: int = 4000) -> list[Path]:
    """Write rows as Parquet shards that `datasets.load_dataset("parquet", data_dir=folder)` reads, pictures as images."""
    from datasets import Dataset, disable_progress_bars
    from datasets import Image as ImageFeature

    disable_progress_bars()
    all_rows = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    count, written = -(-len(all_rows) // per_shard), []
    for n in range(count):
        part = all_rows[n * per_shard : (n + 1) * per_shard]
        columns = {key: [{"bytes": r[key], "path": None} if key in SETS[name].images else r[key] for r in part] for key in part[0]}
        data = Dataset.from_dict(columns)
        for key in SETS[name].images:
            data = data.cast_column(key, ImageFeature())
        target = folder / (f"{name}.parquet" if count == 1 else f"{name}-{n:05d}-of-{count:05d}.parquet")
        data.to_parquet(str(target.with_suffix(".tmp")))
        target.with_suffix(".tmp").replace(target)
        written.append(target)
    return written


def load(name: str):
    """A shipped set as a `datasets.Dataset`, from `data/rendered`; raises FileNotFoundError if it is missing."""
    from datasets import Dataset, disable_progress_bars

    from cvbook.paths import data_path

    disable_progress_bars()  # the first reading on a machine would leave one in a notebook
    return Dataset.from_parquet(str(data_path("rendered", f"{name}.parquet")), keep_in_memory=True)
