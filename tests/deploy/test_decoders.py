"""A decoder that is slow, greedy or crashes costs its own process only."""

import asyncio
import io
import time
from importlib import import_module

import psutil
import pytest
from PIL import Image

from cvbook.deploy import decoders
from cvbook.deploy.decoders import Decoders
from cvbook.images import ImageError, TooLarge

BYTES = io.BytesIO()
Image.new("RGB", (30, 20), (1, 2, 3)).save(BYTES, "PNG")
PICTURE = BYTES.getvalue()


# In a module of its own, which the processes can import.
MISBEHAVING = """
import os, time
import numpy as np

def slow(data, limit, most):
    time.sleep(60)

def greedy(data, limit, most):
    return [np.ones(2**31, np.uint8)]

def crashing(data, limit, most):
    os.abort()
"""


@pytest.fixture
def decode():
    made = Decoders(limit=10_000, seconds=2.0, memory=2**29, processes=1)
    yield made
    made.close()


def test_a_picture_is_decoded_elsewhere(decode):
    (page,) = asyncio.run(decode(PICTURE))
    assert page.shape == (20, 30, 3) and (page == (1, 2, 3)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "decoder, kind, words",
    [
        ("slow", ImageError, "within 2 seconds"),
        ("greedy", TooLarge, "memory"),
        ("crashing", TooLarge, "memory"),
    ],
)
def test_what_takes_too_much_is_stopped_and_the_next_one_is_decoded(
    decode, monkeypatch, tmp_path, decoder, kind, words
):
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    monkeypatch.syspath_prepend(tmp_path)
    asyncio.run(decode(PICTURE))  # the process is there
    with monkeypatch.context() as patch:
        patch.setattr(decoders, "_decode", getattr(import_module("misbehaving"), decoder))
        began = time.perf_counter()
        with pytest.raises(kind, match=words):
            asyncio.run(decode(PICTURE))
        assert time.perf_counter() - began < 10
    assert len(asyncio.run(decode(PICTURE))) == 1


def test_processes_that_die_while_nothing_is_asked_of_them_are_replaced(decode):
    asyncio.run(decode(PICTURE))
    for _ in range(2):
        for child in psutil.Process().children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        time.sleep(1)  # the pool notices, and gives up
        assert len(asyncio.run(decode(PICTURE))) == 1


def test_nobody_is_left_when_the_pool_is_closed(decode):
    asyncio.run(decode(PICTURE))
    children = psutil.Process().children(recursive=True)
    decoding = [p for p in children if "spawn_main" in " ".join(p.cmdline())]
    assert decoding
    decode.close()
    _, alive = psutil.wait_procs(decoding, 10)
    assert not alive


@pytest.mark.parametrize(
    "data, kind, words",
    [
        (b"", ImageError, "empty"),
        (b"hello", ImageError, "not a picture"),
        (PICTURE[:-20], ImageError, "damaged"),
        (b"%!PS\n{} loop\n", ImageError, "PostScript"),
        (b"%PDF-1.4\n", ImageError, "PDF"),
    ],
)
def test_what_is_no_picture(decode, data, kind, words):
    with pytest.raises(kind, match=words):
        asyncio.run(decode(data))
