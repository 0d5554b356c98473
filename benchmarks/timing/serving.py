"""A load test of `cvbook serve` on this machine: requests per second and waiting times, with and without batches, and whether every answer is right.

    python benchmarks/timing/serving.py

A server in a process of its own reads lines and finds products; 32 clients on the loopback address send 10 000 requests, each with one of 64 pictures, and
compare every answer with the one that the same picture gets alone. Client and server share the machine. The result goes to serving.json beside this file.
About 5 minutes on two cores.
"""

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
import uvicorn
from PIL import Image

from cvbook.data import open_set
from cvbook.deploy.search import Index, build
from cvbook.deploy.serve import Limits, make_app
from cvbook.deploy.services import reading, searching
from cvbook.machine import machine
from cvbook.models import weights
from cvbook.models.reader import Reader
from cvbook.paths import ROOT
from cvbook.text.lines import make_line

REQUESTS, CLIENTS, PICTURES = 2500, 32, 64
ADDRESSES = {"read": "/read?line=1", "search": "/search?k=3"}


def serve(port: int, size: int, index: Path) -> None:
    """In a process of its own: batches of up to `size`."""
    torch.set_num_threads(1)
    services = {"read": reading(Reader()), "search": searching(Index(index), weights.embedder())}
    services = {
        name: replace(service, size=size, wait=0.004 if size > 1 else 0.0)
        for name, service in services.items()
    }
    uvicorn.run(
        make_app(services, Limits(rate=1e9, burst=10**9)),
        host="127.0.0.1",
        port=port,
        log_level="critical",
    )


def png(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def same(one: dict, other: dict) -> bool:
    """Equal but for the last digit of confidences and scores: a batch adds up in another order."""
    lists = [next(iter(answer.values())) for answer in (one, other)]
    return len(lists[0]) == len(lists[1]) and all(
        a.keys() == b.keys()
        and all(abs(a[k] - b[k]) < 0.01 if isinstance(a[k], float) else a[k] == b[k] for k in a)
        for a, b in zip(*lists, strict=True)
    )


async def load(port: int, address: str, pictures: list[bytes]) -> dict:
    """Right, wrong and lost answers, requests per second, and milliseconds at the middle and the slowest hundredth."""
    headers = {"content-type": "image/png"}
    taken = []
    found = Counter()
    left = iter(range(REQUESTS))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        timeout=60,
        limits=httpx.Limits(max_connections=CLIENTS),
    ) as client:
        alone = [
            (await client.post(address, content=picture, headers=headers)).json()
            for picture in pictures
        ]

        async def one_client() -> None:
            for number in left:
                begun = time.perf_counter()
                try:
                    answer = await client.post(
                        address, content=pictures[number % PICTURES], headers=headers
                    )
                    found[
                        "right"
                        if answer.status_code == 200
                        and same(answer.json(), alone[number % PICTURES])
                        else "wrong"
                    ] += 1
                except httpx.HTTPError:
                    found["lost"] += 1
                taken.append(1000 * (time.perf_counter() - begun))

        begun = time.perf_counter()
        await asyncio.gather(*(one_client() for _ in range(CLIENTS)))
        seconds = time.perf_counter() - begun
        metrics = (await client.get("/metrics")).text
    name = address.split("?")[0][1:]
    batch = next(
        float(line.split()[1])
        for line in metrics.splitlines()
        if line.startswith(f'batch_mean{{service="{name}"}}')
    )
    median, slow = np.percentile(taken, [50, 99]).round(1).tolist()
    return {k: found[k] for k in ("right", "wrong", "lost")} | {
        "per second": round(REQUESTS / seconds, 1),
        "median ms": median,
        "p99 ms": slow,
        "batch": batch,
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
    lines = [make_line(17, i, 0.3, split="test").image for i in range(PICTURES)]
    products = open_set.products(96).test
    uploads = {
        "read": [png(line) for line in lines],
        "search": [png(products.picture(i)) for i in range(PICTURES)],
    }
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(PICTURES, len(products.labels)):
            where = Path(folder) / "photos" / f"{products.labels[i]}"
            where.mkdir(parents=True, exist_ok=True)
            (where / f"{i}.png").write_bytes(png(products.picture(i)))
        build(Path(folder) / "photos", Path(folder) / "index", weights.embedder(), "book", 48)
        for size in (1, 16):
            port = free_port()
            process = multiprocessing.get_context("spawn").Process(
                target=serve, args=(port, size, Path(folder) / "index")
            )
            process.start()
            try:
                wait_for(port, process)
                for name, address in ADDRESSES.items():
                    cases.append(
                        {"service": name, "largest batch": size}
                        | asyncio.run(load(port, address, uploads[name]))
                    )
                    print(cases[-1], flush=True)
            finally:
                process.terminate()
                process.join(30)
    about = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "clients": CLIENTS,
        "requests": REQUESTS * len(cases),
    }
    (ROOT / "benchmarks" / "timing" / "serving.json").write_text(
        json.dumps(about | {"cases": cases}, indent=1) + "\n"
    )
