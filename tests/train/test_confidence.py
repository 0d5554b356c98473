"""A confidence that is the share of right characters."""

import numpy as np
import pytest
import torch

from cvbook.models import weights
from cvbook.models.recogniser import Recogniser
from cvbook.train.confidence import calibrate, sample, share_right


@pytest.mark.parametrize(
    "text, reading, share",
    [
        ("Paper", "Paper", 1),
        ("Paper", "Papr", 0.8),
        ("", "abc", 0),
        ("", "", 1),
        ("ab", "abcd", 0.5),
    ],
)
def test_the_share_of_right_characters(text, reading, share):
    assert share_right(text, reading) == pytest.approx(share)


def test_a_fifth_of_the_sample_stands_on_its_head():
    pictures, texts = sample(200, seed=3)
    assert len(pictures) == len(texts) == 200 and 20 < sum(not text for text in texts) < 60
    again, _ = sample(3, seed=3)
    assert all((a == b).all() for a, b in zip(again, pictures, strict=False))


@pytest.mark.slow
def test_a_curve_rises_and_is_nearer_to_the_truth_than_the_networks_opinion():
    torch.set_num_threads(1)
    model = weights.recogniser()
    shipped = np.array(model.calibration)
    at, right = np.array(calibrate(model, 300))
    assert (np.diff(at) > 0).all() and (np.diff(right) >= 0).all()
    assert at[0] == 0 and at[-1] == 1 and right[0] >= 0 and right[-1] <= 1
    # A network is too sure of what it is half sure of, and the shipped curve says so, too.
    assert np.interp(0.6, at, right) < 0.55 and np.interp(0.6, *shipped) < 0.55


def test_the_calibration_travels_with_the_weights(tmp_path):
    curve = [[0.0, 0.5, 1.0], [0.1, 0.2, 1.0]]
    model = Recogniser(calibration=curve)
    weights.save(model, tmp_path / "r.safetensors", {"calibration": curve}, {})
    assert weights.recogniser(tmp_path / "r.safetensors").calibration == curve
    for bad in ([[0, 0], [0, 1]], [[0, 1], [0, 2]], [[0, 1], [0, float("nan")]], [[0, 1]]):
        with pytest.raises(ValueError):
            Recogniser(calibration=bad)
