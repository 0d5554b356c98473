"""Ages and genders of the people in a picture, by a checkpoint of MiVOLO."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from cv2.data import haarcascades

from cvbook.data.age_annotations import Box
from cvbook.data.age_gender import AgeScale, crop, pair
from cvbook.models.cropping import resized
from cvbook.models.mivolo import MiVOLO
from cvbook.train.age_gender import estimate


@dataclass(frozen=True)
class Estimate:
    """What a network says of a person.

    Attributes:
        age: in years.
        male: probability; nan if the network knows no gender.
        face, body: the boxes it was told by; None for what was not seen.
    """

    age: float
    male: float
    face: Box | None
    body: Box | None


def _boxes(found: Sequence[Sequence[int]], scale: float) -> list[Box]:
    """Boxes left, top, right, bottom from left, top, width, height in a picture that was scaled."""
    corners = ((x, y, x + w, y + h) for x, y, w, h in found)
    return [tuple(round(v / scale) for v in box) for box in corners]  # type: ignore[misc]


def find_people(image: np.ndarray) -> tuple[list[Box], list[Box]]:
    """Boxes of faces and of standing bodies by OpenCV's classic detectors.

    They are quick, and blind to much. Give boxes of your own where it matters. Large pictures are
    searched at 1600 pixels.

    Args:
        image: uint8[H, W, 3].
    """
    cascade = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml")
    scale = min(1.0, 1600 / max(image.shape[:2]))
    image = resized(image, scale, cv2.INTER_AREA) if scale < 1 else image
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    faces = cascade.detectMultiScale(grey, 1.1, 6, minSize=(24, 24))
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
    bodies = hog.detectMultiScale(image, winStride=(8, 8))[0] if min(image.shape[:2]) >= 128 else ()
    return _boxes(faces, scale), _boxes(bodies, scale)


def parse_box(text: str) -> Box:
    """A box from words such as "10,20,110,140": left, top, right and bottom in whole pixels.

    Raises:
        ValueError: these are not four numbers, or the box is empty.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(re.fullmatch("-?[0-9]{1,6}", part) for part in parts):
        raise ValueError(
            f"A box is four whole numbers, left,top,right,bottom in pixels; got {text[:40]!r}."
        )
    x0, y0, x1, y1 = map(int, parts)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(
            f"The box {text} is empty: right must lie right of left, and bottom below top."
        )
    return x0, y0, x1, y1


def cut(box: Box, image: np.ndarray) -> Box:
    """The part of a box that lies in a picture uint8[H, W, 3].

    Raises:
        ValueError: all of it lies outside; the message has the box and the picture's size.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(
            f"The box {','.join(map(str, box))} lies outside of the picture, which is "
            f"{width} × {height} pixels."
        )
    return x0, y0, x1, y1


def crops_of(
    model: MiVOLO, image: np.ndarray, faces: Sequence[Box], bodies: Sequence[Box] = ()
) -> tuple[np.ndarray, list[tuple[Box | None, Box | None]]]:
    """What a network sees of everybody.

    A network of two inputs gets faces and bodies paired, and other people's boxes blackened in a
    body's crop; one of one input sees faces only.

    Args:
        image: uint8[H, W, 3].
        faces, bodies: boxes in it.

    Returns:
        uint8[N, 3 or 6, side, side], and the boxes of face and body that this came from.
    """
    people = pair(faces, bodies) if model.inputs == 2 else [(i, None) for i in range(len(faces))]
    crops, boxes = np.empty((len(people), model.side, model.side, 3 * model.inputs), np.uint8), []
    for row, (f, b) in zip(crops, people, strict=True):
        face, body = None if f is None else faces[f], None if b is None else bodies[b]
        # The own face too: it has a crop of its own.
        others = [box for box in (*faces, *bodies) if box != body]
        parts = [crop(image, face, model.side), crop(image, body, model.side, others)]
        row[:] = np.concatenate(parts[: model.inputs], 2)
        boxes.append((face, body))
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2)), boxes  # n,h,w,c → n,c,h,w


def read_people(
    model: MiVOLO,
    scale: AgeScale,
    image: np.ndarray,
    faces: Sequence[Box],
    bodies: Sequence[Box] = (),
) -> list[Estimate]:
    """Estimate everybody's age and gender in one batch; see `crops_of`."""
    crops, boxes = crops_of(model, image, faces, bodies)
    if not boxes:
        return []
    ages, males = estimate(model, torch.from_numpy(crops), scale)
    return [
        Estimate(float(age), float(male), face, body)
        for age, male, (face, body) in zip(ages, males, boxes, strict=True)
    ]
