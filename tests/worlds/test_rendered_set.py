import io

import numpy as np
from PIL import Image

from cvbook.worlds.rendered_set import encode


def test_masks_are_kept_to_the_number_and_pictures_nearly():
    mask = np.arange(1200, dtype=np.int32).reshape(30, 40)
    assert (np.asarray(Image.open(io.BytesIO(encode(mask, "PNG")))) == mask).all()
    rows, columns = np.mgrid[:60, :80]
    picture = np.stack([rows * 4, columns * 3, rows + columns], 2).astype(np.uint8)
    back = np.asarray(Image.open(io.BytesIO(encode(picture))))
    assert back.shape == picture.shape and np.abs(back.astype(int) - picture).mean() < 4
