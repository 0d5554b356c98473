"""A table of numeric crowd votes: whether it is sound, and its votes grouped by task."""

from dataclasses import dataclass
from numbers import Real
from typing import Self

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

LARGEST = 1e30  # a vote beyond this is a mistake, and its square would soon be infinite


class VotesError(ValueError):
    """Votes or controls that cannot be used, with one sentence that says why and what to do."""


def check(votes: pd.DataFrame) -> pd.DataFrame:
    """The votes themselves, if they are sound.

    Raises:
        VotesError: a column is missing or there twice, there is no row, an id is missing or of
            another kind than the rest, a label is no finite number, or a worker votes twice on a
            task.
    """
    for column in ("task", "worker", "label"):
        if list(votes.columns).count(column) != 1:
            raise VotesError(
                f"The table of votes lacks {column}, or has it twice: "
                "it needs the columns task, worker and label."
            )
    if not len(votes):
        raise VotesError("There are no votes.")
    for column in ("task", "worker"):
        check_ids(votes[column].array, votes.index, column)
    label = votes["label"]
    wrong = ~(np.abs(real(label)) <= LARGEST)
    if wrong.any():
        at = votes.index[wrong.argmax()]
        raise VotesError(
            f"Row {at}: the label is {label[wrong].iloc[0]!r}. It is missing, infinite or not a "
            "number: drop or mend such rows first."
        )
    twice = votes.duplicated(["task", "worker"]).to_numpy()
    if twice.any():
        row = votes[twice].iloc[0]
        raise VotesError(
            f"Row {votes.index[twice][0]}: worker {row['worker']} votes twice on task "
            f"{row['task']}: keep one of the answers."
        )
    return votes


def check_controls(controls: pd.Series, votes: pd.DataFrame) -> pd.Series:
    """The controls themselves, if they are sound and their ids are of the votes' kind.

    Raises:
        VotesError: an id is missing, there twice, or of another kind than the votes' tasks, or a
            value is no finite number.
    """
    if len(controls):
        check_ids(controls.index.array, controls.index, "control")
        if _kind(controls.index[0]) != _kind(votes["task"].iloc[0]):
            raise VotesError(
                f"Control {controls.index[0]!r} is of another kind than task "
                f"{votes['task'].iloc[0]!r}, and would never be found: make both numbers or texts."
            )
    twice = controls.index.duplicated()
    if twice.any():
        raise VotesError(f"Control {controls.index[twice][0]} is there twice: keep one value.")
    wrong = ~(np.abs(real(controls)) <= LARGEST)
    if wrong.any():
        raise VotesError(
            f"Control {controls.index[wrong.argmax()]}: its value is {controls[wrong].iloc[0]!r}. "
            "It is missing, infinite or not a number: leave it out."
        )
    return controls


def check_ids(ids: ExtensionArray, rows: pd.Index, what: str) -> None:
    """Ids by which one may sort and compare: none missing, and all numbers or all texts.

    Args:
        ids: [N].
        rows: [N], what a row is called.
        what: is identified.

    Raises:
        VotesError: it is otherwise.
    """
    kinds, gone = [], np.asarray(pd.isna(ids))
    if not pd.api.types.is_numeric_dtype(ids):
        kinds = [_kind(i) for i in ids]
        gone = gone | np.array([isinstance(i, str) and not i.strip() for i in ids])
    if gone.any():
        raise VotesError(
            f"Row {rows[gone.argmax()]} has no {what}: drop it, or, where the table is read from "
            'CSV and the id is a text like "NA", read it with keep_default_na=False.'
        )
    at = next((at for at, kind in enumerate(kinds) if kind != kinds[0]), None)
    if at is not None:
        raise VotesError(
            f"Row {rows[at]}: {what} {ids[at]!r} is of another kind than {ids[0]!r}: make all of "
            "them numbers, or all texts."
        )


def _kind(value: object) -> str:
    return "number" if isinstance(value, Real) else type(value).__name__


def real(values: pd.Series) -> np.ndarray:
    """A column as float64[N], nan where there is no number; true and false are none."""
    if pd.api.types.is_any_real_numeric_dtype(values):
        return values.to_numpy(float, na_value=np.nan)
    return np.array([_number(value) for value in values], float)


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    except OverflowError:
        return np.inf


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
        label = real(votes["label"])
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
