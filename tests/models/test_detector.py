"""Targets, boxes and loss of the detector."""

import cv2
import numpy as np
import pytest
import torch

from cvbook.models import detector as db


def rectangle(cx, cy, w, h, angle=0.0):
    return cv2.boxPoints(((cx, cy), (w, h), angle)).astype(np.float32)


@pytest.mark.parametrize(
    "box",
    [(100, 60, 120, 24, 0), (100, 60, 120, 24, 10), (100, 60, 30, 30, 0), (90, 60, 150, 40, -15)],
)
def test_a_perfect_map_gives_the_box_back(box):
    core, _, _ = db.targets([rectangle(*box)], (64, 128))
    found = db.boxes_from_map(core)
    assert len(found) == 1
    assert np.allclose(found[0].corners.mean(0), box[:2], atol=1.5)
    assert found[0].width == pytest.approx(max(box[2], box[3]), rel=0.12, abs=4)
    assert found[0].height == pytest.approx(min(box[2], box[3]), rel=0.15, abs=4)
    upper_left = found[0].corners[0]
    assert upper_left[0] < box[0] and upper_left[1] < box[1] + box[2] * 0.3


def test_touching_lines_stay_apart():
    core, threshold, border = db.targets(
        [rectangle(100, 40, 150, 22), rectangle(100, 62, 150, 22)], (64, 128)
    )
    assert len(db.boxes_from_map(core)) == 2
    assert threshold.max() > 0.55
    assert threshold.min() == pytest.approx(0.3)
    assert set(np.unique(border)) == {0, 1}


def test_outlines_beyond_the_picture_and_specks():
    core, _, _ = db.targets(
        [rectangle(0, 10, 60, 20), rectangle(300, 300, 50, 20), rectangle(50, 50, 1, 1)], (32, 64)
    )
    assert core[5, 3] == 1 and core[20:].sum() == 0
    assert db.boxes_from_map(np.zeros((16, 16), np.float32)) == []


def test_loss_prefers_the_truth_and_has_gradients():
    core, threshold, border = (
        torch.from_numpy(np.stack([a, a])[None])
        for a in db.targets([rectangle(60, 30, 80, 20)], (32, 64))
    )
    right = torch.cat([20 * (core - 0.5), torch.logit(threshold)], 1).requires_grad_()
    wrong = torch.zeros_like(right).requires_grad_()
    a, b = (db.detector_loss(s, core, threshold, border) for s in (right, wrong))
    assert a < 0.1 < b
    b.backward()
    assert torch.isfinite(wrong.grad).all() and wrong.grad.abs().sum() > 0


def test_loss_of_an_empty_page_is_finite():
    nothing = torch.zeros(1, 2, 32, 32)
    loss = db.detector_loss(
        torch.zeros(1, 4, 32, 32, requires_grad=True), nothing, nothing + 0.3, nothing
    )
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("shape", [(50, 70), (64, 64, 3), (16, 200, 3)])
def test_detect_takes_any_size(shape):
    torch.manual_seed(0)
    lines, words = db.detect(
        db.Detector(), np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    )
    assert isinstance(lines, list) and isinstance(words, list)
