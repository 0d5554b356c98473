"""Image search: a folder's pictures as vectors in a FAISS index, and the nearest to a picture of yours (Johnson et al. 2019).

An index is a folder: `vectors.faiss`, `files.json` (what was indexed, with which network). Exact up to some 100 000 pictures; above, vectors are
sorted into cells and shortened, which FAISS trains on the vectors themselves.
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
from torch import nn
from tqdm.auto import tqdm

from cvbook.images import SUFFIXES, ImageError, data_uri, load_image

EXACT_UP_TO = 100_000
PROBES = (
    16  # cells of an IVF index that a query looks into; FAISS would take one, and miss nearly half
)


def make_index(vectors: np.ndarray, kind: str = "") -> faiss.Index:
    """An index of unit vectors float32[n, d] by inner product, which for unit vectors is the cosine.

    Args:
        kind: a string of FAISS's factory, such as "Flat", "HNSW32", "IVF1024,Flat", "IVF1024,PQ16"; empty chooses: exact while that is fast, then IVF with
            about √n cells and 8-bit scalars.

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

    Width first, then height: left to itself, Pillow 13 begins with either, and what is rounded in between makes the last bit differ from other programs.
    """
    h, w = image.shape[:2]
    width, height = max(1, round(w / max(w, h) * side)), max(1, round(h / max(w, h) * side))
    small = (
        Image.fromarray(image)
        .resize((width, h), Image.Resampling.BICUBIC)
        .resize((width, height), Image.Resampling.BICUBIC)
    )
    out = np.full((side, side, 3), 128, np.uint8)
    left, top = round((side - width) / 2), round((side - height) / 2)
    out[top : top + height, left : left + width] = small
    return out


@torch.inference_mode()
def features(
    images: list[np.ndarray], model: Callable[[torch.Tensor], torch.Tensor], side: int
) -> np.ndarray:
    """Pictures uint8[H, W, 3] of any size, padded to squares, as unit vectors float32[n, d]; model: float[B, 3, side, side] in 0–1 to float[B, d]."""
    x = (
        torch.from_numpy(np.stack([square(image, side) for image in images]))
        .permute(0, 3, 1, 2)
        .float()
        / 255
    )  # n,h,w,c → n,c,h,w
    return nn.functional.normalize(model(x)).numpy().astype(np.float32)


@dataclass
class Built:
    """What `build` did: how many pictures are in the index, and the reason for each that is not."""

    count: int
    unreadable: dict[str, str]


def build(
    folder: Path,
    out: Path,
    model: Callable[[torch.Tensor], torch.Tensor],
    name: str,
    side: int,
    batch: int = 64,
) -> Built:
    """Index all pictures under a folder, subfolders included; files are written under temporary names, then renamed.

    Args:
        model: see `features`. name: of the network, kept with the index so that queries use the same.

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
    out.mkdir(parents=True, exist_ok=True)
    faiss.write_index(make_index(np.concatenate(vectors)), str(out / "vectors.tmp"))
    (out / "files.tmp").write_text(
        json.dumps(
            {"folder": str(folder.resolve()), "model": name, "side": side, "files": files},
            ensure_ascii=False,
        )
    )
    (out / "vectors.tmp").replace(out / "vectors.faiss")
    (out / "files.tmp").replace(out / "files.json")
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
        self.about = json.loads((folder / "files.json").read_text())
        if len(self.about["files"]) != self.index.ntotal:
            raise FileNotFoundError(
                f"{folder} holds half of an old index and half of a new one: run `cvbook search build` again."
            )

    def query(
        self, image: np.ndarray, model: Callable[[torch.Tensor], torch.Tensor], k: int = 12
    ) -> list[Hit]:
        """The k nearest pictures to uint8[H, W, 3], nearest first."""
        scores, places = self.index.search(
            features([image], model, self.about["side"]), min(k, self.index.ntotal)
        )
        return [
            Hit(Path(self.about["folder"]) / self.about["files"][i], float(s))
            for i, s in zip(places[0], scores[0])
            if i >= 0
        ]


def sheet(image: np.ndarray, hits: list[Hit], out: Path) -> None:
    """Write query and results as one HTML page that needs nothing else; a picture that has gone since is named without its image."""
    cards = [
        f"<figure><img alt='the query' src='{data_uri(image, 180)}'><figcaption><b>query</b></figcaption></figure>"
    ]
    for hit in hits:
        name = html.escape(str(hit.file))
        try:
            shown = f"<img alt='' src='{data_uri(load_image(hit.file), 180)}'>"
        except ImageError as error:
            shown = f"<p>{html.escape(str(error))}</p>"
        cards.append(f"<figure>{shown}<figcaption>{hit.score:.3f}<br>{name}</figcaption></figure>")
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Search results</title>"
        "<style>body{font:15px system-ui;margin:1em;color-scheme:light dark}figure{display:inline-block;width:190px;margin:4px;vertical-align:top;"
        "overflow-wrap:anywhere}img{max-width:180px;max-height:180px}figure:first-of-type{outline:3px solid #0072b2}</style><h1>Search results</h1>"
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".tmp").write_text(page + "".join(cards) + "</html>", encoding="utf-8")
    out.with_suffix(".tmp").replace(out)
