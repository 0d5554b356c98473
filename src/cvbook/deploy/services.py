"""The book's networks as services: reading text, searching pictures, estimating ages."""

from collections.abc import Callable, Mapping
from itertools import chain

import numpy as np
import torch

from cvbook.data.age_gender import AgeScale
from cvbook.deploy.age import crops_of, find_people, parse_box
from cvbook.deploy.search import Index, features
from cvbook.deploy.serve import Service
from cvbook.models.mivolo import MiVOLO
from cvbook.models.reader import Reader
from cvbook.models.recogniser import SIGHT
from cvbook.train.age_gender import estimate


def _split(results: list, parts: list) -> list[list]:
    """Results of all parts' members in one list, as a list for each part."""
    left = iter(results)
    return [[next(left) for _ in part] for part in parts]


def reading(reader: Reader) -> Service:
    """Text of a picture: its lines are found for each request, and read together with other requests' lines. `?line=1`: the picture is one line."""

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> list[np.ndarray]:
        if query.get("line") == "1":
            return [image]
        return [picture for _, _, picture in reader.lines(image)]

    def answer(pages: list[list[np.ndarray]]) -> list[dict]:
        read = _split(reader.recognise(list(chain(*pages)), margin=SIGHT), pages)
        return [
            {"lines": [{"text": text, "confidence": round(sure, 4)} for text, sure in page if text]}
            for page in read
        ]

    return Service(prepare, answer)


def searching(
    index: Index, model: Callable[[torch.Tensor], torch.Tensor], most: int = 100
) -> Service:
    """The nearest pictures of an index. `?k=12`: how many."""

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> tuple[np.ndarray, int]:
        k = query.get("k", "12")
        if not (k.isdecimal() and 1 <= int(k) <= most):
            raise ValueError(f"k is {k[:20]!r}; it must be a number from 1 to {most}.")
        return image, int(k)

    def answer(items: list[tuple[np.ndarray, int]]) -> list[dict]:
        images, counts = zip(*items)
        scores, places = index.index.search(
            features(list(images), model, index.about["side"]), min(max(counts), index.index.ntotal)
        )
        files = index.about["files"]
        return [
            {
                "hits": [
                    {"file": files[i], "score": round(float(x), 4)}
                    for i, x in zip(p[:k], s[:k])
                    if i >= 0
                ]
            }
            for s, p, k in zip(scores, places, counts)
        ]

    return Service(prepare, answer)


def ages(model: MiVOLO, scale: AgeScale) -> Service:
    """Apparent age and gender of everybody. `?face=left,top,right,bottom` and `&body=`: boxes; without, OpenCV looks for people."""

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> tuple[np.ndarray, list]:
        given = [[parse_box(query[part])] if part in query else [] for part in ("face", "body")]
        return crops_of(model, image, *(given if any(given) else find_people(image)))

    def answer(items: list[tuple[np.ndarray, list]]) -> list[dict]:
        boxes = [boxes for _, boxes in items]
        crops = torch.from_numpy(np.concatenate([crops for crops, _ in items]))
        found = list(zip(*estimate(model, crops, scale))) if len(crops) else []
        return [
            {
                "people": [
                    {
                        "age": round(float(a), 1),
                        "male": None if m != m else round(float(m), 3),
                        "face": f,
                        "body": b,
                    }
                    for (a, m), (f, b) in zip(part, at)
                ]
            }
            for part, at in zip(_split(found, boxes), boxes)
        ]

    return Service(prepare, answer)
