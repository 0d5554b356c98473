"""A load test of `cvbook serve` on this machine, with and without batches.

    python benchmarks/timing/serving.py

Requests per second, waiting times, and whether every answer is right. A server in a process of its
own reads lines and finds products; 32 clients on the loopback address send 10 000 requests, each
with one of 64 pictures, and compare every answer with the one that the same picture gets alone.
Client and server share the machine. The result goes to serving.json beside this file. About 5
minutes on two cores.
"""

import argparse
import asyncio
import io
import json
import multiprocessing
import socket
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import torch
from hypercorn.asyncio import serve as listen
from hypercorn.config import Config
from PIL import Image

from cvbook.data import open_set
from cvbook.deploy.indexing import build
from cvbook.deploy.search import Index
from cvbook.deploy.serve import Limits, make_app
from cvbook.deploy.services import reading, searching
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.models import weights
from cvbook.models.reader import Reader
from cvbook.text.lines import make_line

REQUESTS, CLIENTS, PICTURES = 2500, 32, 64
ADDRESSES = {"read": "/read?line=1", "search": "/search?k=3"}


def serve(port: int, size: int, index: Path) -> None:
    """In a process of its own: batches of up to `size`."""
    torch.set_num_threads(1)
    batches = {"size": size, "wait": 0.004 if size > 1 else 0.0}
    services = {
        "read": replace(reading(Reader()), **batches),
        "search": replace(searching(Index(index), weights.embedder()), **batches),
    }
    app = make_app(services, Limits(rate=1e9, burst=10**9))
    config = Config()
    config.bind, config.loglevel = [f"127.0.0.1:{port}"], "CRITICAL"
    asyncio.run(listen(app, config))


def png(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def same(one: dict, other: dict) -> bool:
    """Equal but for the last digit of confidences and scores: a batch adds up in another order."""

    def near(a: object, b: object) -> bool:
        return abs(a - b) < 0.01 if isinstance(a, float) else a == b

    first, second = (next(iter(answer.values())) for answer in (one, other))
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
        for a, b in zip(first, second, strict=True)
    )


async def load(port: int, address: str, pictures: list[bytes]) -> dict:
    """Right, wrong and lost answers a second, and the middle and the slow ones' milliseconds."""
    taken, found, left = [], Counter(), iter(range(REQUESTS))
    limits = httpx.Limits(max_connections=CLIENTS)
    there = {"base_url": f"http://127.0.0.1:{port}", "timeout": 60, "limits": limits}
    async with httpx.AsyncClient(headers={"content-type": "image/png"}, **there) as client:
        alone = [(await client.post(address, content=picture)).json() for picture in pictures]

        async def one_client() -> None:
            for number in left:
                picture, expected = pictures[number % PICTURES], alone[number % PICTURES]
                begun = time.perf_counter()
                try:
                    answer = await client.post(address, content=picture)
                    right = answer.status_code == 200 and same(answer.json(), expected)
                    found["right" if right else "wrong"] += 1
                except httpx.HTTPError:
                    found["lost"] += 1
                taken.append(1000 * (time.perf_counter() - begun))

        begun = time.perf_counter()
        await asyncio.gather(*(one_client() for _ in range(CLIENTS)))
        seconds = time.perf_counter() - begun
        metrics = (await client.get("/metrics")).text
    key = f'batch_mean{{service="{address.split("?")[0][1:]}"}}'
    batch = next(line for line in metrics.splitlines() if line.startswith(key))
    median, slow = np.percentile(taken, [50, 99]).round(1).tolist()
    return {k: found[k] for k in ("right", "wrong", "lost")} | {
        "per second": round(REQUESTS / seconds, 1),
        "median ms": median,
        "p99 ms": slow,
        "batch": float(batch.split()[1]),
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port: int, process: multiprocessing.Process) -> None:
    """Until the server answers; raises RuntimeError if it ends instead."""
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
            return
        except httpx.HTTPError:
            if not process.is_alive():
                raise RuntimeError("The server did not start.") from None
            time.sleep(0.2)
    raise RuntimeError("The server did not answer within two minutes.")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    lines = [make_line(17, i, 0.3, split="test").image for i in range(PICTURES)]
    products = open_set.products(96).test
    uploads = {
        "read": [png(line) for line in lines],
        "search": [png(products.picture(i)) for i in range(PICTURES)],
    }
    spawn, cases = multiprocessing.get_context("spawn"), []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(PICTURES, len(products.labels)):
            where = Path(folder) / "photos" / f"{products.labels[i]}"
            where.mkdir(parents=True, exist_ok=True)
            (where / f"{i}.png").write_bytes(png(products.picture(i)))
        build(Path(folder) / "photos", Path(folder) / "index", weights.embedder(), "book", 48)
        for size in (1, 16):
            port = free_port()
            process = spawn.Process(target=serve, args=(port, size, Path(folder) / "index"))
            process.start()
            try:
                wait_for(port, process)
                for name, address in ADDRESSES.items():
                    found = asyncio.run(load(port, address, uploads[name]))
                    cases.append({"service": name, "largest batch": size} | found)
                    print(cases[-1], flush=True)
            finally:
                process.terminate()
                process.join(30)
    about = {"date": date.today().isoformat(), "machine": machine(), "clients": CLIENTS}
    result = about | {"requests": REQUESTS * len(cases), "cases": cases}
    write_text(Path(__file__).with_suffix(".json"), json.dumps(result, indent=1) + "\n")
