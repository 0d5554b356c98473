"""The book's networks as services: reading text, searching pictures, estimating ages."""

import math
from collections.abc import Mapping
from itertools import chain

import numpy as np
import torch

from cvbook.data.age_annotations import Box
from cvbook.data.age_gender import AgeScale
from cvbook.deploy.age import crops_of, find_people, parse_box
from cvbook.deploy.search import Index, Network
from cvbook.deploy.serve import Service
from cvbook.models.mivolo import MiVOLO
from cvbook.models.reader import Reader
from cvbook.models.recogniser import SIGHT
from cvbook.train.age_gender import estimate

MOST = 100  # hits that a client may ask for


def _split(results: list, parts: list) -> list[list]:
    """Results of all parts' members in one list, as a list for each part."""
    left = iter(results)
    return [[next(left) for _ in part] for part in parts]


def reading(reader: Reader) -> Service:
    """Text of a picture. `?line=1`: the picture is one line.

    Its lines are found for each request, and read together with other requests' lines.
    """

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> list[np.ndarray]:
        if query.get("line") == "1":
            return [image]
        return [picture for _, _, picture in reader.lines(image)]

    def shown(page: list[tuple[str, float]]) -> list[dict]:
        return [{"text": text, "confidence": round(sure, 4)} for text, sure in page if text]

    def answer(pages: list[list[np.ndarray]]) -> list[dict]:
        read = reader.recognise(list(chain(*pages)), margin=SIGHT)
        return [{"lines": shown(page)} for page in _split(read, pages)]

    return Service(prepare, answer, pages=True)


def searching(index: Index, model: Network) -> Service:
    """The nearest pictures of an index. `?k=12`: how many."""

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> tuple[np.ndarray, int]:
        k = query.get("k", "12")
        if not (k.isdecimal() and 1 <= int(k) <= MOST):
            raise ValueError(f"k is {k[:20]!r}; it must be a number from 1 to {MOST}.")
        return image, int(k)

    def shown(hits: list[tuple[str, float]]) -> list[dict]:
        return [{"file": file, "score": round(score, 4)} for file, score in hits]

    def answer(items: list[tuple[np.ndarray, int]]) -> list[dict]:
        found = index.nearest([image for image, _ in items], model, max(k for _, k in items))
        return [{"hits": shown(near[:k])} for near, (_, k) in zip(found, items, strict=True)]

    return Service(prepare, answer)


def ages(model: MiVOLO, scale: AgeScale) -> Service:
    """Apparent age and gender of everybody.

    `?face=left,top,right,bottom` and `&body=`: boxes; without, OpenCV looks for people.
    """

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> tuple[np.ndarray, list]:
        given = [[parse_box(query[part])] if part in query else [] for part in ("face", "body")]
        return crops_of(model, image, *(given if any(given) else find_people(image)))

    def person(age: float, male: float, face: Box | None, body: Box | None) -> dict:
        sure = None if math.isnan(male) else round(float(male), 3)
        return {"age": round(float(age), 1), "male": sure, "face": face, "body": body}

    def answer(items: list[tuple[np.ndarray, list]]) -> list[dict]:
        boxes = [boxes for _, boxes in items]
        crops = torch.from_numpy(np.concatenate([crops for crops, _ in items]))
        found = list(zip(*estimate(model, crops, scale), strict=True)) if len(crops) else []
        return [
            {"people": [person(*read, *at) for read, at in zip(page, pairs, strict=True)]}
            for page, pairs in zip(_split(found, boxes), boxes, strict=True)
        ]

    return Service(prepare, answer)
