"""Make fashion.npz.xz: 8 000 training and 2 000 test pictures of Fashion-MNIST, drawn at random.

They come from Debian's package dataset-fashion-mnist:

    python data/fashion/build.py /usr/share/datasets/fashion-mnist
"""

import gzip
import io
import lzma
import sys
from pathlib import Path

import numpy as np


def idx(path: Path) -> np.ndarray:
    """An array in LeCun's IDX format, unsigned bytes."""
    raw = gzip.decompress(path.read_bytes())
    dims = np.frombuffer(raw, ">i4", raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


folder, rng, out = Path(sys.argv[1]), np.random.default_rng(0), {}
for split, name, count in (("train", "train", 8000), ("test", "t10k", 2000)):
    images, labels = (
        idx(folder / f"{name}-{what}-ubyte.gz") for what in ("images-idx3", "labels-idx1")
    )
    rows = np.sort(rng.choice(len(images), count, replace=False))
    out |= {f"{split}_images": images[rows], f"{split}_labels": labels[rows]}
# One xz stream over all arrays is a seventh smaller than NumPy's own compression of each.
packed = io.BytesIO()
np.savez(packed, **out)
(Path(__file__).parent / "fashion.npz.xz").write_bytes(lzma.compress(packed.getvalue(), preset=9))
