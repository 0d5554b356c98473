"""CTC against brute force over all paths, and against torch."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cvbook.losses import ctc


@pytest.mark.parametrize("target, steps", [([1], 1), ([1, 1], 3), ([1, 2, 2, 2], 6), ([], 0)])
def test_steps_needed(target, steps):
    """As many as torch needs: with one less no path writes the target."""
    assert ctc.steps_needed(target) == steps

    def loss(steps: int) -> torch.Tensor:
        log_probs = torch.randn(steps, 1, 4).log_softmax(-1)
        sizes = torch.tensor([steps]), torch.tensor([len(target)])
        return F.ctc_loss(log_probs, torch.tensor(target), *sizes)

    if target:
        assert torch.isfinite(loss(steps))
    if steps > 1:
        assert torch.isinf(loss(steps - 1))


def test_loss_equals_brute_force():
    log_probs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    probability = 0.0
    for path in itertools.product(range(4), repeat=5):
        text = [c for c, _ in itertools.groupby(path) if c]
        if text == [1, 2]:
            probability += float(log_probs[range(5), path].sum().exp())
    loss, impossible = ctc.ctc_loss(log_probs[None], torch.tensor([5]), [[1, 2]])
    assert loss.item() == pytest.approx(-np.log(probability) / 2, abs=1e-5)  # by character
    assert impossible == 0


def test_impossible_lines_are_counted_and_do_no_harm():
    loss, impossible = ctc.ctc_loss(torch.zeros(2, 2, 4), torch.tensor([2, 2]), [[1, 1], [1, 2]])
    assert impossible == 1 and torch.isfinite(loss)


def both(scores, steps, targets):
    """Loss and gradient, ours and torch's own with what it calls `zero_infinity`."""
    found = []
    lengths = torch.tensor([len(t) for t in targets])
    flat = torch.tensor([c for t in targets for c in t], dtype=torch.long)
    for loss in (
        lambda x: ctc.ctc_loss(x, steps, targets)[0],
        lambda x: F.ctc_loss(
            x.log_softmax(-1).transpose(0, 1), flat, steps, lengths, zero_infinity=True
        ),
    ):
        x = scores.clone().requires_grad_()
        value = loss(x)
        value.backward()
        found.append((value.detach(), x.grad))
    return found


def test_loss_and_gradient_are_torchs():
    torch.manual_seed(0)
    scores, steps = torch.randn(4, 9, 5), torch.tensor([9, 7, 0, 2])
    (value, slope), (expected, expected_slope) = both(scores, steps, [[1, 2, 2], [4], [], []])
    assert torch.equal(value, expected) and torch.equal(slope, expected_slope)
    # Two lines that are too short.
    targets = [[1, 2, 2], [4] * 5, [], [1, 1]]
    (value, slope), (expected, expected_slope) = both(scores, steps, targets)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, expected_slope)
    assert (slope[[1, 3]] == 0).all()


def test_only_lines_that_are_too_short_are_left_out():
    """An infinite or NaN loss of another line is not hidden with them."""
    scores, steps, targets = torch.zeros(2, 2, 4), torch.tensor([2, 2]), [[1, 1], [1, 2]]
    for wrong in (torch.nan, torch.inf, -torch.inf, -3e38):
        bad = scores.clone()
        bad[1, :, 1] = wrong
        loss, impossible = ctc.ctc_loss(10 * bad, steps, targets)
        assert impossible == 1 and not torch.isfinite(loss)
        bad[1], bad[0] = 0, wrong  # in the line that is left out
        assert torch.isfinite(ctc.ctc_loss(bad, steps, targets)[0])


def test_a_class_without_any_probability_makes_the_loss_nan():
    """Torch's loss would be finite, and its gradient NaN."""
    scores = torch.tensor([[[0.0, 1.0, -torch.inf]]])
    assert torch.isnan(ctc.ctc_loss(scores, torch.tensor([1]), [[1]])[0])


def test_all_lines_may_be_too_short():
    scores, steps = torch.zeros(2, 2, 4), torch.tensor([2, 2])
    x = scores.clone().requires_grad_()
    loss, impossible = ctc.ctc_loss(x, steps, [[1, 1], [2, 2]])
    loss.backward()
    assert impossible == 2 and loss == 0 and (x.grad == 0).all()


@pytest.mark.parametrize("target", [[7], [-1], [1, 0], [3], [1.0], ["a"], [None]])
def test_a_target_that_is_no_class_is_refused(target):
    """Torch would read, and in the gradient write, past the end of the scores."""
    with pytest.raises(ValueError, match="Target 1 is .* can be 1 to 2"):
        ctc.ctc_loss(torch.zeros(2, 5, 3), torch.tensor([5, 5]), [[1], target])


@pytest.mark.parametrize(
    ("shape", "steps", "targets", "sentence"),
    [
        ((0, 5, 3), [], [], "B > 0"),
        ((5, 3), [5], [[1]], "B > 0"),
        ((1, 0, 3), [0], [[]], "B > 0"),
        ((2, 5, 3), [5], [[1], [1]], "as many steps"),
        ((2, 5, 3), [5, 5], [[1]], "as many steps"),
        ((1, 5, 3), [6], [[1]], "from 0 to 5"),
        ((1, 5, 3), [-1], [[1]], "from 0 to 5"),
        ((1, 5, 3), [5.0], [[1]], "whole numbers"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(shape, steps, targets, sentence):
    with pytest.raises(ValueError, match=sentence):
        ctc.ctc_loss(torch.zeros(shape), torch.tensor(steps), targets)
