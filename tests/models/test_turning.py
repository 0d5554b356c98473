"""By how much a page is turned."""

import cv2
import numpy as np
import pytest

from cvbook.models.turning import tilt_of, turn


@pytest.mark.parametrize("angle", [-40, -17, 0, 3, 26, 44])
def test_tilt(angle):
    page = np.full((500, 500), 255, np.uint8)
    page[100:400, 100:400] = np.where(np.arange(300) % 30 < 10, 0, 255)[:, None]
    way = cv2.getRotationMatrix2D((250, 250), angle, 1)
    assert abs(tilt_of(cv2.warpAffine(page, way, (500, 500), borderValue=255)) - angle) < 1


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 33])
def test_turning_and_the_way_back(angle):
    page = np.full((60, 100, 3), 255, np.uint8)
    page[10:14, 20:24] = 0
    turned, back = turn(page, angle)
    ys, xs = np.where(turned[..., 0] < 128)
    there = np.array([[[xs.mean(), ys.mean()]]])
    assert abs(cv2.transform(there, back)[0, 0] - (21.5, 11.5)).max() < 0.3
    assert angle % 90 or (turned == np.rot90(page, -angle // 90)).all()
