import asyncio
import io
import socket
import struct
import threading
import time
import zlib
from functools import partial

import httpx
import numpy as np
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from PIL import Image

from cvbook.deploy.admission import Limits
from cvbook.deploy.serve import Service, make_app

FREE = {"rate": 1e6, "burst": 10**6}
TYPED = {"content-type": "image/png"}


def png(colour=(1, 2, 3), size=(4, 4), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def colour_of(image: np.ndarray, query) -> list[int]:
    if "bad" in query:
        raise ValueError("bad is not a parameter that this service likes.")
    return image[0, 0].tolist()


def told(items: list) -> list:
    if [9, 9, 9] in items:
        raise ValueError("secret detail of the network")
    return [{"colour": item} for item in items]


def ask(app, *calls, together: bool = False):
    """Send (method, path, keywords) to an application: its answers in order."""

    async def main():
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            sent = [client.request(method, path, **given) for method, path, given in calls]
            return await asyncio.gather(*sent) if together else [await one for one in sent]

    return asyncio.run(main())


def post(content: bytes, path: str = "/colour", kind: str = "image/png"):
    return "POST", path, {"content": content, "headers": {"content-type": kind}}


def test_a_picture_is_answered_and_counted():
    dark = Service(lambda image, _: int(image.max()), lambda items: [i < 20 for i in items])
    app = make_app({"colour": Service(colour_of, told), "dark": dark})
    jpeg = png((9, 9, 9), (9, 9), "JPEG")
    posts = post(png()), post(jpeg, "/dark", "image/jpeg"), post(jpeg, kind="")
    gets = ("GET", "/health", {}), ("GET", "/metrics", {})
    good, photo, untyped, health, metrics = ask(app, *posts, *gets)
    assert good.json() == {"colour": [1, 2, 3]} and good.status_code == 200
    assert photo.json() is True and photo.status_code == 200
    assert untyped.status_code == 415  # an empty type is not a picture's
    assert len({a.headers["x-request-id"] for a in (good, photo, untyped, health, metrics)}) == 5
    assert health.json() == {"services": ["colour", "dark"]}
    assert 'requests_total{service="colour",status="200"} 1.0' in metrics.text
    assert 'batch_mean{service="colour"} 1.0' in metrics.text


def test_nobody_gets_anothers_result(caplog):
    app = make_app(
        {"colour": Service(colour_of, told)}, Limits(**FREE, waiting=2000, arriving=2000)
    )
    colours = [(i % 251, i // 251, i % 7) for i in range(600)]
    bad = {100, 333, 599}
    calls = (post(png((9, 9, 9) if i in bad else c)) for i, c in enumerate(colours))
    answers = ask(app, *calls, together=True)
    for i, (colour, answer) in enumerate(zip(colours, answers, strict=True)):
        expected = (200, {"colour": list(colour)})
        if i in bad:
            expected = (500, {"error": "The network failed on this picture."})
        assert (answer.status_code, answer.json()) == expected
    assert not any("secret" in a.text for a in answers) and "secret detail" in caplog.text


LIAR = {
    "content": b"x",
    "headers": {"content-length": "9" * 5000, "content-type": "image/png"},
}


@pytest.mark.parametrize(
    "call, status, word",
    [
        (post(b""), 400, "empty"),
        (post(b"hello"), 400, "not a picture"),
        (post(png()[:-30]), 400, "damaged"),
        (post(png(), kind="text/html"), 415, "Content-Type"),
        (post(png(), kind="image/"), 415, "Content-Type"),
        (post(png(), kind="multipart/form-data; boundary=a"), 415, "Content-Type"),
        (("POST", "/colour", {"content": png()}), 415, "Content-Type"),
        (post(b"x" * 3000), 413, "scale"),
        (("POST", "/colour", LIAR), 413, "scale"),
        (post(png(size=(300, 300))), 413, "pixels"),
        (post(png(), "/colour?bad=1"), 422, "likes"),
        (post(png(), "/nothing"), 404, "There is no 'nothing'"),
        (("GET", "/colour", {}), 405, ""),
        (("GET", "/", {}), 404, ""),
    ],
)
def test_wrong_requests_get_a_status_and_a_sentence(call, status, word):
    app = make_app({"colour": Service(colour_of, told)}, Limits(bytes=2000, pixels=80_000))
    (answer,) = ask(app, call)
    assert answer.status_code == status and word in answer.text


def test_an_upload_of_unknown_length_is_cut_off():
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 10**6:
            sent += 1000
            yield b"x" * 1000

    app = make_app({"colour": Service(colour_of, told)}, Limits(bytes=5000))
    (answer,) = ask(app, ("POST", "/colour", {"content": endless(), "headers": TYPED}))
    assert answer.status_code == 413 and sent < 20_000


def bomb() -> bytes:
    """A PNG of a few kilobytes that would unpack to 30 000 × 30 000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        length, check = (struct.pack(">I", n) for n in (len(data), zlib.crc32(kind + data)))
        return length + kind + data + check

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 10**6)
    chunks = [chunk(b"IHDR", head), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def hostile(count: int) -> list[bytes]:
    """Uploads that break or attack: a bomb, noise, and cut, flipped and spliced pictures."""
    rng, kinds = np.random.default_rng(0), ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
    whole = [png((0, 1, 2), (40, 30), kind) for kind in kinds]
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    found = [bomb(), b"\0" * 5000, svg, b"%PDF-1.4", b"GIF89a", b"\xff\xd8\xff"]
    while len(found) < count:
        data = bytearray(whole[rng.integers(6)])
        way = rng.integers(4)
        if way == 0:
            data = data[: rng.integers(1, len(data) // 2)]
        elif way == 1:
            for place in rng.integers(0, min(len(data), 60), 12):
                data[place] = rng.integers(256)
        elif way == 2:
            data = data[:20] + bytearray(whole[rng.integers(6)])[10:]
        else:
            data = bytearray(rng.integers(0, 256, rng.integers(1, 2000), dtype=np.uint8).tobytes())
        found.append(bytes(data))
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")  # PIL grumbles at broken files
def test_two_hundred_hostile_uploads_are_all_refused():
    app, uploads = make_app({"colour": Service(colour_of, told)}, Limits(**FREE)), hostile(280)
    begun = time.perf_counter()
    answers = ask(app, *map(post, uploads), post(png()))
    assert answers[-1].status_code == 200 and time.perf_counter() - begun < 60
    for upload, answer in zip(uploads, answers[:-1], strict=True):
        if answer.status_code == 200:  # what a decoder still reads is a picture, and harmless
            Image.open(io.BytesIO(upload)).load()
        else:
            assert 400 <= answer.status_code < 500
            assert answer.json()["error"].endswith(".")
    assert answers[0].status_code == 413 and sum(a.status_code != 200 for a in answers[:-1]) >= 200


def test_slow_uploads_slow_answers_and_too_many():
    async def slowly():
        for _ in range(20):
            yield b"x"
            await asyncio.sleep(0.05)

    def late(items):
        time.sleep(0.5)
        return items

    app = make_app(
        {"colour": Service(colour_of, late, size=1)}, Limits(seconds=0.1, waiting=2, **FREE)
    )
    upload = ("POST", "/colour", {"content": slowly(), "headers": {"content-type": "image/png"}})
    assert ask(app, upload)[0].status_code == 408
    app = make_app(
        {"colour": Service(colour_of, late, size=1)}, Limits(seconds=0.1, waiting=2, **FREE)
    )
    codes = sorted(a.status_code for a in ask(app, *(post(png()) for _ in range(6)), together=True))
    assert set(codes) == {503, 504}
    limited = make_app({"colour": Service(colour_of, told)}, Limits(rate=0.1, burst=3))
    answers = ask(limited, *(post(png()) for _ in range(5)))
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_shutdown_answers_who_waits():
    """A real server on loopback, told to stop while twenty requests wait."""

    def slowly(items):
        time.sleep(0.05)
        return [{"colour": item} for item in items]

    app = make_app({"colour": Service(colour_of, slowly, size=2)}, Limits(**FREE))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config, stop = Config(), threading.Event()
    config.bind, config.loglevel, config.graceful_timeout = [f"127.0.0.1:{port}"], "CRITICAL", 20

    def run():
        told = partial(asyncio.to_thread, stop.wait)
        asyncio.run(serve(app, config, shutdown_trigger=told))

    thread = threading.Thread(target=run)
    thread.start()
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
            break
        except httpx.ConnectError:
            time.sleep(0.05)

    async def main():
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", limits=httpx.Limits(max_connections=20)
        ) as client:
            sent = []
            for i in range(20):
                method, path, given = post(png((i, 0, 0)))
                sent.append(asyncio.create_task(client.request(method, path, **given)))
            await asyncio.sleep(0.15)
            stop.set()
            return [answer.json()["colour"][0] for answer in await asyncio.gather(*sent)]

    assert asyncio.run(main()) == list(range(20))
    thread.join(20)
    assert not thread.is_alive()


def pages_of(kind: str, *colours) -> bytes:
    out, pages = io.BytesIO(), [Image.new("RGB", (40, 30), colour) for colour in colours]
    pages[0].save(out, kind, save_all=True, append_images=pages[1:])
    return out.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "PDF", "GIF"])
def test_every_page_of_an_upload_is_answered_where_that_is_meant(kind):
    upload = pages_of(kind, (200, 0, 0), (0, 200, 0), (0, 0, 200))
    every = Service(lambda image, _: int(image[0, 0].argmax()), lambda items: items, pages=True)
    first = Service(every.prepare, every.answer)
    app = make_app({"every": every, "first": first}, Limits(pages=3))
    answers = ask(app, post(upload, "/every"), post(upload, "/first"), post(png(), "/every"))
    assert [a.json() for a in answers] == [{"pages": [0, 1, 2]}, 0, 2]
    (refused,) = ask(make_app({"every": every}, Limits(pages=2)), post(upload, "/every"))
    assert refused.status_code == 413 and "more than 2 pages" in refused.text
    five = pages_of(kind, *((40 * i, 0, 0) for i in range(1, 6)))
    (refused,) = ask(make_app({"every": every}, Limits(pixels=40 * 30)), post(five, "/every"))
    assert refused.status_code == 413 and "together" in refused.text


def test_strangers_are_turned_away_and_health_is_open():
    app = make_app({"colour": Service(colour_of, told)}, names=["book"], token="secret")
    method, path, given = post(png())

    def headed(**headers):
        return method, path, {**given, "headers": {**given["headers"], **headers}}

    right = {"authorization": "Bearer secret"}
    calls = (
        (200, headed(**right)),
        (200, headed(**right, host="book:8000")),
        (200, headed(**right, origin="http://localhost", **{"sec-fetch-site": "same-origin"})),
        (401, headed()),
        (401, headed(authorization="Bearer Secret")),
        (401, headed(authorization="secret")),
        (403, headed(**right, origin="https://elsewhere.example")),
        (403, headed(**right, origin="null")),
        (403, headed(**right, **{"sec-fetch-site": "cross-site"})),
        (421, headed(**right, host="elsewhere.example")),
        (421, headed(**right, host="[")),
        (401, ("GET", "/metrics", {})),
        (200, ("GET", "/health", {})),
    )
    answers = ask(app, *(call for _, call in calls))
    assert [a.status_code for a in answers] == [status for status, _ in calls]
    assert all("secret" not in a.text.lower() and a.headers["x-request-id"] for a in answers)


def test_the_log_has_the_number_of_the_answer(caplog):
    caplog.set_level("INFO")
    (answer,) = ask(make_app({"colour": Service(colour_of, told)}), post(png()))
    assert f"{answer.headers['x-request-id']} /colour 200" in caplog.text


def test_pictures_that_nobody_waits_for_any_more_still_take_their_place():
    """A thread cannot be stopped: as many as are allowed run, however many gave up waiting."""
    lock, now, most = threading.Lock(), 0, 0

    def slowly(image, _):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.6)
        with lock:
            now -= 1
        return 0

    app = make_app({"slow": Service(slowly, told)}, Limits(seconds=0.15, **FREE))

    async def main():
        there = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=there, base_url="http://localhost") as client,
        ):
            await client.post("/slow", content=png(), headers=TYPED)  # the decoders have started
            waves = []
            for _ in range(3):
                waves += [
                    asyncio.create_task(client.post("/slow", content=png(), headers=TYPED))
                    for _ in range(6)
                ]
                await asyncio.sleep(0.35)  # by when the wave before has given up
            return {answer.status_code for answer in await asyncio.gather(*waves)}

    assert asyncio.run(main()) == {504} and 1 < most <= 4


def test_one_client_with_many_slow_uploads_keeps_nobody_else_out():
    async def dripping():
        for _ in range(10):
            yield b"x"
            await asyncio.sleep(0.1)

    app = make_app(
        {"colour": Service(colour_of, told)}, Limits(waiting=8, arriving=5, seconds=3, **FREE)
    )

    async def main():
        def client(host):
            there = httpx.ASGITransport(app, client=(host, 1))
            return httpx.AsyncClient(transport=there, base_url="http://localhost")

        async with (
            app.router.lifespan_context(app),
            client("6.6.6.6") as bad,
            client("::1") as good,
        ):
            slow = [
                asyncio.create_task(bad.post("/colour", content=dripping(), headers=TYPED))
                for _ in range(9)
            ]
            await asyncio.sleep(0.3)
            answer = await good.post("/colour", content=png(), headers=TYPED)
            return answer.status_code, [task.status_code for task in await asyncio.gather(*slow)]

    code, dripped = asyncio.run(main())
    assert code == 200 and dripped.count(503) == 4 and dripped.count(400) == 5
