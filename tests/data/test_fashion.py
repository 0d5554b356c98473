import numpy as np
import pytest

from cvbook.data import fashion


def test_the_shipped_part():
    for split, count in (("train", 8000), ("test", 2000)):
        images, labels = fashion.load(split)
        assert images.shape == (count, 1, 28, 28) and images.dtype == np.uint8
        assert np.bincount(labels, minlength=10).min() > 0.08 * count
        assert len(np.bincount(labels)) == len(fashion.CLASSES)
    with pytest.raises(KeyError):
        fashion.load("validation")
