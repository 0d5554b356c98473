import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cvbook.models.detector import Detector
from cvbook.train import detector as training

RECIPE = training.PageRecipe(pages=6, side=128, batch=2)


def trained(checkpoint=None) -> tuple[Detector, list[dict]]:
    torch.manual_seed(0)
    model = Detector()
    return model, training.train_detector(model, RECIPE, checkpoint, every=1)


def test_resumed_training_equals_uninterrupted(tmp_path, monkeypatch):
    whole, log = trained()
    assert [r["page"] for r in log] == [2, 4, 6] and np.isfinite([r["loss"] for r in log]).all()
    file, loss, calls = tmp_path / "d.pt", training.detector_loss, itertools.count(1)

    def stop(*given):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return loss(*given)

    with monkeypatch.context() as patch:
        hours = itertools.count(step=3600)  # so that it saves after every step
        patch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: next(hours)))
        patch.setattr(training, "detector_loss", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(file)
    assert torch.load(file, weights_only=True)["next"] == 4
    again, log_again = trained(file)
    assert [r["loss"] for r in log_again] == pytest.approx([r["loss"] for r in log], rel=1e-4)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    assert trained(file)[1] == log_again  # nothing is left to do


def test_another_recipe_is_refused(tmp_path):
    trained(tmp_path / "d.pt")
    other = training.PageRecipe(pages=8, side=128, batch=2)
    with pytest.raises(ValueError, match="another recipe"):
        training.train_detector(Detector(), other, tmp_path / "d.pt")
