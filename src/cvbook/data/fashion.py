"""Real product photos with real labels: the part of Fashion-MNIST (Xiao et al. 2017) that ships."""

import io
import lzma

import numpy as np

from cvbook.paths import data_path

CLASSES = (
    *("T-shirt", "trousers", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def load(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures uint8[N, 1, 28, 28] and labels int[N], places in `CLASSES`.

    There are 8 000 for "train" and 2 000 for "test"; another split raises KeyError.
    """
    with lzma.open(data_path("fashion", "fashion.npz.xz")) as packed:
        file = io.BytesIO(packed.read())
    with np.load(file) as data:
        return data[f"{split}_images"][:, None], data[f"{split}_labels"].astype(int)
