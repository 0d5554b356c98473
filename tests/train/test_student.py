import pytest
import torch

from cvbook.losses.distillation import bce
from cvbook.models.embedder import Embedder, TimmEmbedder
from cvbook.train.continual import (
    WAYS,
    by_scores,
    shares,
    weighted,
)
from cvbook.train.student import Student, TwoTasks

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
