import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from cvbook.labels import votes


def votes_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def table(tasks=7, workers=6, seed=0):
    rng, rows = np.random.default_rng(seed), []
    for task, worker in itertools.product(range(tasks), range(workers)):
        if rng.random() < 0.9:
            rows.append((f"t{task}", f"w{worker}", float(np.round(40 + 10 * rng.normal()))))
    return votes_of(*rows)


def winsorised(x: list[float]) -> float:
    return stats.mstats.winsorize(np.array(x), (0.2, 0.2)).mean()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (votes.Mean(), np.mean),
        (votes.Median(), np.median),
        (votes.TrimmedMean(0.2), lambda x: stats.trim_mean(x, 0.2)),
        (votes.TrimmedMean(0.34), lambda x: stats.trim_mean(x, 0.34)),
        (votes.WinsorisedMean(0.2), winsorised),
        (votes.Mode(), lambda x: pd.Series(x).mode().mean()),
    ],
)
def test_simple_aggregations_equal_their_references(ours, theirs):
    for seed in range(5):
        v = table(seed=seed).sample(frac=1, random_state=seed)
        expected = v.groupby("task")["label"].apply(lambda x: theirs(list(x)))
        pd.testing.assert_series_equal(ours.fit(v).predict(v), expected, check_names=False)


def test_weights_follow_their_formulas():
    v = votes_of(("c", "a", 12.0), ("c", "b", 14.0), ("x", "a", 20.0), ("x", "b", 30.0))
    controls = pd.Series({"c": 10.0})  # errors 2 and 4
    for weight, (wa, wb) in (
        (votes.inverse_square, (1 / 4, 1 / 16)),
        (votes.exp_inverse, (np.exp(0.5), np.exp(0.25))),
        (votes.exp_decay(3), (np.exp(-2 / 3), np.exp(-4 / 3))),
    ):
        got = votes.WeightedMean(weight, pseudo=0).fit(v, controls).predict(v)["x"]
        assert got == pytest.approx((20 * wa + 30 * wb) / (wa + wb))
    # One more control with the crowd's 3.
    assert votes.worker_errors(v, controls, pseudo=1).to_dict() == {"a": 2.5, "b": 3.5}
    # A stranger is taken for the average of the crowd.
    stranger = votes_of(("y", "a", 20.0), ("y", "new", 30.0))
    weighted = votes.WeightedMean(votes.inverse_square, pseudo=0).fit(v, controls)
    between = weighted.predict(stranger)["y"]
    assert between == pytest.approx((20 / 4 + 30 / 9) / (1 / 4 + 1 / 9))


def test_a_perfect_worker_has_a_finite_weight():
    v = votes_of(("c", "a", 10.0), ("c", "b", 14.0), ("x", "a", 20.0), ("x", "b", 30.0))
    for weight in (votes.inverse_square, votes.exp_inverse, votes.exp_decay(0.01)):
        got = votes.WeightedMean(weight, pseudo=0).fit(v, pd.Series({"c": 10.0})).predict(v)
        assert np.isfinite(got).all() and 20 <= got["x"] < 25


def test_em_climbs_to_the_maximum_of_the_likelihood():
    """Brute force: the same penalised likelihood, maximised by scipy.

    Its Gaussian integral over x is done with a covariance matrix.
    """
    rng = np.random.default_rng(3)
    x = 40 + 15 * rng.normal(size=8)
    workers = [(0, 0, 2), (1, 4, 5), (2, -6, 9)]  # number, bias, spread
    pairs = itertools.product(range(8), workers)
    v = votes_of(*((t, w, x[t] + bias + spread * rng.normal()) for t, (w, bias, spread) in pairs))
    controls = pd.Series({0: x[0], 1: x[1]})
    em = votes.GaussianWorkers(pseudo=2, iterations=50_000, tolerance=1e-15).fit(v, controls)
    y = v.pivot(index="task", columns="worker", values="label").to_numpy()

    def loss(theta):
        b, s2, mu, spread = theta[:3], np.exp(theta[3:6]), theta[6], np.exp(theta[7])
        total = stats.norm(mu, np.sqrt(spread)).logpdf(x[:2]).sum()
        total += stats.norm(x[:2, None] + b, np.sqrt(s2)).logpdf(y[:2]).sum()
        total += stats.multivariate_normal(mu + b, np.diag(s2) + spread).logpdf(y[2:]).sum()
        return -(total - 0.5 * (2 * (b**2 + em.usual_) / s2 + 3 * np.log(s2)).sum())

    best = optimize.minimize(loss, [0, 0, 0, 3, 3, 3, 40, 5], method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(em.bias_, best.x[:3], atol=1e-3)
    np.testing.assert_allclose(em.variance_, np.exp(best.x[3:6]), rtol=1e-3)
    np.testing.assert_allclose([em.mean_, np.log(em.spread_)], best.x[6:], atol=1e-3)
    steps = np.diff(em.trace_)
    assert (steps > -1e-9).all()  # EM never goes down
    constant = -best.fun + 0.5 * np.log(2 * np.pi) * (y.size + 2)
    assert em.trace_[-1] == pytest.approx(constant, abs=1e-4)


def test_em_finds_biases_that_a_weighted_mean_cannot():
    rng = np.random.default_rng(1)
    x = 40 + 15 * rng.normal(size=600)
    bias = np.array([-8, -3, 0, 5, 9.0])
    sd = np.array([2, 4, 6, 3, 8.0])
    said = x[:, None] + bias + sd * rng.normal(size=(600, 5))
    task, worker = np.indices(said.shape)
    v = pd.DataFrame({"task": task.ravel(), "worker": worker.ravel(), "label": said.ravel()})
    em = votes.GaussianWorkers().fit(v, pd.Series(x[:100]))
    np.testing.assert_allclose(em.bias_, bias, atol=0.8)
    np.testing.assert_allclose(np.sqrt(em.variance_), sd, rtol=0.2)

    def error(aggregator: votes.Aggregator) -> float:
        got = aggregator.fit(v, pd.Series(x[:100])).predict(v[v.task >= 100])
        return (got - x[100:]).abs().mean()

    assert error(em) < 0.75 * error(votes.Mean())
    assert error(votes.Stacked()) < 0.85 * error(votes.Mean())


# Those that a single vote is enough for.
ANY_COUNT = [
    votes.Mean(),
    votes.Median(),
    votes.Mode(),
    votes.TrimmedMean(),
    votes.WinsorisedMean(),
    votes.WeightedMean(),
    votes.GaussianWorkers(),
]


@pytest.mark.parametrize("aggregator", ANY_COUNT)
def test_one_vote_is_enough_and_agreement_is_kept(aggregator):
    agreed = ("x", "a", 50.0), ("y", "a", 50.0), ("y", "b", 50.0)
    v = votes_of(("c", "a", 30.0), ("c", "b", 31.0), *agreed)
    got = aggregator.fit(v, pd.Series({"c": 30.0})).predict(v[v.task != "c"])
    assert list(got.index) == ["x", "y"] and np.isfinite(got).all()
    if not isinstance(aggregator, votes.GaussianWorkers):  # which draws towards the mean of all
        assert got.tolist() == [50, 50]


@pytest.mark.parametrize(
    ("v", "message"),
    [
        (pd.DataFrame({"task": [1], "worker": [1]}), "lacks label"),
        (pd.DataFrame({"task": [], "worker": [], "label": []}), "no votes"),
        (pd.DataFrame({"task": [1], "worker": [1], "label": [np.nan]}), "not a number"),
        (pd.DataFrame({"task": [1], "worker": [1], "label": ["old"]}), "not a number"),
        (
            pd.DataFrame({"task": [1], "worker": [1], "label": pd.Series([10**400], dtype=object)}),
            "not a number",
        ),
        (pd.DataFrame({"task": [1, 1], "worker": [1, 1], "label": [3.0, 4.0]}), "twice"),
    ],
)
def test_bad_votes_are_refused_in_one_sentence(v, message):
    with pytest.raises(votes.VotesError, match=message):
        votes.Median().fit(v).predict(v)


SOUND = {"task": ["t", "t", "u"], "worker": ["a", "b", "a"], "label": [3.0, 4.0, 5.0]}


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("label", pd.array([3, None, 5], "Int64"), "Row 1: the label is <NA>"),
        ("label", pd.array([3.0, 4.0, None], "Float64"), "Row 2"),
        ("label", [3.0, np.inf, 5.0], "Row 1: the label is inf"),
        ("label", [-np.inf, 4.0, 5.0], "Row 0"),
        ("label", [3.0, 4.0, 1e300], "Row 2"),  # whose square is infinite
        ("label", [True, False, True], "Row 0: the label is True"),
        ("label", ["3", "4", "5"], "Row 0: the label is '3'"),
        ("label", [3.0, "4", 5.0], "Row 1: the label is '4'"),
        ("label", [3.0, True, None], "Row 1"),
        ("label", pd.to_datetime(["2020", "2021", "2022"]), "Row 0"),
        ("label", [3 + 1j, 4, 5], "Row 0"),
        ("task", ["t", None, "u"], "Row 1 has no task"),
        ("worker", ["a", "b", np.nan], "Row 2 has no worker.*keep_default_na=False"),
        ("worker", pd.array(["a", pd.NA, "b"], "string"), "Row 1 has no worker"),
        ("worker", pd.array([1, None, 2], "Int64"), "Row 1 has no worker"),
        ("worker", [1.0, np.nan, 2.0], "Row 1 has no worker"),
        ("worker", ["a", " ", "b"], "Row 1 has no worker"),
        ("task", ["1", 1, 2], "Row 1: task 1 is of another kind than '1'"),
        ("worker", [1, 2, "3"], "Row 2: worker '3' is of another kind than 1"),
        ("worker", ["b", "b", "a"], "Row 1: worker b votes twice on task t"),
    ],
)
def test_a_bad_row_is_named(column, values, message):
    v = pd.DataFrame(SOUND | {column: values})
    for use in (votes.Mean().fit, votes.Mean().predict, votes.GaussianWorkers().fit):
        with pytest.raises(votes.VotesError, match=message):
            use(v)


def test_a_row_is_named_as_in_the_table():
    v = pd.DataFrame(SOUND | {"label": [3.0, np.nan, 5.0]}, index=["x", "y", "z"])
    with pytest.raises(votes.VotesError, match="Row y"):
        votes.Mean().fit(v)


def test_a_column_that_is_there_twice_is_refused():
    v = pd.DataFrame([["t", "a", 3.0, 4.0]], columns=["task", "worker", "label", "label"])
    with pytest.raises(votes.VotesError, match="label, or has it twice"):
        votes.Mean().fit(v)


KINDS = {
    "nullable whole numbers": lambda x: x.astype("Int64"),
    "nullable numbers": lambda x: x.astype("Float64"),
    "whole numbers": lambda x: x.astype(int),
    "objects": lambda x: x.astype(object),
}
EVERY = [*ANY_COUNT, votes.WeightedMean(votes.exp_decay(0.001)), votes.Stacked()]


@pytest.mark.parametrize("aggregator", EVERY)
def test_columns_of_any_kind_of_number_and_id_count_alike(aggregator):
    v = table(tasks=30)
    controls = v.groupby("task")["label"].mean().round()[:25]
    expected = aggregator.fit(v, controls).predict(v)
    assert np.isfinite(expected).all()
    for kind in KINDS.values():
        got = aggregator.fit(v.assign(label=kind(v.label)), kind(controls)).predict(v)
        np.testing.assert_allclose(got, expected)
    texts = v.assign(task=v.task.astype("string"), worker=v.worker.astype("category"))
    np.testing.assert_allclose(aggregator.fit(texts, controls).predict(texts), expected)
    numbers, rename = (
        v.assign(task=v.task.str[1:].astype(float)),
        controls.index.str[1:].astype(int),
    )
    got = aggregator.fit(numbers, controls.set_axis(rename)).predict(numbers)
    np.testing.assert_allclose(
        got.set_axis("t" + got.index.astype(int).astype(str))[v.task.unique()],
        expected[v.task.unique()],
    )


NEEDS = [votes.Mean(), votes.WeightedMean(), votes.GaussianWorkers(), votes.Stacked()]


@pytest.mark.parametrize("aggregator", NEEDS)
@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (pd.Series([3.0, 4.0], ["t0", "t0"]), "Control t0 is there twice"),
        (pd.Series([3.0, np.nan], ["t0", "t1"]), "Control t1: its value is nan"),
        (pd.Series([3.0, np.inf], ["t0", "t1"]), "Control t1: its value is inf"),
        (pd.Series(pd.array([3, None], "Int64"), ["t0", "t1"]), "Control t1"),
        (pd.Series(["3", "4"], ["t0", "t1"]), "Control t0: its value is '3'"),
        (pd.Series([3.0, 4.0], ["t0", None]), "Row None has no control|Row nan has no control"),
        (pd.Series([3.0, 4.0], ["t0", 1]), "control 1 is of another kind than 't0'"),
        (pd.Series([3.0, 4.0], [0, 1]), "Control 0 is of another kind than task 't0'"),
    ],
)
def test_bad_controls_are_named(aggregator, controls, message):
    with pytest.raises(votes.VotesError, match=message):
        aggregator.fit(table(), controls)


def test_a_text_among_numbers_is_no_control_that_nobody_met():
    """Controls by text, tasks by number: none would ever be found, in silence."""
    v = table()
    v["task"] = v["task"].str[1:].astype(int)
    with pytest.raises(votes.VotesError, match="Control '0' is of another kind than task 0"):
        votes.GaussianWorkers().fit(v, pd.Series({"0": 40.0, "1": 50.0}))
    votes.GaussianWorkers().fit(v, pd.Series({0.0: 40.0, 77: 50.0}))  # one that nobody voted on


@pytest.mark.parametrize("kind", [votes.TrimmedMean, votes.WinsorisedMean])
@pytest.mark.parametrize("cut", [-0.1, 0.5, 1.0, np.nan])
def test_a_cut_that_leaves_nothing_is_refused(kind, cut):
    with pytest.raises(votes.VotesError, match="below 0.5"):
        kind(cut).predict(table())


def test_a_steep_decay_leaves_every_task_some_weight():
    """All who voted on a task may be a thousand τ worse than the best of the others."""
    v = votes_of(
        ("c", "a", 10.0), ("c", "b", 60.0), ("c", "d", 70.0), ("x", "b", 20.0), ("x", "d", 30.0)
    )
    got = (
        votes.WeightedMean(votes.exp_decay(0.01), pseudo=0)
        .fit(v, pd.Series({"c": 10.0}))
        .predict(v)
    )
    assert got["x"] == pytest.approx(25) and got["c"] == pytest.approx(10)


def test_methods_that_need_controls_say_so():
    v = table()
    with pytest.raises(votes.VotesError, match="none were given"):
        votes.WeightedMean().fit(v)
    with pytest.raises(votes.VotesError, match="No vote is on a control"):
        votes.WeightedMean().fit(v, pd.Series({"elsewhere": 3.0}))
    with pytest.raises(votes.VotesError, match="at least 20 controls"):
        votes.Stacked().fit(v, pd.Series({"t0": 3.0}))


def test_the_learned_one_does_not_peek():
    """Where votes are pure noise nothing can be learnt but a constant.

    Weights that were measured with a control and then learnt from it would look trustworthy, and
    new tasks would be guessed with confidence, 13 years apart.
    """
    rng = np.random.default_rng(5)
    truth = pd.Series(rng.uniform(0, 90, 400))
    worker = np.concatenate([rng.permutation(600)[:6] for _ in truth])
    label = rng.uniform(0, 90, len(worker))
    v = pd.DataFrame({"task": np.repeat(truth.index, 6), "worker": worker, "label": label})
    guessed = votes.Stacked().fit(v, truth[:200]).predict(v[v.task >= 200])
    assert guessed.std() < 4
