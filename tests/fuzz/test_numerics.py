"""Losses, metrics, votes and quantisation on whatever arrays there may be.

What is promised for all input: no exception but those documented, no finite result of a NaN, and a
finite gradient where the loss is finite. The examples are the same each time. They end when the
time is up, 45 seconds in all, or `CVBOOK_FUZZ_SECONDS`.
"""

import os
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from cvbook.deploy.export import to_onnx
from cvbook.deploy.low_rank import factorise, factorised
from cvbook.deploy.quantise import CALIBRATIONS, to_int8
from cvbook.deploy.runtimes import OnnxRuntime
from cvbook.labels import votes
from cvbook.losses import pairs
from cvbook.losses.alignment import AlignedTriplet
from cvbook.losses.ctc import ctc_loss, steps_needed
from cvbook.losses.distillation import GradNorm, balanced, bce, features, kl
from cvbook.losses.imbalance import FDS, lds_weights
from cvbook.losses.margins import Classification, WithCenters, arcface, combined, cosface
from cvbook.metrics import age, reid, retrieval, statistics, text

SECONDS = float(os.environ.get("CVBOOK_FUZZ_SECONDS", 45))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning"),
]


def fuzz(share, *strategies):
    """Run a test on examples until its share of the time is up."""

    def wrap(test):
        state = {"end": None, "failed": False}

        def timed(values):
            state["end"] = state["end"] or time.monotonic() + share * SECONDS
            if time.monotonic() > state["end"] and not state["failed"]:
                return
            try:
                test(*values)
            except BaseException:
                state["failed"] = True  # from here on all are run, for the smallest that fails
                raise

        timed.__name__, timed.__doc__ = test.__name__, test.__doc__
        plain = settings(
            max_examples=max(20, int(200 * share * SECONDS)),
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        return plain(given(st.tuples(*strategies))(timed))

    return wrap


number = st.one_of(
    st.floats(-4, 4, width=32),
    st.sampled_from(
        [float(np.float32(x)) for x in (0, -0.0, 1, 1e-30, 1e-7, 1e-5, 1e4, -1e18, 3e38)]
    ),
)
broken = st.sampled_from([np.nan, np.inf, -np.inf])


@st.composite
def matrices(draw, rows=7, columns=None):
    """float32[n, d]: ordinary numbers or odd ones, equal and near rows, now and then a NaN."""
    shape = (draw(st.integers(0, rows)), columns or draw(st.integers(1, 5)))
    x = draw(
        arrays(
            np.float32,
            shape,
            elements=number if draw(st.booleans()) else st.floats(-4, 4, width=32),
        )
    )
    if len(x) > 1 and draw(st.booleans()):
        x[-1] = x[0] * np.float32(draw(st.sampled_from([1, 3, 1 + 1e-6, -1])))
    if x.size and draw(st.integers(0, 3)) == 0:
        x[draw(st.integers(0, len(x) - 1)), draw(st.integers(0, shape[1] - 1))] = draw(broken)
    return x


@st.composite
def labelled(draw, low=0, high=3, **given):
    """A matrix, and classes of as many rows, or nearly."""
    x = draw(matrices(**given))
    n = len(x) + draw(st.sampled_from([0] * 8 + [1, -1]))
    return x, draw(arrays(np.int64, max(n, 0), elements=st.integers(low, high)))


def measurable(x):
    return bool(torch.from_numpy(x).norm(dim=1).isfinite().all())


def graded_loss(loss, *given):
    """A loss's value, and whether all gradients are finite; None if it refused."""
    given = [torch.from_numpy(x).clone() if isinstance(x, np.ndarray) else x for x in given]
    leaves = [
        x.requires_grad_() for x in given if isinstance(x, torch.Tensor) and x.is_floating_point()
    ]
    try:
        value = loss(*given)
    except ValueError:
        return None
    if value.requires_grad:
        value.backward()
    finite = all(x.grad is None or bool(x.grad.isfinite().all()) for x in leaves)
    assert finite or not value.isfinite(), "a finite loss without a finite gradient"
    return float(value)


PAIRS = {
    "contrastive": pairs.contrastive,
    "cosine": pairs.cosine,
    "quadruplet": pairs.quadruplet,
    **{name: partial(pairs.triplet, miner=miner) for name, miner in pairs.MINERS.items()},
    "aligned": lambda x, y: AlignedTriplet(1, 2)(x, y),
}


@fuzz(0.2, st.sampled_from(list(PAIRS)), labelled())
def test_losses_on_pairs(name, batch):
    x, y = batch
    value = graded_loss(PAIRS[name], x, torch.from_numpy(y))
    fits = len(x) == len(y) > 0 and (name != "aligned" or x.shape[1] in (3, 5))
    assert (value is not None) == fits
    if fits:
        assert np.isfinite(value) == measurable(x) and not value < -1e-5


@fuzz(0.05, matrices())
def test_distances_are_those_of_doubles(x):
    z = torch.from_numpy(x).double()
    if not measurable(x):
        return
    length = z.norm(dim=1, keepdim=True)
    z = z / length
    expected = (z[:, None] - z).norm(dim=-1)
    if (length > 1.01e-6).all():
        torch.testing.assert_close(
            pairs.distances(torch.from_numpy(x)).double(), expected, atol=2e-6, rtol=2e-3
        )


CLASSIFIERS = {
    "plain": lambda d: Classification(d, 3, normalise=False),
    "normalised": lambda d: Classification(d, 3),
    "arcface": lambda d: Classification(d, 3, arcface(), 64.0),
    "cosface": lambda d: Classification(d, 3, cosface()),
    "combined": lambda d: Classification(d, 3, combined(1.5)),
    "centers": lambda d: WithCenters(d, 3, 1.0),
    "contrastive centers": lambda d: WithCenters(d, 3, 1.0, contrastive=True),
}


@fuzz(0.1, st.sampled_from(list(CLASSIFIERS)), labelled(low=-1))
def test_losses_on_classes(name, batch):
    x, y = batch
    torch.manual_seed(0)
    value = graded_loss(CLASSIFIERS[name](x.shape[1]), x, torch.from_numpy(y))
    fits = len(x) == len(y) > 0 and y.min() >= 0 and y.max() < 3
    assert (value is not None) == fits
    if fits and not np.isfinite(x).all():
        assert not np.isfinite(value)
    if fits and measurable(x) and "cent" not in name and name != "plain":
        assert np.isfinite(value)  # of those that normalise


@st.composite
def lines(draw):
    b, t, c = draw(st.integers(0, 3)), draw(st.integers(0, 5)), draw(st.integers(1, 4))
    # Of log-probabilities beyond 1e9 FP32 keeps so little that torch's gradient may be infinite.
    far = st.sampled_from([0.0, 1e4, -1e4])
    scores = draw(arrays(np.float32, (b, t, c), elements=far | st.floats(-4, 4, width=32)))
    if scores.size and draw(st.booleans()):
        scores.flat[draw(st.integers(0, scores.size - 1))] = draw(broken)
    wide = draw(st.integers(0, 3)) == 0  # one in four goes beyond what is allowed
    step = st.integers(-1, t + 1) if wide else st.integers(0, t)
    symbol = st.integers(-1, c + 4) if wide else st.integers(1, max(c - 1, 1))
    targets = [draw(st.lists(symbol, max_size=4)) for _ in range(b)]
    if wide and draw(st.booleans()):
        targets.append([1])
    return scores, np.array([draw(step) for _ in range(b)], np.int64), targets


@fuzz(0.1, lines())
def test_ctc(given):
    scores, steps, targets = given
    b, t, c = scores.shape
    fits = (
        0 < b == len(targets)
        and t > 0
        and all(0 <= n <= t for n in steps)
        and all(1 <= s < c for target in targets for s in target)
    )
    x = torch.from_numpy(scores).clone().requires_grad_()
    try:
        loss, impossible = ctc_loss(x, torch.from_numpy(steps), targets)
    except ValueError:
        assert not fits
        return
    assert fits
    loss.backward()
    possible = [steps_needed(target) <= n for target, n in zip(targets, steps, strict=True)]
    assert impossible == b - sum(possible)
    used = [x.detach()[i, : steps[i]] for i in range(b) if possible[i]]
    grads = [x.grad[i, : steps[i]] for i in range(b)]
    if any(u.isnan().any() or (u == torch.inf).any() for u in used):
        assert not loss.isfinite()
    if loss.isfinite():
        assert loss >= -1e-5 and all(g.isfinite().all() for g in grads)


@fuzz(0.07, st.sampled_from([bce, kl, features]), matrices(columns=3), matrices(columns=3))
def test_distillation(loss, student, teacher):
    value = graded_loss(lambda a, b: loss(a, b), student, teacher)
    assert (value is not None) == (student.shape == teacher.shape and student.size > 0)
    if value is not None and not (np.isfinite(student).all() and np.isfinite(teacher).all()):
        assert not np.isfinite(value)


scale = st.sampled_from([0.0, 1e-25, 1e-7, 1.0, 3.0, 1e6, np.nan, np.inf])
share = st.sampled_from([0.0, 0.5, 0.9, 2.0, -1.0, np.nan])


@fuzz(0.05, st.lists(scale, min_size=2, max_size=2), st.lists(share, min_size=1, max_size=3))
def test_combined_gradients(scales, shares):
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
    level = GradNorm(2)
    whole = [np.isfinite(s) for s in scales]
    for combine in (lambda parts: balanced(parts, shares, x), lambda parts: level(parts, x)):
        parts = [scales[0] * x.square().sum(), scales[1] * (x - 1).square().sum()]
        try:
            value = combine(parts)
        except ValueError:
            assert len(shares) != 2 or not min(shares) >= 0 or not sum(shares) > 0
            continue
        if not all(whole):
            assert not value.isfinite()
        else:
            assert torch.autograd.grad(value, x)[0].isfinite().all()
    assert level.weights.isfinite().all() and (level.weights > 0).all()


@fuzz(0.07, st.lists(labelled(low=-1, high=6, columns=2), min_size=1, max_size=4))
def test_smoothed_features(epochs):
    fds = FDS(2, 6).train()
    for x, y in epochs:
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        before = {k: v.clone() for k, v in fds.state_dict().items()}
        try:
            fds.update(x, y)
        except ValueError:
            assert all(torch.equal(v, before[k]) for k, v in fds.state_dict().items())
            continue
        assert all(v.isfinite().all() for v in fds.state_dict().values())
        assert fds(x, y).isfinite().all()
        assert np.isfinite(lds_weights(y.numpy(), 6)).all()


@fuzz(0.09, labelled(), matrices(columns=1), matrices(columns=1), number)
def test_metrics_of_embeddings(batch, first, second, rate):
    x, y = batch
    a, b = first[:, 0], second[:, 0]
    rate = abs(rate) % 1.5
    for measure, seen in (
        (lambda: retrieval.retrieval(x, y).values(), (x,)),
        (lambda: [retrieval.graded(x, y, y // 2)], (x,)),
        (lambda: [retrieval.compactness(x, y)], (x,)),
        (lambda: [retrieval.chance(y)], ()),
        (lambda: [retrieval.tar_at_far(a, b, rate)], ()),
        (lambda: [reid.detection_identification(a, a > 0, b, rate)[0]], ()),
        (lambda: reid.rerank(x, x @ x.T * 0, x.T @ x * 0, 3, 2).ravel(), (x,)),
        (lambda: [reid.evaluate(np.abs(x), y, y[: x.shape[1]]).map], (x,)),
        (lambda: reid.across_cameras(x, y, np.arange(len(y)) % 2).cmc, (x,)),
    ):
        try:
            found = np.array(list(measure()), float)
        except ValueError:
            continue
        assert np.isfinite(found).all()
        assert all(np.isfinite(part).all() for part in seen)
        assert np.isnan(np.r_[a, b]).sum() == 0 or seen or measure.__code__.co_freevars == ("y",)
    if 0 < rate <= 1 and len(a) and len(b) * rate >= 1 and not np.isnan(np.r_[a, b]).any():
        _, cut = reid.detection_identification(a, a > 0, b, rate)
        assert (b <= cut).sum() <= rate * len(b) + 1e-6


@fuzz(0.03, matrices(columns=2))
def test_a_gallery(x):
    gallery, joined = reid.Gallery(0.5), 0
    for v in x:
        try:
            assert gallery.identify(v) <= joined and np.isfinite(v).all()
            joined += 1
        except ValueError:
            assert not np.isfinite(v).all()
    assert len(gallery.vectors) == joined


@fuzz(0.04, labelled(columns=1), matrices(columns=1), number)
def test_metrics_of_numbers(batch, other, width):
    first, second = batch[0][:, 0], other[:, 0]
    told = np.isfinite(first).all() and np.isfinite(second).all()
    for measure in (
        lambda: [age.evaluate(first, second).mae, age.evaluate(first, second).cs5],
        lambda: age.by_bin(first, second, abs(width))[1],
        lambda: [statistics.paired_interval(first, second).mean],
        lambda: [statistics.paired_interval(first, second, ratio=True).mean],
    ):
        try:
            found = np.array(list(measure()), float)
        except ValueError:
            continue
        assert told and len(first) == len(second) > 0 and not np.isnan(found).any()


words = st.lists(st.text("ab я", max_size=5), max_size=4)


@fuzz(0.03, words, words)
def test_error_rates(truths, readings):
    for rate in (text.cer, text.wer, lambda a, b: text.rate_interval(a, b, draws=20)[0]):
        try:
            found = rate(truths, readings)
        except ValueError:
            continue
        assert len(truths) == len(readings) and np.isfinite(found) and found >= 0
        assert (found == 0) == (truths == readings) or rate is text.wer


@st.composite
def tables(draw):
    """Votes and controls, of which some column may be of another kind."""
    n = draw(st.integers(0, 12))
    kinds = {
        "number": st.integers(0, 3),
        "text": st.sampled_from(["a", "b", "NA"]),
        "mixed": st.sampled_from(["a", 1, 2.0, None, np.nan, pd.NA, ""]),
    }
    which = st.sampled_from(["number"] * 4 + ["text"] * 2 + ["mixed"])
    task, worker = draw(which), draw(which)
    label = draw(st.sampled_from(["sound"] * 3 + ["odd", "strange", "nullable"]))
    labels = {
        "sound": st.integers(0, 90),
        "odd": st.one_of(number, broken),
        "strange": st.sampled_from([1, "2", True, None, 3.5]),
        "nullable": st.sampled_from([1, 2, None]),
    }[label]
    said = draw(st.lists(labels, min_size=n, max_size=n))
    table = pd.DataFrame(
        {
            "task": pd.Series([draw(kinds[task]) for _ in range(n)], dtype=None if n else float),
            "worker": pd.Series(
                [draw(kinds[worker]) for _ in range(n)], dtype=None if n else float
            ),
            "label": pd.array(said, "Int64") if label == "nullable" else pd.Series(said),
        }
    )
    if draw(st.integers(0, 4)):
        table = table.drop_duplicates(["task", "worker"])
    ids = draw(st.lists(kinds[draw(st.sampled_from([task, task, "mixed"]))], max_size=5))
    true = [
        draw(st.one_of(st.floats(0, 90), broken if draw(st.integers(0, 5)) == 0 else st.just(3.0)))
        for _ in ids
    ]
    return table, draw(st.sampled_from([None, pd.Series(true, pd.Index(ids, dtype=object))]))


AGGREGATORS = [
    votes.Mean(),
    votes.Median(),
    votes.Mode(),
    votes.TrimmedMean(0.3),
    votes.WinsorisedMean(0.3),
    votes.WeightedMean(),
    votes.WeightedMean(votes.exp_decay(0.01), pseudo=0),
    votes.GaussianWorkers(),
    votes.Stacked(),
]


@fuzz(0.1, st.sampled_from(AGGREGATORS), tables())
def test_votes(aggregator, given):
    table, controls = given
    try:
        got = aggregator.fit(table, controls).predict(table)
    except votes.VotesError:
        return
    assert np.isfinite(got.to_numpy()).all() and set(got.index) == set(table["task"])
    if not isinstance(aggregator, votes.GaussianWorkers | votes.Stacked):
        ends = table.assign(label=table["label"].astype(float)).groupby("task")["label"]
        slack = 1e-9 * (1 + ends.max().abs().reindex(got.index))
        assert (got <= ends.max().reindex(got.index) + slack).all()
        assert (got >= ends.min().reindex(got.index) - slack).all()


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    torch.manual_seed(0)
    made = [
        nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2)),
        nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten()),
        nn.Sequential(nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 3, 2, padding=1), nn.Flatten()),
    ]
    for i, model in enumerate(made):
        to_onnx(model.eval(), torch.randn(2, 8), folder / f"{i}.onnx")
    return folder, made


def test_quantised_files(networks):
    """A file is there only if it runs on what calibrated it, and answers finite numbers."""
    folder, made = networks

    @fuzz(
        0.1,
        st.integers(0, 2),
        matrices(rows=20, columns=8),
        st.sampled_from(list(CALIBRATIONS)),
        st.booleans(),
        st.booleans(),
    )
    def check(which, x, method, unsigned, by_channel):
        out = folder / "out.onnx"
        out.unlink(missing_ok=True)
        options = {"method": method, "unsigned": unsigned, "by_channel": by_channel}
        try:
            to_int8(folder / f"{which}.onnx", out, torch.from_numpy(x), **options)
        except (ValueError, RuntimeError):
            assert not out.exists()
            return
        assert np.isfinite(x).all() and len(x)
        assert OnnxRuntime(out)(torch.from_numpy(x)).isfinite().all()

    check()
    assert {p.name for p in folder.iterdir()} <= {"0.onnx", "1.onnx", "2.onnx", "out.onnx"}


@fuzz(
    0.05,
    matrices(columns=9, rows=6),
    st.integers(0, 8),
    st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    st.booleans(),
)
def test_low_rank(weight, rank, mode, linear):
    layer = (
        nn.Linear(9, len(weight))
        if linear
        else nn.Conv2d(1, len(weight), 3, padding=1, padding_mode=mode)
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight).view_as(layer.weight))
    try:
        two = factorised(layer, rank)
    except ValueError:
        assert not np.isfinite(weight).all() or not 1 <= rank <= min(weight.shape)
        return
    assert np.isfinite(weight).all()
    x = torch.randn(3, 9) if linear else torch.randn(3, 1, 5, 5)
    size = float(layer(x).abs().max())
    if rank == min(weight.shape) and np.isfinite(size) and np.abs(weight).max() < 1e15:
        assert float((two(x) - layer(x)).abs().max()) <= 1e-3 * max(size, np.abs(weight).max())
    factorise(nn.Sequential(layer), 0.5)
