"""Confusion counts of rows -> what changes class by class. Pure functions of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.analysis.comparisons import Cell, cells
from vaeaug.bench.results import Result


@dataclass(frozen=True, eq=False)
class Change:
    """What an arm finds otherwise than another, class by class, in points: the mean over paired seeds.

    Arguments:
        method, against: The two.
        seeds: The number of pairs.
        matrix: `(K, K)`: of the samples of each true class (rows), how many more of a hundred are found as each class.
        low, high: `(K,)`: the 95 % t-intervals of the diagonal, the changes of recall; not numbers for one seed.
    """

    method: str
    against: str
    seeds: int
    matrix: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        """The change of the recall of each class `(K,)`."""
        return self.matrix.diagonal()


def shares(row: Result) -> np.ndarray:
    """Returns the confusion matrix `(K, K)` in percent of each true class; zero for a class that is not in the test split."""
    counts = np.array([line.split() for line in row.confusion.split("/")], float)
    return 100 * counts / counts.sum(1, keepdims=True).clip(min=1)


def changes(rows: Iterable[Result], against: str) -> dict[Cell, Change]:
    """Returns the change of every other arm to `against`, where both have a seed in common.

    Arguments:
        rows: Of any cells.
        against: The arm to compare with.
    """
    groups = cells(rows)
    found = {}
    for cell, group in groups.items():
        base = groups.get((*cell[:3], against), {})
        pairs = [(row, base[seed]) for seed, row in group.items() if seed in base]
        if cell[3] == against or not pairs:
            continue
        d = np.stack([shares(row) - shares(other) for row, other in pairs])
        ends = np.array([statistics.interval(d[:, k, k].tolist()) for k in range(d.shape[1])])
        found[cell] = Change(cell[3], against, len(pairs), d.mean(0), ends[:, 1], ends[:, 2])
    return found
