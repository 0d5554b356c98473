"""A table of numeric crowd votes: whether it is sound, and its votes grouped by task."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd


class VotesError(ValueError):
    """Votes or controls that cannot be used, with one sentence that says why and what to do."""


def check(votes: pd.DataFrame) -> pd.DataFrame:
    """The votes themselves, if they are sound.

    Raises:
        VotesError: a column is missing, there is no row, a label is no finite number, or a worker
            votes twice on a task.
    """
    missing = {"task", "worker", "label"} - set(votes.columns)
    if missing:
        raise VotesError(
            f"The table of votes lacks {', '.join(sorted(missing))}: "
            "it needs the columns task, worker and label."
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
        tasks: [T].
        first, count: int[T], where a task's votes begin, and how many they are.
        label: float[N].
        worker: [N].
        group: int[N], row of `tasks`.
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
            tasks=tasks,
            first=np.cumsum(count) - count,
            count=count,
            label=label[order],
            worker=votes["worker"].to_numpy()[order],
            group=group[order],
        )

    def mean(self, weight: np.ndarray | None = None, value: np.ndarray | None = None) -> np.ndarray:
        """Weighted mean of a value (the label) per task, float[T]."""
        weight = np.ones(len(self.label)) if weight is None else weight
        value = self.label if value is None else value
        return np.bincount(self.group, weight * value) / np.bincount(self.group, weight)

    def rank(self) -> np.ndarray:
        """Place of each vote within its task, by label, from 0: int[N]."""
        return np.arange(len(self.label)) - self.first[self.group]

    def ends(self, cut: np.ndarray | int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest vote per task, float[T], without `cut` votes at either end."""
        return self.label[self.first + cut], self.label[self.first + self.count - 1 - cut]
