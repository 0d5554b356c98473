from dataclasses import replace

import numpy as np
import pytest
import torch

from cvbook.data.open_set import LabelledImages
from cvbook.losses.distillation import bce
from cvbook.train.continual import (
    WAYS,
    halves,
    learn,
    teach,
)
from cvbook.train.embedder import embed


def squares(seed=0, n=96):
    """Noisy squares: the fine class is the colour, the coarse one is whether red leads."""
    rng = np.random.default_rng(seed)
    colours = np.random.default_rng(9).uniform(40, 215, (12, 3, 1, 1))
    labels = rng.integers(0, 12, n)
    images = (colours[labels] + 20 * rng.normal(size=(n, 3, 24, 24))).clip(0, 255).astype(np.uint8)
    return LabelledImages(
        torch.from_numpy(images), labels, (colours.argmax(1)[:, 0, 0] == 0).astype(int)[labels]
    )


@pytest.fixture(scope="module")
def taught():
    old, new = halves(squares(), 0)
    return old, new, *teach(old, 3, 3e-3, width=8, dim=64)


def test_halves_share_no_class_and_differ_by_seed():
    data = squares()
    old, new = halves(data, 0)
    assert not set(old.labels) & set(new.labels) and len(old.labels) + len(new.labels) == 96
    assert len({tuple(np.unique(halves(data, seed)[0].labels)) for seed in range(4)}) > 1


@pytest.mark.parametrize("name", WAYS)
def test_every_way_learns_and_leaves_the_teacher_alone(name, taught):
    old, new, teacher, centres = taught
    way, before = WAYS[name], {k: v.clone() for k, v in teacher.state_dict().items()}
    student = learn(way, way.strengths[1], teacher, centres, new, old, 2, 1e-3)
    assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())
    assert all(torch.equal(v, before[k]) for k, v in student.teacher.state_dict().items())
    assert not torch.equal(student.net.head.weight, teacher.head.weight)
    x = embed(student, new.images)
    assert x.shape[1] == (64 if way.single else 128) and np.isfinite(x).all()
    with torch.inference_mode():
        some = new.images[:9] / 255
        same = torch.allclose(student.net.features(some), teacher.features(some), atol=1e-6)
    assert same == way.frozen


def gap(student, images):
    """How far the old branch is from the teacher's scores."""
    with torch.inference_mode():
        _, old, told = student.eval().raw(images / 255).chunk(3, 1)
        return bce(16 * student.scores(old), 16 * student.scores(told)).item()


def test_keeping_keeps_the_old_scores(taught):
    old, new, teacher, centres = taught

    def moved(name: str, strength: float) -> float:
        student = learn(WAYS[name], strength, teacher, centres, new, old, 4, 3e-3)
        return gap(student, new.images)

    lost = moved("fine-tuned", 0.3)
    for name in ("BCE, half and half", "BCE, GradNorm", "KL, half and half", "cosine of features"):
        assert moved(name, WAYS[name].strengths[1]) < 0.5 * lost, name


def test_same_seed_same_student(taught):
    old, new, teacher, centres = taught
    given = WAYS["rehearsal, 5 %"], 1.0, teacher, centres, new, old, 1, 1e-3
    a, b, c = (learn(*given, seed).old.weight for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_rehearsal_needs_the_old_pictures_it_has_and_no_others(taught):
    old, new, teacher, centres = taught
    few = replace(WAYS["rehearsal, 5 %"], rehearsed=3 / len(old.labels))
    student = learn(few, 1.0, teacher, centres, new, old, 1, 1e-3)
    assert 1 <= len(student.centres) <= 3  # of the classes that are still there
    learn(replace(few, rehearsed=0.0), 1.0, teacher, centres, new, old, 1, 1e-3)


def test_rehearsed_classes_are_the_teachers(taught):
    """Labels that are mixed up would pull the old branch away from the classes it knows."""
    old, new, teacher, centres = taught
    every = replace(WAYS["rehearsal, 5 %"], rehearsed=1.0)
    student = learn(every, 10.0, teacher, centres, new, old, 20, 3e-3).eval()
    with torch.inference_mode():
        scores = student.scores(student.raw(old.images / 255).chunk(3, 1)[1])
    truth = np.unique(old.labels, return_inverse=True)[1]
    assert (scores.argmax(1).numpy() == truth).mean() > 0.9
    assert torch.equal(student.centres, torch.nn.functional.normalize(centres))


def test_l2_sp_stays_nearer_to_its_start(taught):
    old, new, teacher, centres = taught

    def moved(name, strength):
        net = learn(WAYS[name], strength, teacher, centres, new, old, 3, 3e-3).net
        pairs = zip(net.parameters(), teacher.parameters(), strict=True)
        return sum((a - b).square().sum().item() for a, b in pairs)

    assert moved("L2-SP", 100.0) < 0.5 * moved("fine-tuned", 0.3)
