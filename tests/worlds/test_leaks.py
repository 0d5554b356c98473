"""Nothing but the person may tell age and gender: linear probes on what is around them."""

import numpy as np
import pytest

from cvbook.data.rendered import load


def explained(features: np.ndarray, target: np.ndarray, train: np.ndarray) -> float:
    """Share of the variance of held-out targets that a linear probe explains; 0 or less is chance."""
    x = np.column_stack(
        [
            (features - features[train].mean(0)) / (features[train].std(0) + 1e-9),
            np.ones(len(features)),
        ]
    )
    weights = np.linalg.lstsq(x[train], target[train], rcond=None)[0]
    left = target[~train] - x[~train] @ weights
    return 1 - left.var() / target[~train].var()


@pytest.fixture(scope="module")
def people():
    rows = load("people")
    border = np.stack(
        [
            np.concatenate(
                [
                    np.asarray(r).astype(float)[:12, :12].mean((0, 1)),
                    np.asarray(r).astype(float)[:12, -12:].mean((0, 1)),
                ]
            )
            for r in rows["face"]
        ]
    )
    mean = np.stack([np.asarray(r).astype(float).mean((0, 1)) for r in rows["face"]])
    size = np.array(
        [[b[2] - b[0], b[3] - b[1], (b[0] + b[2]) / 2, (b[1] + b[3]) / 2] for b in rows["face_box"]]
    )
    return {
        "border": border,
        "mean colour": mean,
        "size and place": size,
        "years": np.array(rows["years"]),
        "female": np.array([g == "female" for g in rows["gender"]], float),
        "train": np.array([s == "train" for s in rows["split"]]),
    }


@pytest.mark.parametrize("target", ["years", "female"])
@pytest.mark.parametrize(
    ("what", "margin"), [("border", 0.03), ("mean colour", 0.10), ("size and place", 0.12)]
)
def test_surroundings_do_not_give_the_answer_away(people, what, target, margin):
    """Margins: grey hair and red lips do show in a mean colour, and a baby's face is rounder; the background may show nothing."""
    assert explained(people[what], people[target], people["train"]) < margin


def test_the_probe_finds_a_leak_where_there_is_one(people):
    leaky = (
        people["border"]
        + 5 * people["female"][:, None]
        + np.random.default_rng(0).normal(0, 5, people["border"].shape)
    )
    assert explained(leaky - people["border"] * 0.9, people["female"], people["train"]) > 0.1
