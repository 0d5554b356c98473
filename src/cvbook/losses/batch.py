"""What a loss is given, looked over before it computes."""

import torch
from torch import Tensor


def whole(x: Tensor) -> bool:
    """Whether a tensor holds whole numbers, as classes and lengths are."""
    return not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)


def check(x: Tensor, y: Tensor, classes: int | None = None) -> None:
    """Rows and a class for each.

    Args:
        x: float[B, d].
        y: int64[B].
        classes: how many there are, if they are numbered from 0.

    Raises:
        ValueError: another shape, no row, other numbers of rows and classes, classes that are no
            whole numbers, or one that is not among those numbered.
    """
    if x.ndim != 2 or y.ndim != 1 or not len(x) or len(x) != len(y):
        raise ValueError(
            f"Need rows [B, d] and as many classes [B], B > 0; got {list(x.shape)} and "
            f"{list(y.shape)}."
        )
    if not whole(y):
        raise ValueError(f"Classes must be whole numbers; got {y.dtype}.")
    if classes is not None:
        low, high = torch.stack(torch.aminmax(y)).tolist()
        if not 0 <= low <= high < classes:
            raise ValueError(f"Classes must be 0 to {classes - 1}; got {low} to {high}.")


def measurable(x: Tensor) -> bool:
    """Whether every row of float32[B, d] has a length: no NaN, no infinity and no overflow."""
    return bool(x.detach().norm(dim=1).isfinite().all())


def check_alike(student: Tensor, teacher: Tensor) -> None:
    """Two tensors that are compared number by number.

    Raises:
        ValueError: their shapes differ, or they are empty.
    """
    if student.shape != teacher.shape or not student.numel():
        raise ValueError(
            f"Need two of the same shape, not empty; got {list(student.shape)} and "
            f"{list(teacher.shape)}."
        )
