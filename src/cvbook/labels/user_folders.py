"""A folder of user folders of photos: read it, and report what cleaning would drop.

Nothing is ever deleted.
"""

import csv
import html
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from cvbook.files import printable, replacing, write_text
from cvbook.images import SUFFIXES, ImageError, data_uri, load_image
from cvbook.metrics.retrieval import distance


@dataclass
class UserFolders:
    """Pictures as read.

    Attributes:
        files: paths relative to the folder.
        users: [N], name of the user's folder.
        images: uint8[N, 3, side, side], the middle square scaled.
        unreadable: path and reason of each file that could not be read.
    """

    files: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    images: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, 1, 1), np.uint8))
    unreadable: dict[str, str] = field(default_factory=dict)


def load_user_folders(folder: str | Path, side: int = 48) -> UserFolders:
    """Read `folder/<user>/<picture>`; a picture that cannot be read is listed and left out.

    Raises:
        ImageError: the folder is missing, or fewer than two of its subfolders hold pictures that
            can be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ImageError(
            f"{folder} is not a folder: name one that holds a folder of pictures per user or class."
        )
    found, images = UserFolders(), []
    files = sorted(p for p in folder.glob("*/*") if p.suffix.lower() in SUFFIXES)
    for path in tqdm(files, desc="reading", leave=False):
        name = path.relative_to(folder).as_posix()
        try:
            picture = Image.fromarray(load_image(path))
            square = ImageOps.fit(picture, (side, side), Image.Resampling.BILINEAR)
        except ImageError as error:
            found.unreadable[name] = str(error)
            continue
        images.append(np.asarray(square).transpose(2, 0, 1))  # h,w,c → c,h,w
        found.files.append(name)
        found.users.append(path.parent.name)
    if len(set(found.users)) < 2:
        raise ImageError(
            f"{folder} needs at least two users or classes, as {folder}/<name>/<picture>.jpg; "
            f"{len(set(found.users))} hold pictures that can be read."
        )
    found.images = np.stack(images)
    return found


def reasons(x: np.ndarray, users: list[str], keep: np.ndarray, threshold: float) -> list[str]:
    """Why each picture stays or goes, one sentence each; x: float32[N, d], unit vectors."""
    out, names = [], np.asarray(users)
    for i, (user, kept) in enumerate(zip(users, keep, strict=True)):
        own = np.flatnonzero((names == user) & keep & (np.arange(len(x)) != i))
        if not len(own):
            out.append("the only picture" if kept else "the user's pictures all lie apart")
            continue
        far = float(distance(x[own], x[i]).max())
        verb, others = ("at most", "others that stay") if kept else ("up to", "that stay")
        width = f"a cluster may be {threshold:.2f} wide"
        out.append(f"{verb} {far:.2f} from the {len(own)} {others}; {width}")
    return out


STYLE = (
    "body{font:15px system-ui;margin:1em;color-scheme:light dark}"
    "figure{display:inline-block;width:120px;margin:4px;vertical-align:top;font-size:12px}"
    "img{width:112px;height:112px;border:4px solid #009e73}.drop img{border-color:#d55e00}"
)


def write_report(
    out: str | Path, found: UserFolders, keep: np.ndarray, why: list[str]
) -> tuple[Path, Path]:
    """Write `cleaning.csv` and `cleaning.html`, and return their paths.

    The first has file, user, verdict and reason, the second thumbnails, what would go framed in
    red. Files that could not be read are listed in both.

    Args:
        out: folder, made if need be.
        found: the pictures.
        keep: bool[N], which would stay.
        why: the reason for each, see `reasons`.
    """
    out = Path(out)
    table, page = out / "cleaning.csv", out / "cleaning.html"
    verdicts = ["keep" if kept else "drop" for kept in keep]
    rows = list(zip(found.files, found.users, verdicts, why, strict=True))
    rows += [(f, f.split("/")[0], "unreadable", w) for f, w in found.unreadable.items()]
    # A name that is not UTF-8 is written as the bytes that it is.
    with (
        replacing(table) as part,
        open(part, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        csv.writer(file).writerows([("file", "user", "verdict", "reason"), *rows])
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>What cleaning would drop</title>"
        f"<style>{STYLE}</style><h1>What cleaning would drop</h1>"
        f"<p>{int((~keep).sum())} of {len(keep)} pictures; "
        f"{len(found.unreadable)} could not be read. "
        "Nothing has been deleted: cleaning.csv lists every file.</p>"
    ]
    for user in dict.fromkeys(found.users):
        mine = [i for i, u in enumerate(found.users) if u == user]
        stay = sum(keep[i] for i in mine)
        parts.append(f"<h2>{html.escape(printable(user))}: {stay} of {len(mine)} stay</h2>")
        for i in sorted(mine, key=lambda i: keep[i]):
            text = html.escape(printable(f"{verdicts[i]}: {Path(found.files[i]).name}, {why[i]}"))
            shown = data_uri(found.images[i].transpose(1, 2, 0), 112)  # c,h,w → h,w,c
            parts.append(
                f"<figure class={verdicts[i]}><img alt='' src='{shown}'>"
                f"<figcaption>{text}</figcaption></figure>"
            )
    lost = (printable(f"{file}: {reason}") for file, reason in found.unreadable.items())
    parts += [f"<p>{html.escape(line)}</p>" for line in lost]
    write_text(page, "\n".join(parts) + "\n")
    return table, page
