"""Make one number of several people's numbers: aggregation of numeric crowd votes.

The interface is that of scikit-learn and crowd-kit: `fit(votes, controls)`, then `predict(votes)`.
Votes are crowd-kit's long table (a pandas DataFrame with columns task, worker, label; labels are
numbers here), controls a Series of true values by task. crowd-kit itself aggregates no numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cvbook.labels.vote_table import Groups, VotesError, check, check_controls


class Aggregator:
    """Common face of all aggregations.

    What a subclass adds is `fit`, where it learns something, and `per_task`.
    """

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        """Learn about the workers.

        They are known from the controls (true values by task), and, where the method can, from
        votes without a known answer too.

        Raises:
            VotesError: votes or controls are not sound, or too few for the method.
        """
        check(votes)
        if controls is not None:
            check_controls(controls, votes)
        return self

    def per_task(self, groups: Groups) -> np.ndarray:
        """One value per task, float[T]."""
        raise NotImplementedError

    def predict(self, votes: pd.DataFrame) -> pd.Series:
        """One value per task that has votes, indexed by task."""
        groups = Groups.of(votes)
        index = pd.Index(groups.tasks, name="task")
        return pd.Series(self.per_task(groups), index=index, name="agg_label")


class Mean(Aggregator):
    """The plain mean: right if errors are independent, alike and without outliers."""

    def per_task(self, groups: Groups) -> np.ndarray:
        return groups.mean()


class Median(Aggregator):
    """The middle vote, or the mean of the two middle ones."""

    def per_task(self, groups: Groups) -> np.ndarray:
        lower = groups.label[groups.first + (groups.count - 1) // 2]
        return (lower + groups.label[groups.first + groups.count // 2]) / 2


class Mode(Aggregator):
    """The commonest vote; of equally common ones, their mean."""

    def per_task(self, groups: Groups) -> np.ndarray:
        new = np.r_[True, (np.diff(groups.group) > 0) | (np.diff(groups.label) > 0)]
        begin = np.flatnonzero(new)
        often = np.diff(np.r_[begin, len(new)])
        label, group = groups.label[begin], groups.group[begin]
        most = np.zeros(len(groups.tasks), int)
        np.maximum.at(most, group, often)
        best = often == most[group]
        return np.bincount(group[best], label[best]) / np.bincount(group[best])


def _dropped(cut: float, groups: Groups) -> np.ndarray:
    """How many votes of each task a share at either end is, rounded down: int[T]."""
    if not 0 <= cut < 0.5:
        raise VotesError(f"The share to cut at either end is {cut}; it must be 0 to below 0.5.")
    return (cut * groups.count + 1e-9).astype(int)


@dataclass
class TrimmedMean(Aggregator):
    """The mean without the lowest and the highest `cut` of the votes.

    Their number is rounded down, as in scipy.stats.trim_mean.
    """

    cut: float = 0.2

    def per_task(self, groups: Groups) -> np.ndarray:
        drop = _dropped(self.cut, groups)[groups.group]
        rank = groups.rank()
        inside = (rank >= drop) & (rank < groups.count[groups.group] - drop)
        return groups.mean(inside.astype(float))


@dataclass
class WinsorisedMean(Aggregator):
    """The mean after the lowest and the highest `cut` of the votes are drawn in.

    They are set to the nearest one that stays, as in scipy.stats.mstats.winsorize.
    """

    cut: float = 0.2

    def per_task(self, groups: Groups) -> np.ndarray:
        drop = _dropped(self.cut, groups)
        low, high = groups.ends(drop)
        return groups.mean(value=np.clip(groups.label, low[groups.group], high[groups.group]))


def worker_errors(votes: pd.DataFrame, controls: pd.Series, pseudo: float = 1.0) -> pd.Series:
    """Mean absolute error of each worker who voted on a control, drawn towards the crowd's own.

    Args:
        votes: the table.
        controls: true values by task.
        pseudo: how many further controls, answered with the crowd's mean error, each worker is
            credited with: with none, a single lucky answer makes an error of 0 and a weight
            without bounds.

    Raises:
        VotesError: votes or controls are not sound, or no vote is on a control.
    """
    check_controls(controls, check(votes))
    known = votes[votes["task"].isin(controls.index)]
    if not len(known):
        raise VotesError(
            "No vote is on a control, so nothing is known of the workers: use Mean or Median, or "
            "add controls."
        )
    off = (known["label"].astype(float) - known["task"].map(controls).astype(float)).abs()
    error = off.groupby(known["worker"]).agg(["sum", "count"])
    crowd = error["sum"].sum() / error["count"].sum()
    return ((error["sum"] + pseudo * crowd) / (error["count"] + pseudo)).clip(lower=1e-3)


def inverse_square(mae: np.ndarray) -> np.ndarray:
    """1 / MAE²: the best weights of independent, unbiased votes, whose variance goes with MAE²."""
    return 1 / np.asarray(mae) ** 2


def exp_inverse(mae: np.ndarray) -> np.ndarray:
    """e^(1 / MAE): the article's formula, as we remember it; the exponent is held below 50."""
    return np.exp(np.minimum(1 / np.asarray(mae), 50))


def exp_decay(tau: float) -> Callable[[np.ndarray], np.ndarray]:
    """e^(−MAE / τ), τ in the labels' unit: the other reading of "exponential"."""
    # Relative to the best, and bounded, so that a small τ leaves every task some weight.
    return lambda mae: np.exp(-np.minimum((np.asarray(mae) - np.min(mae)) / tau, 600))


@dataclass
class WeightedMean(Aggregator):
    """A mean weighted by a function of each worker's error on the controls.

    Workers who are not known count as the crowd's average.
    """

    weight: Callable[[np.ndarray], np.ndarray] = exp_inverse
    pseudo: float = 1.0

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        if controls is None:
            raise VotesError(
                "Weights come from controls, and none were given: use Mean or Median, or pass true "
                "values by task."
            )
        self.errors_ = worker_errors(votes, controls, self.pseudo)
        return self

    def per_task(self, groups: Groups) -> np.ndarray:
        workers, at = np.unique(groups.worker, return_inverse=True)
        errors = self.errors_.reindex(workers).fillna(self.errors_.mean()).to_numpy()
        return groups.mean(self.weight(errors)[at])


@dataclass
class GaussianWorkers(Aggregator):
    """Maximum likelihood with a bias and a variance per worker, by EM: a Dawid–Skene for numbers.

    vote_ij = x_i + b_j + e_ij with e_ij ~ N(0, s_j²) and x_i ~ N(μ, S²); on controls x_i is known
    (Dawid and Skene 1979; Raykar et al. 2010). `pseudo` unbiased votes of average spread are
    credited to each worker, b_j ~ N(0, s_j² / pseudo): without them a worker with one vote would
    fit it perfectly, and the likelihood has no maximum.

    After `fit`:
        `bias_`, `variance_`: by worker.
        `mean_`, `spread_`: μ and S².
        `trace_`: the penalised log likelihood per iteration, which never falls.
    """

    pseudo: float = 2.0
    iterations: int = 200
    tolerance: float = 1e-7

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        g = Groups.of(votes)
        self.workers_, j = np.unique(g.worker, return_inverse=True)
        i, y, n = g.group, g.label, np.bincount(j)
        truth = np.full(len(g.tasks), np.nan)
        if controls is not None:
            truth = check_controls(controls, votes).reindex(g.tasks).to_numpy(float)
        known = np.isfinite(truth)
        middle = np.where(known, truth, Median().per_task(g))
        usual = max(float(np.mean((y - middle[i]) ** 2)), 1e-6)
        b, s2 = np.zeros(len(n)), np.full(len(n), usual)
        mu, spread = middle.mean(), max(middle.var(), 1e-6)
        self.trace_: list[float] = []
        for _ in range(self.iterations):
            x, v = self._posterior(i, y - b[j], s2[j], mu, spread, len(g.tasks))
            self.trace_.append(self._objective(i, y - b[j], s2, j, b, mu, spread, truth, usual))
            x, v = np.where(known, truth, x), np.where(known, 0, v)
            b = np.bincount(j, y - x[i]) / (n + self.pseudo)
            left = np.bincount(j, (y - x[i] - b[j]) ** 2 + v[i])
            s2 = (left + self.pseudo * (b**2 + usual)) / (n + self.pseudo + 1)
            mu, spread = x.mean(), max(float(np.mean((x - x.mean()) ** 2 + v)), 1e-6)
            last = self.trace_[-1]
            if len(self.trace_) > 1 and last - self.trace_[-2] < self.tolerance * abs(last):
                break
        self.bias_, self.variance_ = pd.Series(b, self.workers_), pd.Series(s2, self.workers_)
        self.mean_, self.spread_, self.usual_ = float(mu), spread, usual
        return self

    @staticmethod
    def _posterior(
        i: np.ndarray, unbiased: np.ndarray, s2: np.ndarray, mu: float, spread: float, tasks: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each task's value given its votes, float[T] each."""
        precision = np.bincount(i, 1 / s2, tasks) + 1 / spread
        return (np.bincount(i, unbiased / s2, tasks) + mu / spread) / precision, 1 / precision

    def _objective(self, i, unbiased, s2, j, b, mu, spread, truth, usual) -> float:
        """Log likelihood of the votes and of the controls' values, plus that of the pseudo-votes.

        The unknown x are integrated out.
        """
        known, tasks = np.isfinite(truth), len(truth)
        off = unbiased - np.where(known, truth, 0)[i]
        votes = np.where(known[i], -0.5 * (off**2 / s2[j] + np.log(s2[j])), 0).sum()
        values = -0.5 * ((truth[known] - mu) ** 2 / spread + np.log(spread)).sum()
        x, v = self._posterior(i, unbiased, s2[j], mu, spread, tasks)
        inside = np.bincount(i, unbiased**2 / s2[j] + np.log(s2[j]), tasks)
        inside = inside + mu**2 / spread + np.log(spread) - x**2 / v - np.log(v)
        pseudo = -0.5 * (self.pseudo * (b**2 + usual) / s2 + (1 + self.pseudo) * np.log(s2)).sum()
        return float(votes + values - 0.5 * inside[~known].sum() + pseudo)

    def per_task(self, groups: Groups) -> np.ndarray:
        workers, at = np.unique(groups.worker, return_inverse=True)
        b = self.bias_.reindex(workers).fillna(0).to_numpy()[at]
        s2 = self.variance_.reindex(workers).fillna(self.usual_).to_numpy()[at]
        unbiased, tasks = groups.label - b, len(groups.tasks)
        return self._posterior(groups.group, unbiased, s2, self.mean_, self.spread_, tasks)[0]


class Stacked(Aggregator):
    """A learned aggregation: ridge regression on what the others say.

    It also sees how far the votes of a task lie apart. The regression learns from controls, each
    seen by workers' errors that were measured without it (five folds); otherwise it would trust
    weights that know the answer.
    """

    def _bases(self, votes: pd.DataFrame, controls: pd.Series) -> list[Aggregator]:
        kinds = (Median(), WinsorisedMean(), WeightedMean(inverse_square), GaussianWorkers())
        return [kind.fit(votes, controls) for kind in kinds]

    @staticmethod
    def _features(bases: list[Aggregator], groups: Groups) -> np.ndarray:
        """float[T, 8]."""
        low, high = groups.ends()
        said = [base.per_task(groups) for base in bases]
        variance = groups.mean(value=groups.label**2) - groups.mean() ** 2
        apart = np.sqrt(np.maximum(variance, 0))
        return np.stack([*said, said[1] ** 2, low, high, apart], axis=1)

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        known = None
        if controls is not None:
            check_controls(controls, check(votes))
            known = controls[controls.index.isin(votes["task"])]
        if known is None or len(known) < 20:
            raise VotesError(
                "Learning how to aggregate needs votes on at least 20 controls: use Median, or add "
                "controls."
            )
        folds, x, y = np.random.default_rng(0).permutation(len(known)) % 5, [], []
        for fold in range(5):
            groups = Groups.of(votes[votes["task"].isin(known.index[folds == fold])])
            x.append(self._features(self._bases(votes, known[folds != fold]), groups))
            y.append(known.reindex(groups.tasks).to_numpy(float))
        ridge = RidgeCV(np.logspace(-2, 3, 11))
        self.model_ = make_pipeline(StandardScaler(), ridge)
        self.model_.fit(np.concatenate(x), np.concatenate(y))
        self.bases_ = self._bases(votes, known)
        return self

    def per_task(self, groups: Groups) -> np.ndarray:
        return self.model_.predict(self._features(self.bases_, groups))
