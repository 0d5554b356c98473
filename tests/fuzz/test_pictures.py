"""Damaged pictures and documents: a page, or a sentence; no program, no hang, no flood of memory.

CVBOOK_FUZZ_SECONDS, 30 if it is not set, are shared by the kinds of file. A failure prints the
seed; `damaged(KINDS[kind], seed)` makes the file again.
"""

import io
import os
import random
import subprocess
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from cvbook.documents import pages
from cvbook.images import FORMATS, ImageError
from cvbook.models.reader import Reader

SECONDS = float(os.environ.get("CVBOOK_FUZZ_SECONDS", 30))
LIMIT = 2_000_000  # pixels


def made(kind: str) -> bytes:
    """A small picture with some text-like marks, or three pages of it."""
    rng, out = np.random.default_rng(0), io.BytesIO()
    marks = np.where(rng.random((40, 90)) < 0.2, 0, 255).astype(np.uint8)
    first, *rest = (Image.fromarray(np.roll(marks, 9 * i)).convert("RGB") for i in range(3))
    several = {"save_all": True, "append_images": rest} if kind in ("TIFF", "GIF", "PDF") else {}
    first.save(out, kind, **several)
    return out.getvalue()


KINDS = {kind: made(kind) for kind in (*FORMATS, "PDF")}


def damaged(good: bytes, seed: int) -> bytes:
    """One to five mutations: flipped, random, repeated, missing and foreign bytes."""
    draw, raw = random.Random(seed), bytearray(good)
    for _ in range(draw.randint(1, 5)):
        # Mostly in the head, where sizes and offsets are.
        most = len(raw) if draw.random() < 0.5 else min(len(raw), 200)
        at, length = draw.randrange(most + 1), draw.choice((1, 2, 4, 30))
        way = draw.randrange(6)
        if way == 0 and at < len(raw):
            raw[at] ^= 1 << draw.randrange(8)
        elif way == 1:
            raw[at : at + length] = draw.randbytes(length)
        elif way == 2:
            raw[at:at] = raw[at : at + length]
        elif way == 3:
            del raw[at : at + length]
        elif way == 4:
            raw[at : at + length] = draw.choice((b"\xff", b"\0", b"\x7f")) * length
        else:
            other = draw.choice(list(KINDS.values()))
            raw[at:] = other[draw.randrange(len(other)) :]
    return bytes(raw)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # decoders grumble at broken files
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_picture_is_a_picture_or_a_sentence(kind, monkeypatch):
    def started(*args, **given):
        raise AssertionError(f"a program was started: {args}")

    monkeypatch.setattr(subprocess, "Popen", started)
    until, seed, read = time.perf_counter() + SECONDS / len(KINDS), 0, 0
    before = psutil.Process().memory_info().rss
    while time.perf_counter() < until:
        began = time.perf_counter()
        for _, page in pages(io.BytesIO(damaged(KINDS[kind], seed)), LIMIT, 20):
            if isinstance(page, ImageError):
                said = str(page)
                assert said.endswith((".", "…")) and "\n" not in said.strip(), (seed, said)
            else:
                assert page.dtype == np.uint8 and page.shape[2] == 3, seed
                read += 1
        assert time.perf_counter() - began < 20, seed
        seed += 1
    assert seed > 30 and read
    assert psutil.Process().memory_info().rss - before < 2**30


@pytest.mark.slow
def test_a_reader_reads_whatever_is_a_picture():
    """Every size and aspect, noise, stripes, one colour."""
    reader, until, seed = Reader(), time.perf_counter() + SECONDS / 4, 0
    while time.perf_counter() < until:
        rng = np.random.default_rng(seed)
        h, w = (int(np.exp(rng.uniform(0, 6))) for _ in range(2))
        image = np.full((h, w, 3), rng.integers(256), np.uint8)
        way = rng.integers(4)
        if way == 0:
            image = rng.integers(0, 256, (h, w, 3), np.uint8)
        elif way == 1:
            image[:: rng.integers(1, 9)] = rng.integers(256)
        elif way == 2:
            image[h // 3 : h // 2 + 1, w // 3 : w // 2 + 1] = rng.integers(256)
        for line in reader.read(image, least=0.0):
            assert line.text and 0 <= line.confidence <= 1, seed
            assert np.isfinite(line.corners).all(), seed
        seed += 1
    assert seed > 5
