"""Image search: a folder's pictures as vectors in a FAISS index, and the nearest to one of yours.

After Johnson et al. (2019). An index is a folder: `vectors.faiss`, and `files.json` (what was
indexed, with which network). It is exact up to some 100 000 pictures; above, vectors are sorted
into cells and shortened, which FAISS trains on the vectors themselves.
"""

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm.auto import tqdm

from cvbook.files import replacing, write_text
from cvbook.images import SUFFIXES, ImageError, data_uri, load_image

EXACT_UP_TO = 100_000
# Cells of an IVF index that a query looks into; FAISS would take one, and miss nearly half.
PROBES = 16
Network = Callable[[Tensor], Tensor]  # float[B, 3, side, side] in 0–1 → float[B, d]


def make_index(vectors: np.ndarray, kind: str = "") -> faiss.Index:
    """An index of unit vectors float32[n, d] by inner product, which for them is the cosine.

    Args:
        vectors: as above.
        kind: a string of FAISS's factory, such as "Flat", "HNSW32", "IVF1024,Flat", "IVF1024,PQ16".
            Empty chooses: exact while that is fast, then IVF with about 4 √n cells and 8-bit
            scalars.

    Raises:
        ValueError: no vectors, or one that is not finite.
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    if not len(vectors) or not np.isfinite(vectors).all():
        raise ValueError("An index needs at least one vector, and all of them finite.")
    if not kind:
        kind = "Flat" if len(vectors) <= EXACT_UP_TO else f"IVF{int(4 * np.sqrt(len(vectors)))},SQ8"
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        index.train(vectors)
    if hasattr(index, "nprobe"):
        index.nprobe = PROBES
    index.add(vectors)
    return index


def square(image: np.ndarray, side: int) -> np.ndarray:
    """A picture uint8[H, W, 3] fitted into a grey square without stretching, uint8[side, side, 3].

    Width first, then height: left to itself, Pillow 13 begins with either, and what is rounded in
    between makes the last bit differ from other programs.
    """
    h, w = image.shape[:2]
    width, height = max(1, round(w / max(w, h) * side)), max(1, round(h / max(w, h) * side))
    small = Image.fromarray(image)
    for size in ((width, h), (width, height)):
        small = small.resize(size, Image.Resampling.BICUBIC)
    out = np.full((side, side, 3), 128, np.uint8)
    left, top = round((side - width) / 2), round((side - height) / 2)
    out[top : top + height, left : left + width] = small
    return out


@torch.inference_mode()
def features(images: list[np.ndarray], model: Network, side: int) -> np.ndarray:
    """Pictures uint8[H, W, 3] of any size, padded to squares, as unit vectors float32[n, d]."""
    squares = torch.from_numpy(np.stack([square(image, side) for image in images]))
    x = squares.permute(0, 3, 1, 2).float() / 255  # n,h,w,c → n,c,h,w
    return nn.functional.normalize(model(x)).numpy().astype(np.float32)


@dataclass
class Built:
    """What `build` did: how many pictures are in the index, and the reason for each that is not."""

    count: int
    unreadable: dict[str, str]


def build(folder: Path, out: Path, model: Network, name: str, side: int, batch: int = 64) -> Built:
    """Index all pictures under a folder, subfolders included.

    Args:
        folder: of the pictures.
        out: folder of the index; what is there is replaced at the end.
        model: see `features`.
        name: of the network, kept with the index so that queries use the same.
        side: of the squares, in pixels.
        batch: pictures at a time.

    Raises:
        ImageError: no folder, or no picture in it that can be read.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder: name one that holds pictures.")
    found = Built(0, {})
    files, vectors = [], []
    every = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    for start in tqdm(range(0, len(every), batch), desc="indexing", unit="batch"):
        images = []
        for path in every[start : start + batch]:
            file = path.relative_to(folder).as_posix()
            try:
                images.append(load_image(path))
                files.append(file)
            except ImageError as error:
                found.unreadable[file] = str(error)
        if images:
            vectors.append(features(images, model, side))
    if not files:
        raise ImageError(
            f"{folder} holds no picture that can be read: {len(every)} files were tried."
        )
    about = {"folder": str(folder.resolve()), "model": name, "side": side, "files": files}
    index = make_index(np.concatenate(vectors))
    with replacing(out / "files.json") as listing, replacing(out / "vectors.faiss") as part:
        listing.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        faiss.write_index(index, str(part))
    found.count = len(files)
    return found


@dataclass
class Hit:
    """A picture found, and its cosine with the query."""

    file: Path
    score: float


class Index:
    """An index folder that `build` wrote.

    Raises:
        FileNotFoundError: it is none, or building it was interrupted.
    """

    def __init__(self, folder: Path):
        if not (folder / "vectors.faiss").is_file() or not (folder / "files.json").is_file():
            raise FileNotFoundError(
                f"{folder} is not an index: make one with `cvbook search build FOLDER`."
            )
        self.index = faiss.read_index(str(folder / "vectors.faiss"))
        self.about = json.loads((folder / "files.json").read_text(encoding="utf-8"))
        if len(self.about["files"]) != self.index.ntotal:
            raise FileNotFoundError(
                f"{folder} holds half of an old index and half of a new one: "
                "run `cvbook search build` again."
            )

    def nearest(
        self, images: list[np.ndarray], model: Network, k: int
    ) -> list[list[tuple[str, float]]]:
        """For each picture uint8[H, W, 3] the k nearest files and their cosines, nearest first."""
        vectors = features(images, model, self.about["side"])
        scores, places = self.index.search(vectors, min(k, self.index.ntotal))
        files = self.about["files"]
        return [
            [(files[i], float(score)) for i, score in zip(row, cosines, strict=True) if i >= 0]
            for row, cosines in zip(places, scores, strict=True)
        ]

    def query(self, image: np.ndarray, model: Network, k: int = 12) -> list[Hit]:
        """The k nearest pictures to uint8[H, W, 3], nearest first."""
        (found,) = self.nearest([image], model, k)
        return [Hit(Path(self.about["folder"]) / file, score) for file, score in found]


HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    "<meta name=viewport content='width=device-width'><title>Search results</title>"
    "<style>body{font:15px system-ui;margin:1em;color-scheme:light dark}"
    "figure{display:inline-block;width:190px;margin:4px;vertical-align:top;overflow-wrap:anywhere}"
    "img{max-width:180px;max-height:180px}figure:first-of-type{outline:3px solid #0072b2}</style>"
    "<h1>Search results</h1>"
)


def sheet(image: np.ndarray, hits: list[Hit], out: Path) -> None:
    """Write query and results as one HTML page that needs nothing else.

    A picture that has gone since is named without its image.
    """
    query = f"<img alt='the query' src='{data_uri(image, 180)}'>"
    cards = [f"<figure>{query}<figcaption><b>query</b></figcaption></figure>"]
    for hit in hits:
        name = html.escape(str(hit.file))
        try:
            shown = f"<img alt='' src='{data_uri(load_image(hit.file), 180)}'>"
        except ImageError as error:
            shown = f"<p>{html.escape(str(error))}</p>"
        cards.append(f"<figure>{shown}<figcaption>{hit.score:.3f}<br>{name}</figcaption></figure>")
    write_text(out, HEAD + "".join(cards) + "</html>")
