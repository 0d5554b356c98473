"""Tune every loss of chapter 9b with the same budget, for people before cameras.

    python benchmarks/tuning/reidentification.py

As metric_learning.py does, but for the losses of re-identification, and judged by mean average
precision over the whole ranking and from one camera to the others. The result goes to
reidentification.json beside this file. About 8 minutes on two cores.
"""

import argparse

import numpy as np
from metric_learning import tunings, write

from cvbook.data.open_set import LabelledImages, sightings
from cvbook.metrics.reid import across_cameras
from cvbook.train.metric_learning import REID


def precision_across_cameras(x: np.ndarray, judge: LabelledImages) -> float:
    """Mean average precision of embeddings float[N, d] before cameras, which `coarse` names."""
    return across_cameras(x, judge.labels, judge.coarse).map


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    write(__file__, tunings([sightings()[0]], REID, precision_across_cameras))
