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
    lines = [rectangle(100, 40, 150, 22), rectangle(100, 62, 150, 22)]
    core, threshold, border = db.targets(lines, (64, 128))
    assert len(db.boxes_from_map(core)) == 2
    assert threshold.max() > 0.55 and threshold.min() == pytest.approx(0.3)
    assert set(np.unique(border)) == {0, 1}


def test_outlines_beyond_the_picture_and_specks():
    outlines = rectangle(0, 10, 60, 20), rectangle(300, 300, 50, 20), rectangle(50, 50, 1, 1)
    core, _, _ = db.targets(list(outlines), (32, 64))
    assert core[5, 3] == 1 and core[20:].sum() == 0
    assert db.boxes_from_map(np.zeros((16, 16), np.float32)) == []


def test_loss_prefers_the_truth_and_has_gradients():
    maps = db.targets([rectangle(60, 30, 80, 20)], (32, 64))
    core, threshold, border = (torch.from_numpy(np.stack([m, m])[None]) for m in maps)
    right = torch.cat([20 * (core - 0.5), torch.logit(threshold)], 1).requires_grad_()
    wrong = torch.zeros_like(right).requires_grad_()
    a, b = (db.detector_loss(s, core, threshold, border) for s in (right, wrong))
    assert a < 0.1 < b
    b.backward()
    assert torch.isfinite(wrong.grad).all() and wrong.grad.abs().sum() > 0


def test_loss_of_an_empty_page_is_finite():
    nothing = torch.zeros(1, 2, 32, 32)
    scores = torch.zeros(1, 4, 32, 32, requires_grad=True)
    loss = db.detector_loss(scores, nothing, nothing + 0.3, nothing)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(scores.grad).all()


class Dark(torch.nn.Module):
    """Sees cores where it is dark: as lines what is black, as words what is grey, too."""

    def forward(self, x):
        small = torch.nn.functional.avg_pool2d(x, db.STRIDE)
        lines, words = 20 * (0.1 - small), 20 * (0.6 - small)
        return torch.cat([lines, words, small, small], 1)


@pytest.mark.parametrize("shape", [(50, 170), (64, 128, 3), (61, 200, 3)])
def test_detect_takes_any_size_and_finds_boxes_where_they_are(shape):
    image = np.full(shape, 255, np.uint8)
    image[20:32, 24:96] = 0  # of a line, and of a word
    image[20:32, 112:124] = 128  # of a word
    lines, words = db.detect(Dark(), image)
    assert len(lines) == 1 and len(words) == 2
    assert lines[0].corners.mean(0) == pytest.approx([60, 26], abs=3)
    assert sorted(w.corners[:, 0].mean() for w in words) == pytest.approx([60, 118], abs=3)


def test_a_new_detector_takes_any_size_too():
    torch.manual_seed(0)
    scores = db.Detector().eval()(torch.rand(1, 1, 64, 192))
    assert scores.shape == (1, 4, 64 // db.STRIDE, 192 // db.STRIDE)
    db.detect(db.Detector(), np.zeros((16, 200, 3), np.uint8))
