"""Uploads are decoded in processes of their own, with limits of time and memory.

A decoder is a large program in C that meets bytes from strangers. It may take for ever, or all
memory, or crash, and a thread that does so cannot be stopped. A process can.
"""

import asyncio
import io
from multiprocessing import get_context

from pebble import ProcessExpired, ProcessPool

from cvbook.confine import MEMORY, confine
from cvbook.documents import pages
from cvbook.images import ImageError, TooLarge
from cvbook.pdf import Page


def _decode(data: bytes, limit: int, most: int | None) -> list[Page]:
    found = pages(io.BytesIO(data), limit, most)
    return [page for _, page in found] if most else [next(found)[1]]


class Decoders:
    """A few processes that decode uploads.

    Args:
        limit: pixels of a page, and of all pages of an upload together.
        most: pages of an upload.
        seconds: for one upload; then its process is killed, and a new one takes its place.
        memory: bytes, for each process.
        processes: how many.
    """

    def __init__(
        self,
        limit: int,
        most: int = 20,
        seconds: float = 10.0,
        memory: int = MEMORY,
        processes: int = 2,
    ):
        self.limit, self.most, self.seconds = limit, most, seconds
        self.memory, self.processes = memory, processes
        self.pool = self._new()

    def _new(self) -> ProcessPool:
        # Spawned, so that they inherit neither the networks nor the sockets of the server.
        return ProcessPool(
            self.processes,
            initializer=confine,
            initargs=(self.memory,),
            context=get_context("spawn"),
        )

    async def _pages(self, data: bytes, every: bool) -> list[Page]:
        given = (data, self.limit, self.most if every else None)
        for last in (False, True):
            pool = self.pool
            try:
                return await asyncio.wrap_future(
                    pool.schedule(_decode, given, timeout=self.seconds)
                )
            except RuntimeError:
                # A process that dies while it has nothing to do takes the whole pool with it.
                if last or pool.active:
                    raise
                if self.pool is pool:
                    self.pool = self._new()
        raise AssertionError

    async def __call__(self, data: bytes, every: bool = False) -> list[Page]:
        """The pages of an upload, uint8[H, W, 3] or what is wrong with one; or just the first.

        Raises:
            ImageError: it is empty, has too many pages, or cannot be decoded within the limits.
        """
        if not data:
            raise ImageError("The upload is empty (0 bytes): send a picture's bytes as the body.")
        try:
            found = await self._pages(data, every)
        except TimeoutError:
            raise ImageError(
                f"The upload could not be decoded within {self.seconds:g} seconds."
            ) from None
        except (ProcessExpired, MemoryError):
            raise TooLarge("The upload takes more memory to decode than is allowed.") from None
        if isinstance(found[-1], TooLarge) or all(isinstance(page, ImageError) for page in found):
            raise found[-1]  # type: ignore[misc]
        return found

    def close(self) -> None:
        """Stop the processes, whatever they are at."""
        self.pool.stop()
        self.pool.join()
