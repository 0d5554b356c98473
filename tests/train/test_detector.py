import numpy as np
import torch

from cvbook.models.detector import Detector
from cvbook.train.detector import PageRecipe, train_detector


def test_detector_trains_and_resumes(tmp_path):
    torch.manual_seed(0)
    recipe = PageRecipe(pages=6, side=128, batch=2)
    log = train_detector(Detector(), recipe, tmp_path / "d.pt", every=1)
    assert [r["page"] for r in log] == [2, 4, 6] and all(np.isfinite(r["loss"]) for r in log)
    assert torch.load(tmp_path / "d.pt", weights_only=True)["next"] == 6
    assert train_detector(Detector(), recipe, tmp_path / "d.pt", every=1) == log
