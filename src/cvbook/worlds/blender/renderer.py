"""Render scenes in worker processes, in order.

Workers are restarted when they crash or hang, and the pixels are the same for any number of them.
"""

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

    START_LIMIT = 300.0  # seconds

    def __init__(self, folder: str):
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """The process, which has said that it is ready."""
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 — closed in stop()
        # A killed Blender leaves its temporary files in TMPDIR.
        own = {"OMP_NUM_THREADS": "1", "TMPDIR": self.folder}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cvbook.worlds.blender.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | own,
        )
        self._answer(self.process, self.START_LIMIT)
        return self.process

    def _answer(self, process: subprocess.Popen[bytes], limit: float) -> None:
        """Wait for the next line, at most `limit` seconds.

        Raises:
            RenderError: what the worker says is wrong with the scene.
            TimeoutError: it says nothing.
            EOFError: it died.
        """
        assert process.stdout is not None  # it is a pipe
        if not select.select([process.stdout], [], [], limit)[0]:
            raise TimeoutError(f"no answer within {limit:.0f} s")
        line = process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().decode(errors="replace").strip()[-300:]
            raise EOFError(f"the worker died: {last or 'without a word'}")
        said = json.loads(line)
        if "error" in said:
            raise RenderError(said["error"])

    def render(self, scene: Scene, out: Path, limit: float) -> None:
        """Render a scene into a file; raises what `_answer` does."""
        process = self.process or self.start()
        assert process.stdin is not None  # it is a pipe
        request = json.dumps({"scene": scene.to_json(), "out": str(out)}) + "\n"
        try:
            process.stdin.write(request.encode())
            process.stdin.flush()
        except BrokenPipeError:
            raise EOFError("the worker had died") from None
        self._answer(process, limit)

    def stop(self) -> None:
        """Kill the process, if there is one."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):
                if stream:
                    stream.close()


class Renderer:
    """A context manager around worker processes.

    Args:
        workers: processes, each with one thread on a processor. The pictures do not depend on their
            number.
        limit: seconds that one picture may take before its worker is taken to hang and is replaced.
        tries: how often a scene whose worker died or hung is tried.

    Raises:
        ValueError: there is no worker.
    """

    def __init__(self, workers: int = 1, limit: float = 300.0, tries: int = 3):
        if workers < 1:
            raise ValueError(f"There are {workers} workers; at least one must render.")
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
                            f"Scene {number} could not be rendered in {self.tries} tries; "
                            f"the last one: {error}."
                        ) from None
            with np.load(out) as arrays:
                done = Rendered(scene, **{name: arrays[name] for name in arrays.files})
            out.unlink()
            return done
        finally:
            self._idle.put(worker)

    def render(self, scenes: Iterable[Scene]) -> Iterator[Rendered]:
        """Render scenes, which may be a generator without end, and yield their pictures in order.

        Raises:
            RenderError: a scene is wrong, Blender is missing, or a scene made its worker die again
                and again.
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
