"""Make one number of several people's numbers: aggregation of numeric crowd votes.

The interface is that of scikit-learn and crowd-kit: `fit(votes, controls)`, then `predict(votes)`. Votes are crowd-kit's long table (a pandas DataFrame with
columns task, worker, label; labels are numbers here), controls a Series of true values by task. crowd-kit itself aggregates no numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class VotesError(ValueError):
    """Votes or controls that cannot be used, with one sentence that says why and what to do."""


def check(votes: pd.DataFrame) -> pd.DataFrame:
    """The votes themselves, if they are sound.

    Raises:
        VotesError: a column is missing, there is no row, a label is no finite number, or a worker votes twice on a task.
    """
    missing = {"task", "worker", "label"} - set(votes.columns)
    if missing:
        raise VotesError(
            f"The table of votes lacks {', '.join(sorted(missing))}: it needs the columns task, worker and label."
        )
    if not len(votes):
        raise VotesError("There are no votes.")
    if not (pd.api.types.is_numeric_dtype(votes["label"]) and np.isfinite(votes["label"]).all()):
        raise VotesError(
            "A label is missing, infinite or not a number: drop or mend such rows first."
        )
    if votes.duplicated(["task", "worker"]).any():
        raise VotesError("A worker votes twice on one task: keep one of the answers.")
    return votes


@dataclass(frozen=True)
class Groups:
    """Votes sorted by task and, within it, by label: what a statistic per task needs.

    Attributes:
        tasks: [T]. first, count: int[T], where a task's votes begin, and how many they are. label: float[N]. worker: [N]. group: int[N], row of `tasks`.
    """

    tasks: np.ndarray
    first: np.ndarray
    count: np.ndarray
    label: np.ndarray
    worker: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, votes: pd.DataFrame) -> Self:
        """Group a table of votes."""
        tasks, group = np.unique(check(votes)["task"].to_numpy(), return_inverse=True)
        label = votes["label"].to_numpy(float)
        order = np.lexsort((label, group))
        count = np.bincount(group)
        return cls(
            tasks,
            np.cumsum(count) - count,
            count,
            label[order],
            votes["worker"].to_numpy()[order],
            group[order],
        )

    def mean(self, weight: np.ndarray | None = None, value: np.ndarray | None = None) -> np.ndarray:
        """Weighted mean of a value (the label) per task, float[T]."""
        weight, value = (
            np.ones(len(self.label)) if weight is None else weight,
            self.label if value is None else value,
        )
        return np.bincount(self.group, weight * value) / np.bincount(self.group, weight)

    def rank(self) -> np.ndarray:
        """Place of each vote within its task, by label, from 0: int[N]."""
        return np.arange(len(self.label)) - self.first[self.group]


class Aggregator:
    """Common face of all aggregations; what a subclass adds is `fit`, where it learns something, and `per_task`."""

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        """Learn about the workers: from the controls (true values by task), and, where the method can, from votes without a known answer too."""
        check(votes)
        return self

    def per_task(self, groups: Groups) -> np.ndarray:
        """One value per task, float[T]."""
        raise NotImplementedError

    def predict(self, votes: pd.DataFrame) -> pd.Series:
        """One value per task that has votes, indexed by task."""
        groups = Groups.of(votes)
        return pd.Series(
            self.per_task(groups), index=pd.Index(groups.tasks, name="task"), name="agg_label"
        )


class Mean(Aggregator):
    """The plain mean: right if errors are independent, alike and without outliers."""

    def per_task(self, groups: Groups) -> np.ndarray:
        return groups.mean()


class Median(Aggregator):
    """The middle vote, or the mean of the two middle ones."""

    def per_task(self, groups: Groups) -> np.ndarray:
        return (
            groups.label[groups.first + (groups.count - 1) // 2]
            + groups.label[groups.first + groups.count // 2]
        ) / 2


class Mode(Aggregator):
    """The commonest vote; of equally common ones, their mean."""

    def per_task(self, groups: Groups) -> np.ndarray:
        new = np.r_[True, (np.diff(groups.group) > 0) | (np.diff(groups.label) > 0)]
        begin = np.flatnonzero(new)
        often, label, group = (
            np.diff(np.r_[begin, len(new)]),
            groups.label[begin],
            groups.group[begin],
        )
        most = np.zeros(len(groups.tasks), int)
        np.maximum.at(most, group, often)
        best = often == most[group]
        return np.bincount(group[best], label[best]) / np.bincount(group[best])


@dataclass
class TrimmedMean(Aggregator):
    """The mean without the lowest and the highest `cut` of the votes (the number is rounded down, as in scipy.stats.trim_mean)."""

    cut: float = 0.2

    def per_task(self, groups: Groups) -> np.ndarray:
        drop = (self.cut * groups.count + 1e-9).astype(int)[groups.group]
        rank = groups.rank()
        return groups.mean(
            ((rank >= drop) & (rank < groups.count[groups.group] - drop)).astype(float)
        )


@dataclass
class WinsorisedMean(Aggregator):
    """The mean after the lowest and the highest `cut` of the votes are set to the nearest one that stays (as in scipy.stats.mstats.winsorize)."""

    cut: float = 0.2

    def per_task(self, groups: Groups) -> np.ndarray:
        drop = (self.cut * groups.count + 1e-9).astype(int)
        low, high = (
            groups.label[groups.first + drop],
            groups.label[groups.first + groups.count - 1 - drop],
        )
        return groups.mean(value=np.clip(groups.label, low[groups.group], high[groups.group]))


def worker_errors(votes: pd.DataFrame, controls: pd.Series, pseudo: float = 1.0) -> pd.Series:
    """Mean absolute error of each worker who voted on a control, drawn towards the crowd's own.

    Args:
        controls: true values by task.
        pseudo: how many further controls, answered with the crowd's mean error, each worker is credited with: with none, a single lucky answer
            makes an error of 0 and a weight without bounds.

    Raises:
        VotesError: no vote is on a control.
    """
    known = votes[votes["task"].isin(controls.index)]
    if not len(known):
        raise VotesError(
            "No vote is on a control, so nothing is known of the workers: use Mean or Median, or add controls."
        )
    error = (
        (known["label"] - known["task"].map(controls))
        .abs()
        .groupby(known["worker"])
        .agg(["sum", "count"])
    )
    crowd = error["sum"].sum() / error["count"].sum()
    return ((error["sum"] + pseudo * crowd) / (error["count"] + pseudo)).clip(lower=1e-3)


def inverse_square(mae: np.ndarray) -> np.ndarray:
    """1 / MAE²: the best weights of independent, unbiased votes, whose variance goes with MAE²."""
    return 1 / np.asarray(mae) ** 2


def exp_inverse(mae: np.ndarray) -> np.ndarray:
    """e^(1 / MAE): the article's formula, as we remember the paper; the exponent is held below 50."""
    return np.exp(np.minimum(1 / np.asarray(mae), 50))


def exp_decay(tau: float) -> Callable[[np.ndarray], np.ndarray]:
    """e^(−MAE / τ), τ in the labels' unit: the other reading of "exponential"."""
    return lambda mae: np.exp(
        -(np.asarray(mae) - np.min(mae)) / tau
    )  # relative to the best, so that a small τ does not underflow


@dataclass
class WeightedMean(Aggregator):
    """A mean weighted by a function of each worker's error on the controls; unknown workers count as the crowd's average."""

    weight: Callable[[np.ndarray], np.ndarray] = exp_inverse
    pseudo: float = 1.0

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        if controls is None:
            raise VotesError(
                "Weights come from controls, and none were given: use Mean or Median, or pass true values by task."
            )
        self.errors_ = worker_errors(check(votes), controls, self.pseudo)
        return self

    def per_task(self, groups: Groups) -> np.ndarray:
        workers, at = np.unique(groups.worker, return_inverse=True)
        errors = self.errors_.reindex(workers).fillna(self.errors_.mean()).to_numpy()
        return groups.mean(self.weight(errors)[at])


@dataclass
class GaussianWorkers(Aggregator):
    """Maximum likelihood with a bias and a variance per worker, by EM: a Dawid–Skene for numbers (Dawid and Skene 1979; Raykar et al. 2010).

    vote_ij = x_i + b_j + e_ij with e_ij ~ N(0, s_j²) and x_i ~ N(μ, S²); on controls x_i is known. `pseudo` unbiased votes of average spread are credited
    to each worker, b_j ~ N(0, s_j² / pseudo): without them a worker with one vote would fit it perfectly, and the likelihood has no maximum.

    After `fit`: `bias_` and `variance_` by worker, `mean_` (μ), `spread_` (S²), `trace_` (the penalised log likelihood per iteration, which never falls).
    """

    pseudo: float = 2.0
    iterations: int = 200
    tolerance: float = 1e-7

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        g = Groups.of(votes)
        self.workers_, j = np.unique(g.worker, return_inverse=True)
        i, y, n = g.group, g.label, np.bincount(j)
        truth = (
            np.full(len(g.tasks), np.nan)
            if controls is None
            else controls.reindex(g.tasks).to_numpy(float)
        )
        known = np.isfinite(truth)
        middle = np.where(known, truth, Median().per_task(g))
        usual = max(float(np.mean((y - middle[i]) ** 2)), 1e-6)
        b, s2, mu, spread, self.trace_ = (
            np.zeros(len(n)),
            np.full(len(n), usual),
            middle.mean(),
            max(middle.var(), 1e-6),
            [],
        )
        for _ in range(self.iterations):
            x, v = self._posterior(i, y - b[j], s2[j], mu, spread, len(g.tasks))
            self.trace_.append(self._objective(i, y - b[j], s2, j, b, mu, spread, truth, usual))
            x, v = np.where(known, truth, x), np.where(known, 0, v)
            b = np.bincount(j, y - x[i]) / (n + self.pseudo)
            left = np.bincount(j, (y - x[i] - b[j]) ** 2 + v[i])
            s2 = (left + self.pseudo * (b**2 + usual)) / (n + self.pseudo + 1)
            mu, spread = x.mean(), max(float(np.mean((x - x.mean()) ** 2 + v)), 1e-6)
            if len(self.trace_) > 1 and self.trace_[-1] - self.trace_[-2] < self.tolerance * abs(
                self.trace_[-1]
            ):
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
        """Log likelihood of the votes and of the controls' values, the unknown x integrated out, plus the log density of the pseudo-votes."""
        known, tasks = np.isfinite(truth), len(truth)
        votes = np.where(
            known[i],
            -0.5 * ((unbiased - np.where(known, truth, 0)[i]) ** 2 / s2[j] + np.log(s2[j])),
            0,
        ).sum()
        values = -0.5 * ((truth[known] - mu) ** 2 / spread + np.log(spread)).sum()
        x, v = self._posterior(i, unbiased, s2[j], mu, spread, tasks)
        inside = (
            np.bincount(i, unbiased**2 / s2[j] + np.log(s2[j]), tasks)
            + mu**2 / spread
            + np.log(spread)
            - x**2 / v
            - np.log(v)
        )
        pseudo = -0.5 * (self.pseudo * (b**2 + usual) / s2 + (1 + self.pseudo) * np.log(s2)).sum()
        return float(votes + values - 0.5 * inside[~known].sum() + pseudo)

    def per_task(self, groups: Groups) -> np.ndarray:
        workers, at = np.unique(groups.worker, return_inverse=True)
        b = self.bias_.reindex(workers).fillna(0).to_numpy()[at]
        s2 = self.variance_.reindex(workers).fillna(self.usual_).to_numpy()[at]
        return self._posterior(
            groups.group, groups.label - b, s2, self.mean_, self.spread_, len(groups.tasks)
        )[0]


class Stacked(Aggregator):
    """A learned aggregation: ridge regression on what the others say and on how far the votes of a task lie apart.

    The regression learns from controls, each seen by workers' errors that were measured without it (five folds); otherwise it would trust weights that
    know the answer.
    """

    def _bases(self, votes: pd.DataFrame, controls: pd.Series) -> list[Aggregator]:
        return [
            a.fit(votes, controls)
            for a in (Median(), WinsorisedMean(), WeightedMean(inverse_square), GaussianWorkers())
        ]

    @staticmethod
    def _features(bases: list[Aggregator], groups: Groups) -> np.ndarray:
        """float[T, 8]."""
        low, high = groups.label[groups.first], groups.label[groups.first + groups.count - 1]
        said = [base.per_task(groups) for base in bases]
        return np.stack(
            [
                *said,
                said[1] ** 2,
                low,
                high,
                np.sqrt(np.maximum(groups.mean(value=groups.label**2) - groups.mean() ** 2, 0)),
            ],
            axis=1,
        )

    def fit(self, votes: pd.DataFrame, controls: pd.Series | None = None) -> Self:
        known = None if controls is None else controls[controls.index.isin(check(votes)["task"])]
        if known is None or len(known) < 20:
            raise VotesError(
                "Learning how to aggregate needs votes on at least 20 controls: use Median, or add controls."
            )
        folds, x, y = np.random.default_rng(0).permutation(len(known)) % 5, [], []
        for fold in range(5):
            groups = Groups.of(votes[votes["task"].isin(known.index[folds == fold])])
            x.append(self._features(self._bases(votes, known[folds != fold]), groups))
            y.append(known.reindex(groups.tasks).to_numpy())
        self.model_ = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 11))).fit(
            np.concatenate(x), np.concatenate(y)
        )
        self.bases_ = self._bases(votes, known)
        return self

    def per_task(self, groups: Groups) -> np.ndarray:
        return self.model_.predict(self._features(self.bases_, groups))
