"""The services over HTTP, against the same functions called directly."""

import asyncio
import io
import os
import time

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from cvbook.data.age_gender import AgeScale
from cvbook.deploy.age import read_people
from cvbook.deploy.indexing import build
from cvbook.deploy.search import Index
from cvbook.deploy.serve import Limits, make_app
from cvbook.deploy.services import ages, reading, searching
from cvbook.models.mivolo import mivolo_small
from cvbook.models.reader import Reader
from cvbook.models.recogniser import SIGHT
from cvbook.text.lines import make_line


def upload(image: np.ndarray) -> dict:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return {"content": out.getvalue(), "headers": {"content-type": "image/png"}}


def ask(service, calls: list[tuple[str, np.ndarray]]) -> list[httpx.Response]:
    """All calls at once."""

    async def main():
        app = make_app({"it": service}, Limits(rate=1e6, burst=10**6))
        there = {
            "transport": httpx.ASGITransport(app),
            "base_url": "http://localhost",
            "timeout": 60,
        }
        async with httpx.AsyncClient(**there) as client:
            sent = [client.post(f"/it{query}", **upload(image)) for query, image in calls]
            return await asyncio.gather(*sent)

    return asyncio.run(main())


def test_reading_lines_and_pages():
    reader = Reader()
    lines = [make_line(3, i, 0.1, language="en", split="test") for i in range(6)]
    images = [line.image for line in lines]
    answers = ask(reading(reader), [("?line=1", image) for image in images])
    for image, answer in zip(images, answers, strict=True):
        # Alone: what is beside it in the batch makes no difference.
        ((text, sure),) = reader.recognise([image], margin=SIGHT)
        (line,) = answer.json()["lines"]
        assert line["text"] == text and abs(line["confidence"] - sure) < 2e-4
    blank = np.full((200, 300, 3), 255, np.uint8)
    page = blank.copy()
    page[50 : 50 + images[0].shape[0], 5 : 5 + images[0].shape[1]] = images[0][:, :295]
    got = ask(reading(reader), [("", blank), ("", page)])
    assert got[0].json() == {"lines": [], "turned": 0.0}
    wanted = [line.text for line in reader.read(page)]
    assert wanted and [line["text"] for line in got[1].json()["lines"]] == wanted


def test_searching(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    colours = rng.integers(0, 256, (8, 1, 1, 3), dtype=np.uint8)
    pictures = np.broadcast_to(colours, (8, 20, 20, 3))
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{i}.png")

    def colour(x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) - 0.5

    build(tmp_path / "photos", tmp_path / "index", colour, "colour", 16)
    index = Index(tmp_path / "index")
    calls = [(f"?k={1 + i % 3}", picture) for i, picture in enumerate(pictures)]
    answers = ask(searching(index, colour), calls)
    for i, (picture, answer) in enumerate(zip(pictures, answers, strict=True)):
        wanted = index.query(picture, colour, 1 + i % 3)
        assert [hit["file"] for hit in answer.json()["hits"]] == [hit.file.name for hit in wanted]
    bad = ["?k=0", "?k=lots", "?k=" + "9" * 5000]
    wrong = ask(searching(index, colour), [(query, pictures[0]) for query in bad])
    assert [a.status_code for a in wrong] == [422] * 3


@pytest.mark.parametrize("inputs", [1, 2])
def test_ages(inputs):
    torch.manual_seed(0)
    model, scale = mivolo_small(inputs=inputs).eval(), AgeScale(0, 95)
    images = np.random.default_rng(0).integers(0, 256, (4, 120, 80, 3), dtype=np.uint8)
    calls = [("?face=20,10,50,45&body=5,0,75,118", image) for image in images]
    *answers, empty = ask(ages(model, scale), [*calls, ("", np.zeros((60, 60, 3), np.uint8))])
    for image, answer in zip(images, answers, strict=True):
        (wanted,) = read_people(model, scale, image, [(20, 10, 50, 45)], [(5, 0, 75, 118)])
        (got,) = answer.json()["people"]
        assert abs(got["age"] - wanted.age) <= 0.11
        assert abs(got["male"] - wanted.male) < 0.01
        assert got["face"] == [20, 10, 50, 45]
    assert empty.json() == {"people": []}
    wrong = ask(ages(model, scale), [("?face=1,2,3", images[0]), ("?body=a,b,c,d", images[0])])
    assert [a.status_code for a in wrong] == [422, 422] and "left,top,right,bottom" in wrong[0].text


def test_ages_of_more_than_one_person_and_boxes_at_the_edge():
    torch.manual_seed(0)
    model, scale = mivolo_small().eval(), AgeScale(0, 95)
    image = np.random.default_rng(0).integers(0, 256, (120, 80, 3), dtype=np.uint8)
    faces, bodies = [(5, 10, 30, 45), (40, 10, 70, 45)], [(0, 0, 38, 118), (39, 0, 80, 120)]
    two = "?face=5,10,30,45&body=0,0,38,118&face=40,10,70,45&body=39,0,999,999"
    many = "?" + "&".join(["face=5,10,30,45"] * 101)
    answers = ask(
        ages(model, scale),
        [
            (q, image)
            for q in (two, "?face=-9,-9,30,45", "?face=90,0,99,9", "?body=0,120,9,130", many)
        ],
    )
    assert [a.status_code for a in answers] == [200, 200, 422, 422, 422]
    wanted = read_people(model, scale, image, faces, bodies)
    people = answers[0].json()["people"]
    assert [(tuple(p["face"]), tuple(p["body"])) for p in people] == list(
        zip(faces, bodies, strict=True)
    )
    for got, one in zip(people, wanted, strict=True):
        assert abs(got["age"] - one.age) <= 0.11
    assert answers[1].json()["people"][0]["face"] == [0, 0, 30, 45]
    assert "90,0,99,9" in answers[2].text and "80 × 120 pixels" in answers[3].text
    assert "at most 100" in answers[4].text


def test_a_strip_is_a_line_of_bounded_length():
    """A few hundred bytes would else become a line of a million pixels."""
    strip = np.random.default_rng(0).integers(0, 256, (1, 60_000, 3), np.uint8)
    begun = time.perf_counter()
    (answer,) = ask(reading(Reader()), [("?line=1", strip)])
    assert answer.status_code == 200 and time.perf_counter() - begun < 15


def test_names_that_are_no_text_are_answered(tmp_path):
    (tmp_path / "photos").mkdir()
    name = os.fsdecode(b"bad\xff.png")
    Image.new("RGB", (9, 9), (9, 250, 9)).save(tmp_path / "photos" / name, "PNG")

    def colour(x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) - 0.5

    build(tmp_path / "photos", tmp_path / "index", colour, "colour", 16)
    dark = np.zeros((9, 9, 3), np.uint8)
    (answer,) = ask(searching(Index(tmp_path / "index"), colour), [("", dark)])
    assert answer.json()["hits"][0]["file"] == "bad\\udcff.png"
