"""The book's networks as services: reading text, searching pictures, estimating ages."""

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from starlette.datastructures import QueryParams

from cvbook.data.age_annotations import Box
from cvbook.data.age_gender import AgeScale
from cvbook.deploy.age import crops_of, cut, find_people, parse_box
from cvbook.deploy.search import Index, Network
from cvbook.deploy.serve import Service
from cvbook.files import printable
from cvbook.models.mivolo import MiVOLO
from cvbook.models.reader import Reader
from cvbook.models.recogniser import SIGHT
from cvbook.train.age_gender import estimate

MOST = 100  # hits that a client may ask for, and boxes that it may send


def _split(results: list, parts: list) -> list[list]:
    """Results of all parts' members in one list, as a list for each part."""
    left = iter(results)
    return [[next(left) for _ in part] for part in parts]


def reading(reader: Reader) -> Service:
    """Text of a picture. `?line=1`: the picture is one line.

    Lines that come by themselves are read together with other requests'; a page has lines enough of
    its own, and is read as a whole before.
    """

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> np.ndarray | dict:
        if query.get("line") == "1":
            return image
        lines = reader.read(image)
        turned = round(lines[0].turned, 1) if lines else 0.0
        return {"lines": [shown(r.text, r.confidence) for r in lines], "turned": turned}

    def shown(text: str, sure: float) -> dict:
        return {"text": text, "confidence": round(sure, 4)}

    def answer(items: list[np.ndarray | dict]) -> list[dict]:
        alone = [item for item in items if isinstance(item, np.ndarray)]
        read = iter(reader.recognise(alone, margin=SIGHT) if alone else [])
        return [item if isinstance(item, dict) else one_line(*next(read)) for item in items]

    def one_line(text: str, sure: float) -> dict:
        return {"lines": [shown(text, sure)] if text else []}

    return Service(prepare, answer, pages=True)


def searching(index: Index, model: Network) -> Service:
    """The nearest pictures of an index. `?k=12`: how many.

    Raises:
        ValueError: the index was made with another network.
    """
    index.check(model)

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> tuple[np.ndarray, int]:
        k = query.get("k", "12")
        if not (k.isdecimal() and 1 <= int(k) <= MOST):
            raise ValueError(f"k is {k[:20]!r}; it must be a number from 1 to {MOST}.")
        return image, int(k)

    def shown(hits: list[tuple[str, float]]) -> list[dict]:
        return [{"file": printable(file), "score": round(score, 4)} for file, score in hits]

    def answer(items: list[tuple[np.ndarray, int]]) -> list[dict]:
        found = index.nearest([image for image, _ in items], model, max(k for _, k in items))
        return [{"hits": shown(near[:k])} for near, (_, k) in zip(found, items, strict=True)]

    return Service(prepare, answer)


def ages(model: MiVOLO, scale: AgeScale) -> Service:
    """Apparent age and gender of everybody.

    `?face=left,top,right,bottom` and `&body=`: boxes, each as often as there are people; without,
    OpenCV looks for people.
    """

    def boxes(image: np.ndarray, texts: list[str]) -> list[Box]:
        if len(texts) > MOST:
            raise ValueError(f"There are {len(texts)} boxes; send at most {MOST}.")
        return [cut(parse_box(text), image) for text in texts]

    def prepare(image: np.ndarray, query: Mapping[str, str]) -> tuple[np.ndarray, list]:
        every = cast(QueryParams, query).getlist  # a name may come again
        faces, bodies = (boxes(image, every(part)) for part in ("face", "body"))
        return crops_of(model, image, *((faces, bodies) if faces or bodies else find_people(image)))

    def person(age: float, male: float, face: Box | None, body: Box | None) -> dict:
        sure = None if math.isnan(male) else round(float(male), 3)
        return {"age": round(float(age), 1), "male": sure, "face": face, "body": body}

    def answer(items: list[tuple[np.ndarray, list]]) -> list[dict]:
        paired = [pairs for _, pairs in items]
        crops = torch.from_numpy(np.concatenate([crops for crops, _ in items]))
        found = list(zip(*estimate(model, crops, scale), strict=True)) if len(crops) else []
        return [
            {"people": [person(*read, *at) for read, at in zip(page, pairs, strict=True)]}
            for page, pairs in zip(_split(found, paired), paired, strict=True)
        ]

    return Service(prepare, answer)
