"""Networks behind HTTP.

What is too large, too much or no picture is turned away early; the rest is answered in batches.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cvbook.deploy.batching import Batcher, Overloaded
from cvbook.images import ImageError, TooLarge, decode_image


class Allowance:
    """So many requests a second for each client, and a few at once (a token bucket).

    The last few thousand clients are remembered.
    """

    def __init__(self, rate: float, burst: int, clients: int = 4096):
        self.rate, self.burst, self.clients = rate, burst, clients
        self.left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> bool:
        """Whether the client may come in at a time in seconds."""
        tokens, before = self.left.pop(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + self.rate * (now - before))
        self.left[client] = (tokens - (tokens >= 1), now)
        if len(self.left) > self.clients:
            self.left.popitem(last=False)
        return tokens >= 1


@dataclass(frozen=True)
class Service:
    """What one address does.

    Attributes:
        prepare: from a picture uint8[H, W, 3] and the query's parameters to an item for the batch;
            ValueError says what is wrong with the request.
        answer: from items to results that JSON can hold.
        size, wait: of batches, see `Batcher`.
    """

    prepare: Callable[[np.ndarray, Mapping[str, str]], Any]
    answer: Callable[[list], list]
    size: int = 16
    wait: float = 0.004


@dataclass(frozen=True)
class Limits:
    """What clients may do.

    Attributes:
        bytes, pixels: of an upload.
        seconds: for the upload, and as many again for its answer.
        rate, burst: requests of one client in a second, and at once.
        waiting: requests of all that may stand in line.
    """

    bytes: int = 8 * 2**20
    pixels: int = 24_000_000
    seconds: float = 10.0
    rate: float = 50.0
    burst: int = 100
    waiting: int = 256


class Refused(Exception):
    """An answer with a status, and the reason in one sentence."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


async def _body(request: Request, limits: Limits) -> bytes:
    """The upload, which stops being read once it is too large.

    What a client says of its size is only a hint.
    """
    kind = request.headers.get("content-type", "application/octet-stream")
    kind = kind.partition(";")[0].strip().lower()
    if not kind.startswith("image/") and kind != "application/octet-stream":
        how = "Send the bytes of a picture as the body, with Content-Type image/jpeg or the like."
        raise Refused(415, how)
    megabytes = f"{limits.bytes / 2**20:.3g} MB"
    too_large = Refused(413, f"The upload is over {megabytes}: scale the picture down.")
    parts, size = [], 0
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and (len(said) > 15 or int(said) > limits.bytes):
        raise too_large
    async for part in request.stream():
        size += len(part)
        if size > limits.bytes:
            raise too_large
        parts.append(part)
    return b"".join(parts)


class _Measured:
    """What /metrics shows, for each service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        given: dict = {"labelnames": ["service"], "registry": self.registry}
        buckets = [0.003 * 2**k for k in range(12)]
        self.requests = Counter(
            "requests", "Answered requests", ["service", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "seconds", "Time from a request to its answer", buckets=buckets, **given
        )
        self.together = Gauge("batch_mean", "Mean size of the last hundred batches", **given)

    def page(self, batchers: Mapping[str, Batcher]) -> bytes:
        for name, batcher in batchers.items():
            mean = sum(batcher.sizes) / max(len(batcher.sizes), 1)
            self.together.labels(name).set(mean)
        return generate_latest(self.registry)


def make_app(services: Mapping[str, Service], limits: Limits = Limits()) -> Starlette:
    """An ASGI application: POST a picture to /NAME; GET /health and /metrics.

    It answers 4xx to whatever is wrong with a request, 503 when too many wait, 504 when an answer
    takes too long, and 500, without details, when a network fails. On shutdown those who wait are
    answered first.

    Args:
        services: by name.
    """
    measured = _Measured()
    batchers = {
        name: Batcher(s.answer, s.size, s.wait, limits.waiting) for name, s in services.items()
    }
    allowance = Allowance(limits.rate, limits.burst)
    decoding = asyncio.Semaphore(4)  # a few large pictures at once fill the memory

    async def result(name: str, request: Request) -> Any:
        if not allowance.take(request.client.host if request.client else "", time.monotonic()):
            raise Refused(429, "Too many requests from you: wait a second.")
        try:
            data = await asyncio.wait_for(_body(request, limits), limits.seconds)
        except TimeoutError:
            raise Refused(408, f"The upload took more than {limits.seconds:g} seconds.") from None
        try:
            async with decoding:
                image = await asyncio.to_thread(decode_image, data, limits.pixels)
                item = await asyncio.to_thread(services[name].prepare, image, request.query_params)
        except ImageError as error:
            raise Refused(413 if isinstance(error, TooLarge) else 400, str(error)) from None
        except ValueError as error:
            raise Refused(422, str(error)) from None
        return await batchers[name](item)

    async def handle(request: Request) -> Response:
        name, begun = request.path_params["name"], time.perf_counter()
        if name not in services:
            here = f"There is no {name!r} here, only {', '.join(services)}."
            return JSONResponse({"error": here}, 404)
        status, content = 200, None
        try:
            content = await asyncio.wait_for(result(name, request), 2 * limits.seconds)
        except Refused as refused:
            status, content = refused.status, {"error": refused.reason}
        except Overloaded as error:
            status, content = 503, {"error": str(error)}
        except TimeoutError:
            late = f"There was no answer within {2 * limits.seconds:g} seconds."
            status, content = 504, {"error": late}
        except ClientDisconnect:
            status, content = 400, {"error": "The upload broke off."}
        except Exception:
            # For whoever runs this; a stranger learns no details.
            logging.getLogger(__name__).exception("/%s failed", name)
            status, content = 500, {"error": "The network failed on this picture."}
        measured.requests.labels(name, status).inc()
        measured.seconds.labels(name).observe(time.perf_counter() - begun)
        return JSONResponse(content, status, {"Retry-After": "1"} if status in (429, 503) else None)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(measured.page(batchers))

    async def health(_: Request) -> Response:
        return JSONResponse({"services": list(services)})

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        for batcher in batchers.values():
            await batcher.close()

    routes = [
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/{name}", handle, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=life)
