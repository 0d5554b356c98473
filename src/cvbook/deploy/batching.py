"""Requests that come together are answered together.

A network takes less than sixteen times as long for sixteen pictures as for one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Overloaded(RuntimeError):
    """More requests wait than may."""


class Batcher:
    """Answers single items in batches.

    The first item waits a moment for others, then all of them go through the network together.

    Args:
        answer: from a list of items to as many results, in order; it runs in a thread of its own,
            one batch at a time.
        size: of the largest batch.
        wait: seconds that an item waits for company.
        waiting: items that may stand in line.
    """

    def __init__(
        self,
        answer: Callable[[list], list],
        size: int = 16,
        wait: float = 0.004,
        waiting: int = 256,
    ):
        self.answer, self.size, self.wait = answer, size, wait
        self.line: asyncio.Queue[tuple[Any, asyncio.Future]] = asyncio.Queue(waiting)
        self.thread = ThreadPoolExecutor(1)
        self.task: asyncio.Task[None] | None = None
        self.sizes: deque[int] = deque(maxlen=100)

    async def __call__(self, item: Any) -> Any:
        """One item's result; raises Overloaded, or what `answer` raised on this item."""
        if self.task is None:
            self.task = asyncio.create_task(self._work())
        future = asyncio.get_running_loop().create_future()
        try:
            self.line.put_nowait((item, future))
        except asyncio.QueueFull:
            raise Overloaded("Too many requests are waiting: try again in a second.") from None
        return await future

    async def _work(self) -> None:
        while True:
            batch = [await self.line.get()]
            if self.line.qsize() + 1 < self.size:
                await asyncio.sleep(self.wait)
            while len(batch) < self.size and not self.line.empty():
                batch.append(self.line.get_nowait())
            # Whoever has given up needs no answer.
            wanted = [(item, future) for item, future in batch if not future.done()]
            if wanted:
                await self._answer(wanted)
            for _ in batch:
                self.line.task_done()

    async def _answer(self, batch: list[tuple[Any, asyncio.Future]]) -> None:
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self.thread, self.answer, [item for item, _ in batch]
            )
            if len(results) != len(batch):
                raise RuntimeError(f"{len(batch)} items had {len(results)} results.")
        except Exception as error:
            if len(batch) > 1:  # one bad item must not spoil the others: each alone
                for one in batch:
                    await self._answer([one])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        self.sizes.append(len(batch))
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def close(self) -> None:
        """Answer whoever waits, then stop."""
        await self.line.join()
        if self.task:
            self.task.cancel()
        self.thread.shutdown()
