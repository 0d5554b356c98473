"""Sets of people with ages and genders, and the two crops that MiVOLO looks at.

They are a face, and the person without other people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from PIL import Image
from scipy.optimize import linear_sum_assignment

from cvbook.data.age_annotations import Annotation, Box
from cvbook.data.rendered import load
from cvbook.images import load_image

LEAST_LEFT = 0.4  # a body of which less remains is treated as absent


@dataclass(frozen=True)
class AgeScale:
    """Ages as a network gives them: 0 in the middle of the range, from −0.5 to 0.5."""

    low: float = 0.0
    high: float = 95.0

    def encode(self, years: np.ndarray) -> np.ndarray:
        """Years to outputs."""
        return (years - (self.low + self.high) / 2) / (self.high - self.low)

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Outputs to years."""
        return output * (self.high - self.low) + (self.low + self.high) / 2


def _overlap(a: Box, b: Box) -> int:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def pair(faces: Sequence[Box], bodies: Sequence[Box]) -> list[tuple[int | None, int | None]]:
    """Which face belongs to which body: one to one, so that the sum of overlaps is largest.

    An overlap is the mean of intersection over union and of how much of the face lies in the body,
    as MiVOLO's authors use; a pair must overlap.

    Returns:
        Numbers of face and body, for each face in order and then for bodies without one; None for
        what is missing.
    """
    score = np.zeros((len(faces), len(bodies)))
    for i, face in enumerate(faces):
        for j, body in enumerate(bodies):
            common = _overlap(face, body)
            union = _area(face) + _area(body) - common
            score[i, j] = (common / max(union, 1) + common / max(_area(face), 1)) / 2
    rows, columns = linear_sum_assignment(score, maximize=True)
    matched = zip(rows.tolist(), columns.tolist(), strict=True)
    found = {i: j for i, j in matched if score[i, j] > 1e-4}
    alone = [j for j in range(len(bodies)) if j not in found.values()]
    return [(i, found.get(i)) for i in range(len(faces))] + [(None, j) for j in alone]


def letterbox(image: np.ndarray, side: int) -> np.ndarray:
    """A picture uint8[H, W, 3] scaled into a square uint8[side, side, 3], black where nothing is.

    It keeps its proportions.
    """
    h, w = image.shape[:2]
    scale = side / max(h, w)
    height, width = (max(1, round(n * scale)) for n in (h, w))
    small = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    out = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[top : top + height, left : left + width] = small
    return out


def crop(image: np.ndarray, box: Box | None, side: int, without: Sequence[Box] = ()) -> np.ndarray:
    """A face or a body out of a picture, letterboxed; all black if it is absent.

    Args:
        image: uint8[H, W, 3].
        box: None if there is none.
        side: of the crop.
        without: boxes that are blackened first: for a body other people, and the own face, which
            has an input of its own.

    Returns:
        uint8[side, side, 3].
    """
    nothing = np.zeros((side, side, 3), np.uint8)
    h, w = image.shape[:2]
    if box is None:
        return nothing
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], w), min(box[3], h)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return nothing
    part, left = image[y0:y1, x0:x1].copy(), np.ones((y1 - y0, x1 - x0), bool)
    for a, b, c, d in without:
        rows, columns = slice(max(b - y0, 0), max(d - y0, 0)), slice(max(a - x0, 0), max(c - x0, 0))
        part[rows, columns], left[rows, columns] = 0, False
    return letterbox(part, side) if left.mean() >= LEAST_LEFT else nothing


@dataclass(frozen=True)
class Crops:
    """People as a network sees them.

    Attributes:
        pixels: uint8[N, 6, S, S], the face's channels before the body's; a face that is not to be
            seen is black.
        years: float[N].
        male: bool[N].
        face: float[N], how much of the face is visible, 0 from behind.
        identity: int[N].
    """

    pixels: torch.Tensor
    years: np.ndarray
    male: np.ndarray
    face: np.ndarray
    identity: np.ndarray

    def where(self, rows: np.ndarray) -> "Crops":
        """Some rows: bool[N] or int[n]."""
        rest = (a[rows] for a in (self.years, self.male, self.face, self.identity))
        return Crops(self.pixels[torch.from_numpy(rows)], *rest)


def drawn(identity: np.ndarray, share: float, seed: int) -> np.ndarray:
    """All pictures of a share of the people, drawn at random: identities int[N] → bool[N].

    They are drawn, because by their numbers they alternate in gender.
    """
    names = np.random.default_rng(seed).permutation(np.unique(identity))
    return np.isin(identity, names[: round(share * len(names))])


def rendered(side: int = 64, visible: float = 0.3) -> tuple[Crops, Crops]:
    """The book's rendered people, for training and for testing; no identity is in both.

    In the body crop the face is black, as MiVOLO's authors do.

    Args:
        side: of the crops.
        visible: how much of a face must be, or its crop stays black.
    """
    rows = load("people")
    pixels = np.empty((len(rows), side, side, 6), np.uint8)
    for i, row in enumerate(rows):
        seen = row["face_visible"] > visible
        whole = (0, 0, *row["face"].size)
        pixels[i, ..., :3] = crop(np.asarray(row["face"]), whole if seen else None, side)
        x0, y0, x1, y1 = (int(round(c)) for c in row["body_face_box"])
        face = [(x0, y0, x1, y1)] if seen else []
        whole = (0, 0, *row["body"].size)
        pixels[i, ..., 3:] = crop(np.asarray(row["body"]), whole, side, face)
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # n,h,w,c → n,c,h,w
    every = Crops(
        pixels=tensor,
        years=np.array(rows["years"]),
        male=np.array(rows["gender"]) == "male",
        face=np.array(rows["face_visible"]),
        identity=np.array(rows["identity"]),
    )
    held = np.array(rows["split"]) == "test"
    return every.where(~held), every.where(held)


def _middle(age: float | tuple[float, float] | None) -> float:
    """Years, of a range its middle; NaN where nothing is known."""
    return float("nan") if age is None else float(np.mean(age))


def annotated_parts(
    people: Sequence[Annotation], side: int, count: int = 512
) -> Iterator[tuple[Crops, list[Annotation]]]:
    """Crops of annotated people whose age and gender are known, and who they are.

    Of a range of ages the middle is taken. Other people's boxes in the same picture are blackened
    in a body's crop, as is the own face. Pictures that cannot be read are left out.

    Args:
        people: from `read_annotations` or `adience`.
        side: of the crops.
        count: people in a part, or a few more; large sets do not fit into memory.

    Raises:
        ValueError: of nobody both are known, or no picture can be read.
    """
    pixels: list[np.ndarray] = []
    there: list[Annotation] = []
    some = False

    def part() -> tuple[Crops, list[Annotation]]:
        tensor = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)  # n,h,w,c → n,c,h,w
        face = tensor[:, :3].flatten(1).any(1).numpy().astype(float)
        years = np.array([_middle(p.age) for p in there])
        male = np.array([p.male for p in there])
        return Crops(tensor, years, male, face, np.arange(len(there))), list(there)

    for path, group in groupby(sorted(people, key=lambda p: p.path), key=lambda p: p.path):
        together = list(group)
        known = [
            p for p in together if p.age is not None and p.male is not None and (p.face or p.body)
        ]
        if not known:
            continue
        try:
            image = load_image(path)
        except ValueError:
            continue
        boxes = {box for p in together for box in (p.face, p.body) if box}
        for p in known:
            others = [b for b in boxes if b != p.body]
            face, body = crop(image, p.face, side), crop(image, p.body, side, others)
            pixels.append(np.concatenate([face, body], 2))
            there.append(p)
        if len(there) >= count:
            yield part()
            pixels, there, some = [], [], True
    if there:
        yield part()
    elif not some:
        raise ValueError(
            "There is nobody with a box, an age and a gender in a picture that can be read."
        )


def annotated(people: Sequence[Annotation], side: int) -> tuple[Crops, list[Annotation]]:
    """All of `annotated_parts` at once, to train on."""
    return next(annotated_parts(people, side, len(people) + 1))
