from dataclasses import replace

import numpy as np
import pytest
import torch

from cvbook.data.open_set import LabelledImages
from cvbook.losses.distillation import bce
from cvbook.models.embedder import Embedder, TimmEmbedder
from cvbook.train.continual import (
    WAYS,
    by_scores,
    halves,
    learn,
    shares,
    teach,
    weighted,
)
from cvbook.train.embedder import embed
from cvbook.train.student import Student, TwoTasks


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


NETWORKS = [lambda: Embedder(16, 8), lambda: TimmEmbedder("test_resnet", 16)]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_student_starts_as_its_teacher(network):
    torch.manual_seed(0)
    teacher, x = network().eval(), torch.rand(5, 3, 64, 64)
    student = Student(teacher, torch.randn(4, 16)).eval()
    new, old, told = student.raw(x).chunk(3, 1)
    torch.testing.assert_close(new, teacher.raw(x))
    assert torch.equal(new, old) and torch.equal(new, told)
    torch.testing.assert_close(student(x) @ student(x).T, teacher(x) @ teacher(x).T)
    torch.testing.assert_close(
        Student(teacher, torch.randn(4, 16), single=True).eval()(x), teacher(x)
    )


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", ["one sample", "one class", "duplicates", "zeros"])
def test_two_tasks_are_finite(dtype, case):
    torch.manual_seed(0)
    student = Student(Embedder(16, 8), torch.randn(4, 16))
    student.shared = torch.randn(1 if case == "one sample" else 6, 8, requires_grad=True)
    project = torch.zeros(8, 48) if case == "zeros" else torch.randn(8, 48)
    z = (student.shared @ project).to(dtype)
    if case == "duplicates":
        z = z[:1].expand(6, -1)
    task = TwoTasks(16, student, 1 if case == "one class" else 3, by_scores(bce), shares(0.5))
    value = task(z, torch.zeros(len(z), dtype=torch.long))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(student.shared.grad).all()


def test_a_batch_of_old_pictures_alone_teaches_the_old_branch_alone():
    torch.manual_seed(0)
    student = Student(Embedder(16, 8), torch.randn(4, 16))
    student.shared = torch.randn(6, 8, requires_grad=True)
    rehearse = WAYS["rehearsal, 5 %"].keep(1.0)
    task = TwoTasks(16, student, 3, rehearse, weighted(1.0))
    z = (student.shared @ torch.randn(8, 48)).detach().requires_grad_()
    task(z, torch.tensor([3, 4, 5, 6, 3, 4])).backward()
    assert z.grad[:, :16].abs().sum() == 0
    assert z.grad[:, 16:32].abs().sum() > 0
    assert z.grad[:, 32:].abs().sum() == 0
