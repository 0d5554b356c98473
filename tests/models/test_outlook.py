import pytest
import torch
from torch.nn import functional as F

from cvbook.models.outlook import gather_windows, scatter_windows


@pytest.mark.parametrize("shape", [(2, 6, 28, 28), (1, 3, 4, 10), (2, 1, 2, 2)])
def test_windows_are_those_of_unfold_and_fold(shape):
    b, c, height, width = shape
    v = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    cut = F.unfold(v, 3, padding=1, stride=2).reshape(b, c, 9, height // 2, width // 2)
    torch.testing.assert_close(gather_windows(v), cut)
    x = torch.randn_like(cut).requires_grad_()
    folded = F.fold(x.reshape(b, 9 * c, -1), (height, width), 3, padding=1, stride=2)
    torch.testing.assert_close(scatter_windows(x), folded)
    weight = torch.randn_like(folded)
    ours, theirs = (
        torch.autograd.grad((y * weight).sum(), x)[0] for y in (scatter_windows(x), folded)
    )
    torch.testing.assert_close(ours, theirs)
