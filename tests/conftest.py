"""What holds for all tests."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from cvbook.models.torchvision_ops import declare_missing
from cvbook.paths import ROOT

# Before any test imports timm, which imports torchvision.
declare_missing()


@contextmanager
def _serving(
    *given: object, env: Mapping[str, str] | None = None
) -> Iterator[tuple[httpx.Client, subprocess.Popen]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [Path(sys.executable).parent / "cvbook", "serve", "--port", port, *given]
    server = subprocess.Popen(
        list(map(str, program)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=env,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for _ in range(600):
                try:
                    client.get("/health")
                    break
                except httpx.ConnectError:
                    assert server.poll() is None, server.communicate()[0]
                    time.sleep(0.1)
            yield client, server
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[tuple[httpx.Client, subprocess.Popen]]]:
    """`cvbook serve` with more arguments, in a process of its own that a test's block ends.

    In the block: a client that may ask it, and the process.
    """
    return _serving


@pytest.fixture(scope="session")
def pdf():
    """Makes a PDF of objects, bytes each; the first is its catalogue."""

    def make(objects: list[bytes]) -> bytes:
        out, places = b"%PDF-1.7\n", []
        for number, content in enumerate(objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        size = len(objects) + 1
        head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
        return out + head + end

    return make
