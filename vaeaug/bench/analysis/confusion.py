"""Confusion matrices of results -> how they differ between methods, class by class. Pure functions of results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.analysis.summaries import GroupKey, group_results
from vaeaug.bench.results import Result


@dataclass(frozen=True, eq=False)
class ConfusionDifference:
    """The difference of two methods' confusion matrices in percent, in points: the mean over paired seeds.

    Arguments:
        method, against: The two methods.
        seeds: The number of pairs.
        matrix: The mean difference `(K, K)`, true classes in rows, predicted classes in columns.
        low, high: The ends of the 95 % t-intervals of the diagonal, the differences in recall, `(K,)`; NaN for fewer
            than five seeds.
    """

    method: str
    against: str
    seeds: int
    matrix: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        """The difference in the recall of each class, `(K,)`."""
        return self.matrix.diagonal()


def confusion_counts(result: Result) -> np.ndarray:
    """Returns the confusion matrix of a result as counts `(K, K)`, true classes in rows, predicted classes in columns."""
    return np.array([line.split() for line in result.confusion.split("/")], float)


def confusion_percent(result: Result) -> np.ndarray:
    """Returns the confusion matrix `(K, K)` in percent of each true class; zero for a class without test samples."""
    counts = confusion_counts(result)
    return 100 * counts / counts.sum(1, keepdims=True).clip(min=1)


def confusion_differences(results: Iterable[Result], against: str) -> dict[GroupKey, ConfusionDifference]:
    """Returns the difference of every other method to `against`, where both share a seed.

    Arguments:
        results: Results of any runs.
        against: The method to compare with.
    """
    groups = group_results(results)
    differences = {}
    for key, group in groups.items():
        baseline = groups.get((*key[:3], against), {})
        pairs = [(result, baseline[seed]) for seed, result in group.items() if seed in baseline]
        if key[3] == against or not pairs:
            continue
        d = np.stack([confusion_percent(result) - confusion_percent(other) for result, other in pairs])
        intervals = np.array([statistics.interval(d[:, k, k].tolist()) for k in range(d.shape[1])])
        differences[key] = ConfusionDifference(key[3], against, len(pairs), d.mean(0), intervals[:, 1], intervals[:, 2])
    return differences
