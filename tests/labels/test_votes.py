import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from cvbook.labels import votes


def table(tasks=7, workers=6, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (f"t{t}", f"w{w}", float(np.round(40 + 10 * rng.normal())))
        for t in range(tasks)
        for w in range(workers)
        if rng.random() < 0.9
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (votes.Mean(), np.mean),
        (votes.Median(), np.median),
        (votes.TrimmedMean(0.2), lambda x: stats.trim_mean(x, 0.2)),
        (votes.TrimmedMean(0.34), lambda x: stats.trim_mean(x, 0.34)),
        (
            votes.WinsorisedMean(0.2),
            lambda x: stats.mstats.winsorize(np.array(x), (0.2, 0.2)).mean(),
        ),
        (votes.Mode(), lambda x: pd.Series(x).mode().mean()),
    ],
)
def test_simple_aggregations_equal_their_references(ours, theirs):
    for seed in range(5):
        v = table(seed=seed).sample(frac=1, random_state=seed)
        expected = v.groupby("task")["label"].apply(lambda x: theirs(list(x)))
        pd.testing.assert_series_equal(ours.fit(v).predict(v), expected, check_names=False)


def test_weights_follow_their_formulas():
    v = pd.DataFrame(
        [("c", "a", 12.0), ("c", "b", 14.0), ("x", "a", 20.0), ("x", "b", 30.0)],
        columns=["task", "worker", "label"],
    )
    controls = pd.Series({"c": 10.0})  # errors 2 and 4
    for weight, (wa, wb) in (
        (votes.inverse_square, (1 / 4, 1 / 16)),
        (votes.exp_inverse, (np.exp(0.5), np.exp(0.25))),
        (votes.exp_decay(3), (np.exp(-2 / 3), np.exp(-4 / 3))),
    ):
        got = votes.WeightedMean(weight, pseudo=0).fit(v, controls).predict(v)["x"]
        assert got == pytest.approx((20 * wa + 30 * wb) / (wa + wb))
    # one more control with the crowd's 3
    assert votes.worker_errors(v, controls, pseudo=1).to_dict() == {"a": 2.5, "b": 3.5}
    stranger = pd.DataFrame(
        [("y", "a", 20.0), ("y", "new", 30.0)], columns=["task", "worker", "label"]
    )
    between = (
        votes.WeightedMean(votes.inverse_square, pseudo=0).fit(v, controls).predict(stranger)["y"]
    )
    # as the average of the crowd
    assert between == pytest.approx((20 / 4 + 30 / 9) / (1 / 4 + 1 / 9))


def test_a_perfect_worker_has_a_finite_weight():
    v = pd.DataFrame(
        [("c", "a", 10.0), ("c", "b", 14.0), ("x", "a", 20.0), ("x", "b", 30.0)],
        columns=["task", "worker", "label"],
    )
    for weight in (votes.inverse_square, votes.exp_inverse, votes.exp_decay(0.01)):
        got = votes.WeightedMean(weight, pseudo=0).fit(v, pd.Series({"c": 10.0})).predict(v)
        assert np.isfinite(got).all() and 20 <= got["x"] < 25


def test_em_climbs_to_the_maximum_of_the_likelihood():
    """Brute force: the same penalised likelihood, its Gaussian integral over x done with a covariance matrix, maximised by scipy."""
    rng = np.random.default_rng(3)
    x = 40 + 15 * rng.normal(size=8)
    rows = [
        (t, w, x[t] + (0, 4, -6)[w] + (2, 5, 9)[w] * rng.normal())
        for t in range(8)
        for w in range(3)
    ]
    v = pd.DataFrame(rows, columns=["task", "worker", "label"])
    controls = pd.Series({0: x[0], 1: x[1]})
    em = votes.GaussianWorkers(pseudo=2, iterations=50_000, tolerance=1e-15).fit(v, controls)
    y = v.pivot(index="task", columns="worker", values="label").to_numpy()

    def loss(theta):
        b, s2, mu, spread = theta[:3], np.exp(theta[3:6]), theta[6], np.exp(theta[7])
        total = sum(
            stats.norm(mu, np.sqrt(spread)).logpdf(x[t])
            + stats.norm(x[t] + b, np.sqrt(s2)).logpdf(y[t]).sum()
            for t in (0, 1)
        )
        total += sum(
            stats.multivariate_normal(mu + b, np.diag(s2) + spread).logpdf(y[t])
            for t in range(2, 8)
        )
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
    v = pd.DataFrame(
        {
            "task": np.repeat(np.arange(600), 5),
            "worker": np.tile(np.arange(5), 600),
            "label": said.ravel(),
        }
    )
    em = votes.GaussianWorkers().fit(v, pd.Series(x[:100]))
    np.testing.assert_allclose(em.bias_, bias, atol=0.8)
    np.testing.assert_allclose(np.sqrt(em.variance_), sd, rtol=0.2)
    held = v[v.task >= 100]
    error = {
        type(a).__name__: (a.fit(v, pd.Series(x[:100])).predict(held) - x[100:]).abs().mean()
        for a in (em, votes.Mean(), votes.Stacked())
    }
    assert error["GaussianWorkers"] < 0.75 * error["Mean"]
    assert error["Stacked"] < 0.85 * error["Mean"]


@pytest.mark.parametrize(
    "aggregator",
    [
        votes.Mean(),
        votes.Median(),
        votes.Mode(),
        votes.TrimmedMean(),
        votes.WinsorisedMean(),
        votes.WeightedMean(),
        votes.GaussianWorkers(),
    ],
)
def test_one_vote_is_enough_and_agreement_is_kept(aggregator):
    v = pd.DataFrame(
        [("c", "a", 30.0), ("c", "b", 31.0), ("x", "a", 50.0), ("y", "a", 50.0), ("y", "b", 50.0)],
        columns=["task", "worker", "label"],
    )
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
        (pd.DataFrame({"task": [1, 1], "worker": [1, 1], "label": [3.0, 4.0]}), "twice"),
    ],
)
def test_bad_votes_are_refused_in_one_sentence(v, message):
    with pytest.raises(votes.VotesError, match=message):
        votes.Median().fit(v).predict(v)


def test_methods_that_need_controls_say_so():
    v = table()
    with pytest.raises(votes.VotesError, match="none were given"):
        votes.WeightedMean().fit(v)
    with pytest.raises(votes.VotesError, match="No vote is on a control"):
        votes.WeightedMean().fit(v, pd.Series({"elsewhere": 3.0}))
    with pytest.raises(votes.VotesError, match="at least 20 controls"):
        votes.Stacked().fit(v, pd.Series({"t0": 3.0}))


def test_the_learned_one_does_not_peek():
    """Where votes are pure noise nothing can be learnt: the leak would show as an error on controls far below that on new tasks."""
    rng = np.random.default_rng(5)
    n = 400
    truth = pd.Series(rng.uniform(0, 90, n))
    v = pd.DataFrame(
        {
            "task": np.repeat(np.arange(n), 6),
            "worker": rng.permuted(np.tile(np.arange(60), (n, 1)), axis=1)[:, :6].ravel(),
            "label": rng.uniform(0, 90, 6 * n),
        }
    )
    got = votes.Stacked().fit(v, truth[:200]).predict(v[v.task >= 200])
    assert (got - truth[200:]).abs().mean() > 20  # a constant guess errs by 22.5
