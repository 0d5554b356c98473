"""Networks behind HTTP.

What is too large, too much or no picture is turned away early; the rest is answered in batches.
"""

import asyncio
import logging
import time
import uuid
from collections import Counter as Counts
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cvbook.deploy.admission import (
    Allowance,
    Limits,
    Refused,
    check_host,
    check_kind,
    check_origin,
    check_token,
)
from cvbook.deploy.batching import Batcher, Overloaded
from cvbook.deploy.decoders import Decoders
from cvbook.documents import Page
from cvbook.images import ImageError, TooLarge

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """What one address does.

    Attributes:
        prepare: from a picture uint8[H, W, 3] and the query's parameters to an item for the batch;
            ValueError says what is wrong with the request.
        answer: from items to results that JSON can hold.
        size, wait: of batches, see `Batcher`.
        pages: whether all pages of an upload are answered, or only the first.
    """

    prepare: Callable[[np.ndarray, Mapping[str, str]], Any]
    answer: Callable[[list], list]
    size: int = 16
    wait: float = 0.004
    pages: bool = False


async def _body(request: Request, limits: Limits) -> bytes:
    """The upload, which stops being read once it is too large.

    What a client says of its size is only a hint.
    """
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


def make_app(
    services: Mapping[str, Service],
    limits: Limits | None = None,
    names: Collection[str] = (),
    token: str = "",
) -> Starlette:
    """An ASGI application: POST a picture to /NAME; GET /health and /metrics.

    It answers 4xx to whatever is wrong with a request, 503 when too many wait, 504 when an answer
    takes too long, and 500, without details, when a network fails. Each of these answers carries an
    X-Request-ID, which stands in the log as well. On shutdown those who wait are answered first.

    Args:
        services: by name.
        limits: of requests; None for the usual ones.
        names: of this server, as clients write them; addresses and "localhost" always count.
        token: that clients must send as "Authorization: Bearer TOKEN"; empty asks for none.
    """
    limits = limits or Limits()
    measured, known = _Measured(), frozenset(name.lower() for name in names)
    batchers = {
        name: Batcher(s.answer, s.size, s.wait, limits.waiting) for name, s in services.items()
    }
    allowance = Allowance(limits.rate, limits.burst)
    decode = Decoders(limits.pixels, limits.pages, limits.seconds, limits.memory)
    preparing = asyncio.Semaphore(4)  # a few large pictures at once fill the memory
    under_way, arriving = 0, Counts[str]()

    async def items_of(name: str, data: bytes, query: Mapping[str, str]) -> list:
        """An item for the batch for each page of an upload, or what is wrong with the page."""

        def prepared(page: Page) -> Any:
            return page if isinstance(page, ImageError) else services[name].prepare(page, query)

        async def work() -> list:
            pages = await decode(data, services[name].pages)
            return [await asyncio.to_thread(prepared, page) for page in pages]

        def done(task: asyncio.Task[list]) -> None:
            preparing.release()
            _ = task.cancelled() or task.exception()  # which somebody may no longer wait for

        await preparing.acquire()
        # A thread cannot be stopped: whoever waits for it may give up, but its place stays taken.
        task = asyncio.create_task(work())
        task.add_done_callback(done)
        try:
            return await asyncio.shield(task)
        except ImageError as error:
            raise Refused(413 if isinstance(error, TooLarge) else 400, str(error)) from None
        except ValueError as error:
            raise Refused(422, str(error)) from None

    async def one(name: str, item: Any) -> Any:
        return {"error": str(item)} if isinstance(item, ImageError) else await batchers[name](item)

    async def result(name: str, request: Request) -> Any:
        nonlocal under_way
        client = request.client.host if request.client else ""
        if not allowance.take(client, time.monotonic()):
            raise Refused(429, "Too many requests from you: wait a second.")
        check_kind(request.headers)
        data = await upload(request, client)
        if under_way >= limits.waiting:
            raise Overloaded("Too many requests are waiting: try again in a second.")
        under_way += 1
        try:
            items = await items_of(name, data, request.query_params)
            answers = await asyncio.gather(*(one(name, item) for item in items))
        finally:
            under_way -= 1
        return answers[0] if len(answers) == 1 else {"pages": answers}

    async def upload(request: Request, client: str) -> bytes:
        """What a client sends, who may send so much at a time."""
        if arriving[client] >= limits.arriving or arriving.total() >= limits.waiting:
            raise Overloaded("Too many uploads are under way: try again in a second.")
        arriving[client] += 1
        try:
            return await asyncio.wait_for(_body(request, limits), limits.seconds)
        except TimeoutError:
            raise Refused(408, f"The upload took more than {limits.seconds:g} seconds.") from None
        finally:
            arriving[client] -= 1
            if not arriving[client]:
                del arriving[client]

    async def content_of(name: str, request: Request) -> tuple[int, Any]:
        """Status and content of the answer to an upload."""
        try:
            return 200, await asyncio.wait_for(result(name, request), 2 * limits.seconds)
        except Refused as refused:
            return refused.status, {"error": refused.reason}
        except Overloaded as error:
            return 503, {"error": str(error)}
        except TimeoutError:
            return 504, {"error": f"There was no answer within {2 * limits.seconds:g} seconds."}
        except ClientDisconnect:
            return 400, {"error": "The upload broke off."}
        except Exception:
            # For whoever runs this; a stranger learns no details.
            LOG.exception("%s /%s failed", request.state.id, name)
            return 500, {"error": "The network failed on this picture."}

    async def handle(request: Request) -> Response:
        name, begun = request.path_params["name"], time.perf_counter()
        if name not in services:
            here = f"There is no {name!r} here, only {', '.join(services)}."
            return JSONResponse({"error": here}, 404)
        status, content = await content_of(name, request)
        seconds = time.perf_counter() - begun
        LOG.info("%s /%s %d %.0f ms", request.state.id, name, status, 1000 * seconds)
        measured.requests.labels(name, status).inc()
        measured.seconds.labels(name).observe(seconds)
        return JSONResponse(content, status, {"Retry-After": "1"} if status in (429, 503) else None)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(measured.page(batchers))

    async def health(_: Request) -> Response:
        return JSONResponse({"services": list(services)})

    async def guard(request: Request, answer: Callable) -> Response:
        """What holds for every address: the right host and page, a token, and a number in the log.

        Whether the server lives may be asked without a token.
        """
        request.state.id = uuid.uuid4().hex[:12]
        try:
            check_host(request.headers, known)
            check_origin(request.headers)
            if request.url.path != "/health":
                check_token(request.headers, token)
            response = await answer(request)
        except Refused as refused:
            response = JSONResponse({"error": refused.reason}, refused.status)
        response.headers["X-Request-ID"] = request.state.id
        return response

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        for batcher in batchers.values():
            await batcher.close()
        await asyncio.to_thread(decode.close)

    routes = [
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/{name}", handle, methods=["POST"]),
    ]
    guarded = Middleware(BaseHTTPMiddleware, dispatch=guard)
    return Starlette(routes=routes, lifespan=life, middleware=[guarded])
