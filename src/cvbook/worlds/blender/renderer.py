"""Render scenes in worker processes: in order, restarted when they crash or hang, the same pixels for any number of them."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from cvbook.worlds.scene import Rendered, Scene


class RenderError(RuntimeError):
    """A scene that cannot be rendered, with the reason."""


class _Worker:
    """A process that is started when it is first needed, and again after it was stopped."""

    def __init__(self, folder: str, start_limit: float = 300.0):
        self.folder, self.start_limit = folder, start_limit
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 — closed in stop()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cvbook.worlds.blender.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "TMPDIR": self.folder,
            },  # a killed Blender leaves its temporary files there
        )
        self.answer(self.start_limit)

    def answer(self, limit: float) -> dict:
        """The next line, within a limit in seconds; raises RenderError with what the worker said, TimeoutError or EOFError."""
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise TimeoutError(f"no answer within {limit:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise EOFError(
                "the worker died: "
                + (self.errors.read().decode(errors="replace").strip()[-300:] or "without a word")
            )
        said = json.loads(line)
        if "error" in said:
            raise RenderError(said["error"])
        return said

    def render(self, scene: Scene, out: Path, limit: float) -> None:
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(
                (json.dumps({"scene": scene.to_json(), "out": str(out)}) + "\n").encode()
            )
            self.process.stdin.flush()
        except BrokenPipeError:
            raise EOFError("the worker had died") from None
        self.answer(limit)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self.process = None


class Renderer:
    """A context manager around worker processes.

    Args:
        workers: processes, each with one thread on a processor. The pictures do not depend on their number.
        limit: seconds that one picture may take before its worker is taken to hang and is replaced.
        tries: how often a scene whose worker died or hung is tried.
    """

    def __init__(self, workers: int = 1, limit: float = 300.0, tries: int = 3):
        self.workers, self.limit, self.tries = workers, limit, tries

    def __enter__(self) -> "Renderer":
        self._folder = tempfile.TemporaryDirectory(prefix="renders-")
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(self.workers):
            self._idle.put(_Worker(self._folder.name))
        self._threads = ThreadPoolExecutor(self.workers)
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().stop()
        self._folder.cleanup()

    def _one(self, number: int, scene: Scene) -> Rendered:
        out = Path(self._folder.name) / f"{number}.npz"
        worker = self._idle.get()
        try:
            for left in range(self.tries - 1, -1, -1):
                try:
                    worker.render(scene, out, self.limit)
                    break
                except (TimeoutError, EOFError) as error:
                    worker.stop()
                    if not left:
                        raise RenderError(
                            f"Scene {number} could not be rendered in {self.tries} tries; the last one: {error}."
                        ) from None
            with np.load(out) as arrays:
                done = Rendered(scene, **{name: arrays[name] for name in arrays.files})
            out.unlink()
            return done
        finally:
            self._idle.put(worker)

    def render(self, scenes: Iterable[Scene]) -> Iterator[Rendered]:
        """Render scenes, which may be a generator without end, and yield the pictures in the same order.

        Raises:
            RenderError: a scene is wrong, Blender is missing, or a scene made its worker die again and again.
        """
        waiting: deque[Future[Rendered]] = deque()
        for number, scene in enumerate(scenes):
            waiting.append(self._threads.submit(self._one, number, scene))
            if len(waiting) > 2 * self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def render(scene: Scene) -> Rendered:
    """Render one scene in a worker of its own."""
    with Renderer() as renderer:
        return next(renderer.render([scene]))
