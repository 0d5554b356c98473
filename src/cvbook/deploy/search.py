"""Image search: a folder's pictures as vectors in a FAISS index, and the nearest to one of yours.

After Johnson et al. (2019). It is exact up to some 100 000 pictures; above, vectors are sorted into
cells and shortened, which FAISS trains on the vectors themselves. What is kept is the vectors, in
the one file of `index_file`; FAISS's index is made of them when they are loaded.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cvbook.deploy import index_file
from cvbook.files import inside, printable, write_text
from cvbook.images import ImageError, data_uri, load_image

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


def probe(model: Network, side: int) -> np.ndarray:
    """What a network says of one picture that is the same everywhere, float32[d].

    An index keeps it: who queries with another network is told, and does not get noise.

    Raises:
        ValueError: squares of this side do not fit the network.
    """
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    try:
        return features([noise], model, side)[0]
    except Exception as error:  # each architecture has its own way to refuse a size
        raise ValueError(
            f"The network does not take squares of {side} pixels: choose another side. "
            f"({str(error)[:100] or type(error).__name__})"
        ) from None


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two probes are one network's; processors differ in the sixth digit."""
    return one.shape == other.shape and float(np.linalg.norm(one - other)) < 0.01


@dataclass
class Hit:
    """A picture found.

    Attributes:
        folder, name: where it is.
        score: its cosine with the query.
        digest: SHA-256 of the file that was indexed.
        copy_of: name of an earlier hit that holds the same bytes; empty if there is none.
    """

    folder: Path
    name: str
    score: float
    digest: bytes
    copy_of: str = ""

    @property
    def file(self) -> Path:
        """Its path."""
        return self.folder / self.name

    def image(self, side: int) -> np.ndarray:
        """The picture uint8[H, W, 3], at least `side` pixels wide or high if it was.

        An index may come from a stranger, and the page of results may go to one. So only a picture
        in the index's folder is opened, and only if it holds what was indexed: nobody can name
        pictures that he has not seen.

        Raises:
            ValueError: it has gone, has changed, or lies outside of the folder.
        """
        path = inside(self.folder, self.name)
        try:
            same = index_file.digest(path) == self.digest
        except OSError:
            same = False
        if not same:  # not a word on which it is: that would tell what files there are
            raise ImageError(f"{path} has changed or gone since: {index_file.AGAIN}.")
        return load_image(path, side)


class Index:
    """An index that `build` wrote.

    Args:
        folder: of the index.
        kind: see `make_index`. Exact search is slower and needs no training: it is quicker for a
            single query.

    Attributes:
        index: FAISS's.
        about: see `index_file.Stored`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """

    def __init__(self, folder: Path, kind: str = ""):
        stored = index_file.read(folder)
        self.index, self.about = make_index(stored.vectors, kind), stored.about
        self.digests, self.probe = stored.digests, stored.probe

    def check(self, model: Network) -> None:
        """Raise ValueError if the index was not made with this network."""
        if not same(probe(model, self.about["side"]), self.probe):
            raise ValueError(
                f"The index was made with another network, or with other weights "
                f"({printable(self.about['model'])[:200]}): query with that one, or "
                f"{index_file.AGAIN}."
            )

    def _nearest(self, images: list[np.ndarray], model: Network, k: int) -> list[list]:
        """For each picture rows and cosines of the k nearest."""
        if k < 1:
            raise ValueError(f"k is {k}; it must be at least 1.")
        vectors = features(images, model, self.about["side"])
        if vectors.shape[1] != self.index.d:
            self.check(model)
        scores, places = self.index.search(vectors, min(k, self.index.ntotal))
        return [
            [(int(i), float(score)) for i, score in zip(row, cosines, strict=True) if i >= 0]
            for row, cosines in zip(places, scores, strict=True)
        ]

    def nearest(
        self, images: list[np.ndarray], model: Network, k: int
    ) -> list[list[tuple[str, float]]]:
        """For each picture uint8[H, W, 3] the k nearest files and their cosines, nearest first.

        Raises:
            ValueError: k is less than 1, or the network is another one.
        """
        files = self.about["files"]
        return [
            [(files[i], score) for i, score in found] for found in self._nearest(images, model, k)
        ]

    def query(self, image: np.ndarray, model: Network, k: int = 12) -> list[Hit]:
        """The k nearest pictures to uint8[H, W, 3], nearest first; raises as `nearest`."""
        (found,) = self._nearest([image], model, k)
        hits: list[Hit] = []
        first: dict[bytes, str] = {}
        for i, score in found:
            name, digest = self.about["files"][i], self.digests[i].tobytes()
            folder, copy_of = Path(self.about["folder"]), first.setdefault(digest, name)
            hits.append(Hit(folder, name, score, digest, "" if copy_of == name else copy_of))
        return hits


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

    A picture that cannot be shown, see `Hit.image`, is named with the reason.
    """
    query = f"<img alt='the query' src='{data_uri(image, 180)}'>"
    cards = [f"<figure>{query}<figcaption><b>query</b></figcaption></figure>"]
    for hit in hits:
        try:
            shown = f"<img alt='' src='{data_uri(hit.image(180), 180)}'>"
        except ValueError as error:
            shown = f"<p>{html.escape(printable(error))}</p>"
        text = f"{hit.score:.3f}<br>{html.escape(printable(hit.file))}"
        if hit.copy_of:
            text += f"<br>the same file as {html.escape(printable(hit.copy_of))}"
        cards.append(f"<figure>{shown}<figcaption>{text}</figcaption></figure>")
    write_text(out, HEAD + "".join(cards) + "</html>")
