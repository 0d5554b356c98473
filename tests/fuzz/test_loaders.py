"""Files that a user, or a stranger, may have: whatever is done to them, a loader says it in words.

Each loader gets its own kind of file, damaged at random by seeded mutations; it may load it or
raise what it documents, with a sentence that names the file. All loaders share a budget
of CVBOOK_FUZZ_SECONDS, 60 if it is not set. A failure prints the seed; `damaged(good, seed)` makes
the file again.
"""

import io
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cvbook.book import claims
from cvbook.data import age_annotations, manifest, public
from cvbook.deploy import indexing, search
from cvbook.deploy.age import parse_box
from cvbook.models import weights
from cvbook.models.embedder import Embedder
from cvbook.models.mivolo import load_checkpoint, mivolo_small, save_checkpoint
from cvbook.task import checklist, sealed
from cvbook.train import checkpoints
from cvbook.worlds import sets
from cvbook.worlds.scene import Scene

SECONDS = float(os.environ.get("CVBOOK_FUZZ_SECONDS", 60))
LIMIT = 4000  # mutations of one loader in a minute; most come to fewer
WORDS = (
    *("nan", "NaN", "inf", "-inf", "1e999", "-1", "0", "1e18", "99999999999999999999", "0x10"),
    *("", " ", '"', "'", "null", "true", "[]", "{}", "[", "{", "[" * 3000, "../../../etc/passwd"),
    *("/etc/passwd", "a/../../b", "\0", "\ufeff", "ÿ", "é" * 300, "x" * 5000, "²", "1_000", "M,M"),
    *("&a [*a]", "!!python/object/apply:os.system [true]", "\t", "\r", "\u2028", "-", ":", "#"),
)


def damaged(good: bytes, seed: int) -> bytes:
    """One to four mutations of a file: of bytes, or of its cells and lines where it is a text."""
    draw = random.Random(seed)
    raw = bytearray(good)
    for _ in range(draw.randint(1, 4)):
        at, kind = draw.randrange(len(raw) + 1), draw.randrange(10)
        length = min(draw.choice((1, 2, 8, 64, 512)), len(raw) - at)
        if kind == 0 and at < len(raw):
            raw[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and length:
            raw[at : at + length] = draw.randbytes(length)
        elif kind == 2:
            del raw[at:]
        elif kind == 3:
            del raw[at : at + length]
        elif kind == 4:
            raw[at:at] = raw[at : at + length] * draw.randint(1, 3)
        else:  # cells
            separator = draw.choice((b",", b"\n", b"\t", b":", b'"', b" "))
            cells = bytes(raw).split(separator)
            one, other = draw.randrange(len(cells)), draw.randrange(len(cells))
            if kind in (5, 6):
                cells[one] = draw.choice(WORDS).encode()
            elif kind == 7:
                cells[one], cells[other] = cells[other], cells[one]
            elif kind == 8:
                cells.insert(one, cells[other])
            else:
                del cells[one]
            raw = bytearray(separator.join(cells))
    return bytes(raw)


@dataclass
class Loader:
    """A good file and what reads it; the exceptions that it documents."""

    file: Path
    load: Callable[[], object]
    kinds: tuple[type[Exception], ...] = (ValueError,)
    named: bool = True  # the message names a file of the folder


def mutations(loader: Loader, seconds: float, most: int) -> Iterator[tuple[int, Exception | None]]:
    """Load damaged files until the time is up: the seed, and what was raised."""
    good, ends = loader.file.read_bytes(), time.monotonic() + seconds
    for seed in range(most):
        if time.monotonic() > ends:
            break
        loader.file.write_bytes(damaged(good, seed))
        try:
            loader.load()
            yield seed, None
        except Exception as error:
            yield seed, error
    loader.file.write_bytes(good)


def saved(path: Path) -> Path:
    Image.new("RGB", (40, 60), (90, 9, 9)).save(path)
    return path


def age_table(tmp_path: Path) -> Loader:
    head = ["img_name", "age", "gender"]
    head += [f"{part}_{c}" for part in ("face", "person") for c in age_annotations.CORNERS]
    lines = [",".join(head)]
    for i in range(6):
        saved(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{20 + i}.0,{'MF'[i % 2]},1,2,{11 + i},12,0,0,30,60")
    lines.append('0.png,"25;32",-1,-1,-1,-1,-1,0,0,9,9')
    (tmp_path / "test.csv").write_text("\n".join(lines))

    def load() -> None:
        for person in age_annotations.read_annotations(tmp_path / "test.csv", tmp_path):
            assert person.path.resolve().is_relative_to(tmp_path.resolve())
            for box in (person.face, person.body):
                assert box is None or (box[0] <= box[2] and box[1] <= box[3])
            assert np.isfinite(np.array(person.age or 0)).all()

    return Loader(tmp_path / "test.csv", load, (ValueError, FileNotFoundError))


def adience(tmp_path: Path) -> Loader:
    head = "user_id\toriginal_image\tface_id\tage\tgender"
    (tmp_path / "aligned" / "1@N00").mkdir(parents=True)
    saved(tmp_path / "aligned" / "1@N00" / "landmark_aligned_face.7.a.png")
    for k in range(5):
        row = "1@N00\ta.png\t7\t(25, 32)\tf"
        (tmp_path / f"fold_{k}_data.txt").write_text(f"{head}\n{row}\n{row.replace('f', 'm')}\n")
    load = lambda: age_annotations.adience(tmp_path)  # noqa: E731
    return Loader(tmp_path / "fold_2_data.txt", load, (ValueError, FileNotFoundError))


def shelves(tmp_path: Path) -> Loader:
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    table = tmp_path / "annotations" / "annotations_test.csv"
    rows = [f"{i}.png,{i},2,30,40,object,100,200" for i in (0, 0, 1, 2)]
    for i in range(3):
        saved(tmp_path / "images" / f"{i}.png")
    table.write_text("\n".join(rows))
    return Loader(table, lambda: list(public.sku110k(tmp_path)), (ValueError, FileNotFoundError))


def groceries(tmp_path: Path, name: str) -> Loader:
    (tmp_path / "classes.csv").write_text(
        "Class, ID, Coarse, ID\nGolden-Delicious, 0, Apple, 0\nOatly, 1, Milk, 7\n"
    )
    saved(tmp_path / "a.png")
    (tmp_path / "test.txt").write_text("a.png, 1, 7\na.png, 0, 0\n")
    load = lambda: list(public.grocery_store(tmp_path))  # noqa: E731
    return Loader(tmp_path / name, load, (ValueError, FileNotFoundError))


def mivolo(tmp_path: Path) -> Loader:
    torch.manual_seed(0)
    file = tmp_path / "model.pt"
    save_checkpoint(mivolo_small(inputs=1, hidden=4), file, 1, 95)
    return Loader(file, lambda: load_checkpoint(file))


def settings_of_mivolo(tmp_path: Path) -> Loader:
    """The same with sizes, names and ages exchanged, which bytes would hardly hit."""
    file, text = tmp_path / "model.pt", tmp_path / "edits.txt"
    state = mivolo_small(inputs=1, hidden=4).state_dict()
    names = ["head.weight", "pos_embed", "network.0.0.norm1.weight", "patch_embed.conv.0.weight"]
    edits = {"min_age": [1], "max_age": [95], **{n: list(state[n].shape) for n in names}}
    text.write_text("\n".join(" ".join([n, *map(str, v)]) for n, v in edits.items()))

    def load() -> None:
        content: dict[str, object] = {"state_dict": dict(state)}
        for line in text.read_bytes().decode(errors="replace").splitlines():
            name, *cells = line.split()[:6] or [""]
            if name.endswith("age"):
                number = re.fullmatch("-?[0-9]+|nan|-?inf|1e[0-9]+", "".join(cells))
                content[name] = float(number[0]) if number else "".join(cells)
            else:
                shape = [int(cell) for cell in cells if re.fullmatch("[0-9]{1,18}", cell)]
                size, some = np.prod(shape, dtype=float), None
                if size < 1e18:
                    some = torch.zeros(()).expand(shape)
                    some = some.clone() if size < 1e6 else some
                content["state_dict"][name] = some
        torch.save(content, file)
        load_checkpoint(file)

    return Loader(text, load)


def shipped_format(tmp_path: Path) -> Loader:
    file = tmp_path / "embedder.safetensors"
    weights.save(Embedder(8, 4), file, {"dim": 8, "width": 4, "channels": 3}, {})
    return Loader(file, lambda: weights.embedder(file), (ValueError, FileNotFoundError))


def training(tmp_path: Path) -> Loader:
    model, file = nn.Linear(3, 2), tmp_path / "c.pt"
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    checkpoints.save(file, model, optimiser, {"lines": 8}, [{"loss": 1.0}], 4)
    return Loader(file, lambda: checkpoints.resume(file, model, optimiser, {"lines": 8}))


def index(tmp_path: Path) -> Loader:
    (tmp_path / "photos").mkdir()
    for i in range(4):
        Image.new("RGB", (9, 9), (60 * i, 9, 99)).save(tmp_path / "photos" / f"{i}.png")

    def colour(x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) - 0.3

    indexing.build(tmp_path / "photos", tmp_path, colour, "colour", 8)
    picture = np.zeros((9, 9, 3), np.uint8)

    def load() -> None:
        found = search.Index(tmp_path)
        search.sheet(picture, found.query(picture, colour, 9), tmp_path / "page.html")

    return Loader(tmp_path / search.index_file.FILE, load)


def look_log(tmp_path: Path) -> Loader:
    file, log = tmp_path / "set.sealed", tmp_path / "set.sealed.log"
    sealed.seal(file, np.zeros((3, 2)), np.zeros(3), ["accuracy"], "correct horse battery")
    for _ in range(3):
        sealed.score(file, lambda x: np.zeros(3), "correct horse battery", "Ада")
    return Loader(log, lambda: sealed.looks(file), (sealed.SealedError,))


def sealed_set(tmp_path: Path) -> Loader:
    file = tmp_path / "set.sealed"
    inputs, truth = np.zeros((3, 2)), np.zeros(3)
    sealed.seal(file, inputs, truth, ["accuracy"], "correct horse battery", looks=10**6)
    load = lambda: sealed.score(  # noqa: E731
        file, lambda x: np.zeros(3), "correct horse battery", "Ada"
    )
    return Loader(file, load, (sealed.SealedError,))


def data_manifest(tmp_path: Path) -> Loader:
    row = "{what: f, licence: l, source: s, sha256: '', rows: one}"
    (tmp_path / "manifest.yaml").write_text(f"fonts/*.ttf: {row}\nx.txt: {row}\n")
    (tmp_path / "x.txt").touch()
    return Loader(tmp_path / "manifest.yaml", manifest.verify)


def task_card(tmp_path: Path) -> Loader:
    file = tmp_path / "card.yaml"
    checklist.save({"product": "A sorter: of fruit.", "edge": "Пакеты"}, file)
    return Loader(file, lambda: checklist.render(checklist.load(file), "t"))


def evidence_rows(tmp_path: Path) -> Loader:
    row = {"claim": "C1", "arm": "a", "value": 0.5, "seed": 0, "profile": "study"}
    file = tmp_path / "runs" / "evidence.jsonl"
    file.parent.mkdir()
    file.write_text("".join(json.dumps(row | {"seed": k}) + "\n" for k in range(3)))
    return Loader(file, lambda: claims.gather(tmp_path / "runs", tmp_path / "out"))


def kept_row(tmp_path: Path) -> Loader:
    file = tmp_path / "0-0000000.json"
    sets._keep({"image": b"abc" * 20, "sku": 3, "index": 0}, file)
    return Loader(file, lambda: sets._kept(file))


def scene(tmp_path: Path) -> Loader:
    file = tmp_path / "scene.json"
    made = sets.SETS["crops"].scenes(0, 0)[0]
    file.write_text(json.dumps(asdict(made)))
    load = lambda: Scene.from_json(file.read_bytes().decode(errors="replace"))  # noqa: E731
    return Loader(file, load, named=False)


def box_text(tmp_path: Path) -> Loader:
    file = tmp_path / "box.txt"
    file.write_text("10,20,110,140")
    load = lambda: parse_box(file.read_bytes().decode(errors="replace"))  # noqa: E731
    return Loader(file, load, named=False)


LOADERS: dict[str, Callable[[Path], Loader]] = {
    made.__name__: made
    for made in (
        *(age_table, adience, shelves, mivolo, settings_of_mivolo, shipped_format, training),
        *(index, look_log, sealed_set, data_manifest, task_card, evidence_rows, kept_row),
        *(scene, box_text),
    )
} | {f"groceries {n}": lambda p, n=n: groceries(p, n) for n in ("test.txt", "classes.csv")}


@pytest.mark.parametrize("name", LOADERS)
def test_damaged_files_are_told_in_words(name, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "DATA", tmp_path)
    loader = LOADERS[name](tmp_path)
    loader.load()  # the good file is good
    raised = tried = 0
    share = SECONDS / len(LOADERS)
    for seed, error in mutations(loader, share, int(LIMIT * max(1, SECONDS / 60))):
        tried += 1
        if error is None:
            continue
        raised += 1
        said = str(error)
        assert isinstance(error, loader.kinds), f"seed {seed}: {type(error).__name__}: {said}"
        assert said.strip() and len(said) < 1500, f"seed {seed}: {said!r}"
        assert not loader.named or str(tmp_path) in said or "manifest" in said, (seed, said)
    assert raised > 0.1 * tried > 0, (raised, tried)
    print(f"{name}: {raised} of {tried} files were refused.")


def test_mutations_are_seeded_and_differ():
    good = io.BytesIO(b"img_name,age\n1.png,30\n2.png,40\n").getvalue()
    made = [damaged(good, seed) for seed in range(200)]
    assert made == [damaged(good, seed) for seed in range(200)]
    assert len(set(made)) > 100
