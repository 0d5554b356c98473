"""The readers that a user would pick instead of ours, called as a user would.

They are Tesseract and RapidOCR (PP-OCR).
"""

import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

LANGUAGES = "eng+rus"


def _tesseract(images: list[np.ndarray], mode: int, output: str = "txt") -> str:
    if not shutil.which("tesseract"):
        raise RuntimeError(
            "tesseract is missing: on Debian and Ubuntu, "
            "sudo apt-get install tesseract-ocr tesseract-ocr-eng tesseract-ocr-rus"
        )
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, image in enumerate(images):
            names.append(f"{folder}/{i:06d}.png")
            Image.fromarray(image).save(names[-1], compress_level=1)
        listing = Path(folder) / "list.txt"
        listing.write_text("\n".join(names) + "\n")
        # One process for all pictures, so that loading the model is not counted against it; one
        # thread, as for ours.
        command = ["tesseract", str(listing), "stdout", "-l", LANGUAGES, "--psm", str(mode), output]
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"tesseract failed: {done.stderr.strip()}")
    return done.stdout


def tesseract_lines(images: list[np.ndarray]) -> list[str]:
    """Read line pictures uint8[H, W, 3] with Tesseract's models of English and Russian together."""
    pages = _tesseract(images, 7).split("\f")
    return [" ".join(page.split()) for page in pages[: len(images)]]


def tesseract_page(
    image: np.ndarray, mode: int = 3, scale: int = 1
) -> list[tuple[str, np.ndarray]]:
    """Read a whole picture with Tesseract, English and Russian; by default with its defaults.

    Args:
        image: uint8[H, W, 3].
        mode: of its page segmentation: 3 finds blocks, 4 takes the page for one column, 6 for one
            block, 11 for words here and there.
        scale: by which the picture is enlarged first, by cubic interpolation, since Tesseract was
            made for 300 pixels an inch.

    Returns:
        (text, corners float32[4, 2]) of each line, in its order.
    """
    lines: dict[tuple, list] = {}
    if scale > 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    for row in _tesseract([image], mode, "tsv").splitlines()[1:]:
        level, page, block, paragraph, line, _, x, y, w, h, _, text = row.split("\t")
        if level == "5" and text.strip():
            word = (text, int(x), int(y), int(w), int(h))
            lines.setdefault((page, block, paragraph, line), []).append(word)
    found = []
    for words in lines.values():
        x0, y0 = min(w[1] for w in words), min(w[2] for w in words)
        x1, y1 = max(w[1] + w[3] for w in words), max(w[2] + w[4] for w in words)
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        found.append((" ".join(w[0] for w in words), corners / scale))
    return found


@lru_cache
def _rapidocr():
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def rapidocr_lines(images: list[np.ndarray]) -> list[str]:
    """Read line pictures with RapidOCR's recogniser.

    That is PP-OCRv4, which knows Latin letters and Chinese, no Cyrillic.
    """
    engine = _rapidocr().text_rec
    results, _ = engine([np.ascontiguousarray(image[..., ::-1]) for image in images])
    return [r[0] for r in results]


def rapidocr_page(image: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Read a whole picture with RapidOCR's defaults.

    Returns:
        (text, corners float32[4, 2]) of each line, in its order.
    """
    found, _ = _rapidocr()(np.ascontiguousarray(image[..., ::-1]))
    return [(text, np.array(corners, np.float32)) for corners, text, _ in found or []]
