"""Tables: is each column distributed as the real one, and do columns go together as they do?

Every figure has that of held-out rows beside it, because two samples of one population differ, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vaeaug.auditing.columns import Columns

MOST_PAIRED = 300  # columns of numbers beyond which no associations are computed
MOST_CATEGORIES = 60  # the same for columns of categories


@dataclass(frozen=True)
class ColumnQuality:
    """One column.

    Arguments:
        name: Its name.
        kind: `number` or `category`.
        difference: The largest difference of the distribution functions (Kolmogorov and Smirnov) for numbers, half the sum of
            the differences of the shares (total variation) for categories: 0 for equal distributions, 1 for no value in
            common.
        missing: The share of missing values among the synthetic rows minus that among the real ones.
        difference_holdout, missing_holdout: The same of held-out rows; NaN without them.
    """

    name: str
    kind: str
    difference: float
    missing: float
    difference_holdout: float = math.nan
    missing_holdout: float = math.nan


@dataclass(frozen=True)
class PairQuality:
    """The association of two columns: the rank correlation of two numbers, in -1..1; Cramér's V of two categories and the
    correlation ratio of a number and a category, in 0..1. NaN where a column is constant."""

    first: str
    second: str
    real: float
    synthetic: float
    holdout: float = math.nan

    @property
    def difference(self) -> float:
        """By how much the synthetic association differs from the real one."""
        return abs(self.synthetic - self.real)


@dataclass(frozen=True)
class Associations:
    """All pairs of columns.

    Arguments:
        pairs: The number of pairs with an association in both tables.
        difference: The mean difference of their associations.
        difference_holdout: The same of held-out rows instead of synthetic ones; NaN without them.
        worst: The pairs that differ most, in falling order.
        lost: The pairs whose association is not defined in the synthetic table, where a column is constant.
    """

    pairs: int
    difference: float
    difference_holdout: float
    worst: tuple[PairQuality, ...]
    lost: int


def column_qualities(real: Columns, synthetic: Columns, holdout: Columns | None) -> list[ColumnQuality]:
    """Returns the quality of each column."""
    qualities = []
    for j, name in enumerate(real.number_names):
        own = [columns.numbers[:, j] for columns in _present(real, synthetic, holdout)]
        gaps = [float(np.isnan(values).mean()) for values in own]
        seen = [values[~np.isnan(values)] for values in own]
        differences = [_ks(seen[0], other) for other in seen[1:]]
        qualities.append(_quality(name, "number", differences, gaps))
    for j, name in enumerate(real.category_names):
        codes = [columns.categories[:, j] for columns in _present(real, synthetic, holdout)]
        gaps = [float((values < 0).mean()) for values in codes]
        shares = [np.bincount(values + 1, minlength=len(real.levels[j]) + 1) / len(values) for values in codes]
        differences = [float(np.abs(shares[0] - other).sum() / 2) for other in shares[1:]]
        qualities.append(_quality(name, "category", differences, gaps))
    return qualities


def _present(real: Columns, synthetic: Columns, holdout: Columns | None) -> list[Columns]:
    return [real, synthetic] if holdout is None else [real, synthetic, holdout]


def _quality(name: str, kind: str, differences: list[float], gaps: list[float]) -> ColumnQuality:
    beside = (differences[1], gaps[2] - gaps[0]) if len(differences) > 1 else (math.nan, math.nan)
    return ColumnQuality(name, kind, differences[0], gaps[1] - gaps[0], *beside)


def _ks(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the largest difference of two distribution functions; 1 where one has no values and the other has."""
    if not len(a) or not len(b):
        return 0.0 if len(a) == len(b) else 1.0
    points = np.concatenate([a, b])
    shares = [np.searchsorted(np.sort(values), points, side="right") / len(values) for values in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


def associations(real: Columns, synthetic: Columns, holdout: Columns | None, worst: int = 5) -> Associations | None:
    """Returns the associations of all pairs of columns; None for less than two columns, or too many."""
    if len(real.number_names) > MOST_PAIRED or len(real.category_names) > MOST_CATEGORIES or len(real.names) < 2:
        return None
    matrices = [_matrix(columns) for columns in _present(real, synthetic, holdout)]
    rows, columns = np.triu_indices(len(real.names), 1)
    values = [matrix[rows, columns] for matrix in matrices]
    known = ~np.isnan(values[0]) & ~np.isnan(values[1])
    lost = int((~np.isnan(values[0]) & np.isnan(values[1])).sum())
    if not known.any():
        return Associations(0, math.nan, math.nan, (), lost)
    differences = np.abs(values[1] - values[0])
    order = np.argsort(np.where(known, -differences, np.inf), kind="stable")[: min(worst, int(known.sum()))]
    pairs = [
        PairQuality(
            real.names[rows[i]],
            real.names[columns[i]],
            float(values[0][i]),
            float(values[1][i]),
            float(values[2][i]) if len(values) > 2 else math.nan,
        )
        for i in order
    ]
    beside = np.abs(values[2] - values[0]) if len(values) > 2 else np.full(len(rows), math.nan)
    beside = beside[known & ~np.isnan(beside)]
    mean_beside = float(beside.mean()) if len(beside) else math.nan
    return Associations(int(known.sum()), float(differences[known].mean()), mean_beside, tuple(pairs), lost)


def _matrix(columns: Columns) -> np.ndarray:
    """Returns the associations of all pairs of columns, numbers first; NaN where one is constant."""
    a, b = len(columns.number_names), len(columns.category_names)
    result = np.full((a + b, a + b), math.nan)
    result[:a, :a] = _rank_correlations(columns.numbers)
    for j in range(b):
        codes = columns.categories[:, j]
        for i in range(a):
            result[i, a + j] = _correlation_ratio(columns.numbers[:, i], codes)
        for i in range(j):
            result[a + i, a + j] = _cramers_v(columns.categories[:, i], codes)
    return result


def _rank_correlations(numbers: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    if not np.isnan(numbers).any():
        return _correlations(rankdata(numbers, axis=0)) if numbers.shape[1] else np.empty((0, 0))
    result = np.full((numbers.shape[1], numbers.shape[1]), math.nan)
    for i in range(numbers.shape[1]):
        for j in range(i):
            pair = numbers[:, [i, j]]
            pair = pair[~np.isnan(pair).any(1)]
            if len(pair) > 1:
                result[j, i] = _correlations(rankdata(pair, axis=0))[0, 1]
    return result


def _correlations(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(0)
    norms = np.sqrt((centred**2).sum(0))
    norms[norms == 0] = math.nan
    return np.clip((centred / norms).T @ (centred / norms), -1, 1)


def _correlation_ratio(numbers: np.ndarray, codes: np.ndarray) -> float:
    """Returns the square root of the share of a number's variance that a category explains; NaN for constant ones."""
    seen = ~np.isnan(numbers)
    numbers, codes = numbers[seen], codes[seen] + 1
    if not len(numbers) or numbers.var() == 0 or len(np.unique(codes)) < 2:
        return math.nan
    counts = np.bincount(codes)
    means = np.bincount(codes, numbers) / np.maximum(counts, 1)
    between = float((counts * (means - numbers.mean()) ** 2).sum() / len(numbers))
    return math.sqrt(min(1.0, between / float(numbers.var())))


def _cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Returns Cramér's V, corrected for its bias, NaN for constant columns.

    Reference: Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", 2013.
    """
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    rows, columns, size = int(a.max()) + 1, int(b.max()) + 1, len(a)
    if min(rows, columns) < 2:
        return math.nan
    counts = np.bincount(a * columns + b, minlength=rows * columns).reshape(rows, columns)
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / size
    phi = float(((counts - expected) ** 2 / expected).sum() / size)
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / max(size - 1, 1))
    smaller = min(rows - (rows - 1) ** 2 / max(size - 1, 1), columns - (columns - 1) ** 2 / max(size - 1, 1))
    return math.sqrt(min(1.0, phi / (smaller - 1))) if smaller > 1 else math.nan
