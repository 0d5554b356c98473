"""Make the index of a folder's pictures, or bring one up to date; `search` asks it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from cvbook.deploy import index_file
from cvbook.deploy.search import Network, features, probe, same, square
from cvbook.files import inside
from cvbook.images import ImageError, load_image


@dataclass
class Built:
    """What `build` did.

    Attributes:
        count: pictures in the index.
        unreadable: the reason for each that is not.
        embedded: pictures that the network had to look at; of the others the index, or a copy of
            the same file, had the vector already.
        gone: names that were in the index before and are no longer.
    """

    count: int
    unreadable: dict[str, str]
    embedded: int = 0
    gone: int = 0


def _before(out: Path, given: np.ndarray) -> index_file.Stored | None:
    """The index that is there, if it is whole and of the same network."""
    try:
        before = index_file.read(out)
    except (FileNotFoundError, ValueError):
        return None
    return before if same(before.probe, given) else None


def build(folder: Path, out: Path, model: Network, name: str, side: int, batch: int = 64) -> Built:
    """Index all pictures under a folder, subfolders included; or bring an index up to date.

    What an index of the same network in `out` knows already is not embedded again: a file of the
    same name, size and time of change, or one that holds the same bytes. Pictures that have gone
    leave the index. Links that lead out of the folder are not followed.

    Args:
        folder: of the pictures.
        out: folder of the index; its file is replaced at the end, at once.
        model: see `features`.
        name: of the network, kept with the index so that queries use the same.
        side: of the squares, in pixels.
        batch: pictures at a time.

    Raises:
        ImageError: no folder, or no picture in it that can be read.
        ValueError: the network does not take such squares, or gives NaN.
        OSError: the index cannot be written.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder: name one that holds pictures.")
    given = probe(model, side)
    before = _before(out, given)
    indexed = Path(before.about["folder"]) if before else folder.resolve()
    if indexed != folder.resolve() and indexed.is_dir():  # it was not moved
        raise ImageError(f"{out} is the index of {indexed}: name another folder for this one.")
    if before and before.about["side"] != side:
        before = None
    about = {"folder": str(folder.resolve()), "model": name, "side": side}
    found = Built(0, {})
    # Of all blocks of vectors the row of a digest; and each name's stamp and digest.
    blocks, place, known = [np.zeros((0, len(given)), np.float32)], {}, {}
    if before:
        blocks, digests = [before.vectors], [row.tobytes() for row in before.digests]
        place = {digest: row for row, digest in enumerate(digests)}
        if before.about["folder"] == about["folder"]:
            rows = zip(before.stamps.tolist(), digests, strict=True)
            known = dict(zip(before.about["files"], rows, strict=True))
    files, stamps, held, waiting = [], [], [], []
    every = index_file.pictures(folder, found.unreadable)
    for file in tqdm(every, desc="indexing", unit="picture"):
        try:
            path = inside(folder, file)
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            then, digest = known.get(file, (None, b""))
            if then != stamp:
                digest = index_file.digest(path)
            if digest not in place:
                waiting.append(square(load_image(path, side), side))
                place[digest] = len(blocks[0]) + found.embedded
                found.embedded += 1
        except OSError as error:
            found.unreadable[file] = f"{folder / file} cannot be read ({error.strerror})."
            continue
        except ValueError as error:
            found.unreadable[file] = str(error)
            continue
        files.append(file)
        stamps.append(stamp)
        held.append(digest)
        if len(waiting) == batch:
            blocks.append(features(waiting, model, side))
            waiting = []
    if waiting:
        blocks.append(features(waiting, model, side))
    if not files:
        raise ImageError(
            f"{folder} holds no picture that can be read: {len(every)} files were tried."
        )
    vectors = np.concatenate(blocks)[[place[digest] for digest in held]]
    if not np.isfinite(vectors).all():
        raise ValueError("The network gives NaN for some pictures: check its weights.")
    bytes_held = np.frombuffer(b"".join(held), np.uint8).reshape(-1, 32)
    stored = index_file.Stored(
        about | {"files": files}, np.array(stamps, np.int64), bytes_held, vectors, given
    )
    index_file.write(out, stored)
    found.count, found.gone = len(files), len(known.keys() - set(files))
    return found
