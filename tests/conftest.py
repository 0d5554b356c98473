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
