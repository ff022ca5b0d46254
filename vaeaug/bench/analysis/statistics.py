"""Statistics of plain numbers: intervals, paired tests, Holm's correction, and the inverse of a learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats
from sklearn.isotonic import isotonic_regression

LEVEL = 0.95
MIN_SEEDS = (
    5  # with fewer there is neither an interval nor a test: a t-interval of two seeds is 13 times their spread wide
)
TIE_TOLERANCE = 1e-9  # points: differences closer than this are ties


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns the mean and the ends of its 95 % t-interval; both ends are NaN for fewer than `MIN_SEEDS` values.

    Arguments:
        values: One per seed.
    """
    mean = float(np.mean(values))
    if len(values) < MIN_SEEDS:
        return mean, math.nan, math.nan
    # scipy's own intervals are NaN where all values are equal; the formula gives the mean itself.
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def t_test(differences: Sequence[float]) -> float:
    """Returns the two-sided p-value of the paired t-test; NaN for fewer than `MIN_SEEDS` differences.

    Where all differences are equal the t-test has no answer, and the p-value is that of the sign test; NaN if there are too
    few for it to reach significance.

    Arguments:
        differences: One per seed.
    """
    if len(differences) < MIN_SEEDS:
        return math.nan
    largest = float(np.abs(differences).max())
    if np.ptp(differences) <= TIE_TOLERANCE * max(1.0, largest):
        return 1.0 if largest < TIE_TOLERANCE else _sign_test(len(differences))
    return float(stats.ttest_1samp(differences, 0).pvalue)


def _sign_test(n: int) -> float:
    """Returns the p-value of n differences of one sign, the smallest that n can give; NaN if that is not significant."""
    smallest = 2.0 ** (1 - n)
    return smallest if smallest < 1 - LEVEL else math.nan


def signed_rank(differences: Sequence[float]) -> float:
    """Returns the two-sided p-value of the signed-rank test (Wilcoxon, "Individual comparisons by ranking methods", 1945,
    https://doi.org/10.2307/3001968); NaN if these differences are too few to reach significance, as five are.

    The p-value is exact with ties, too, unlike scipy's: it is computed from the distribution of the rank sum over all signs
    of these differences. Zeros are dropped, as Wilcoxon did.

    Arguments:
        differences: One per seed.
    """
    d = np.round(np.asarray(differences, float) / TIE_TOLERANCE) * TIE_TOLERANCE
    d = d[d != 0]
    if math.isnan(_sign_test(len(d))):
        return math.nan
    # Twice the ranks are whole numbers even with ties.
    ranks = np.rint(2 * stats.rankdata(np.round(np.abs(d) / TIE_TOLERANCE))).astype(int)
    probability = np.zeros(int(ranks.sum()) + 1)
    probability[0] = 1.0
    for rank in ranks:
        probability /= 2
        probability[rank:] = probability[rank:] + probability[:-rank]
    positive_sum = int(ranks[d > 0].sum())
    return min(1.0, 2 * float(min(probability[: positive_sum + 1].sum(), probability[positive_sum:].sum())))


def holm(p: Sequence[float]) -> list[float]:
    """Returns Holm's corrected p-values (Holm, "A simple sequentially rejective multiple test procedure", 1979,
    https://www.jstor.org/stable/4615733).

    Arguments:
        p: The p-values of one table; NaN stays NaN and does not count as a comparison.
    """
    corrected = list(p)
    order = sorted((i for i, value in enumerate(p) if not math.isnan(value)), key=lambda i: p[i])
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p[i]))
        corrected[i] = highest
    return corrected


def isotonic(levels: Sequence[float] | np.ndarray) -> np.ndarray:
    """Returns the closest levels in least squares that never fall (isotonic regression).

    Arguments:
        levels: Means over growing sizes, `(sizes,)`.
    """
    return np.asarray(isotonic_regression(np.asarray(levels, float)), float)


def size_at_level(sizes: Sequence[int], levels: Sequence[float] | np.ndarray, level: float) -> float:
    """Returns the size at which a learning curve reaches a level, by linear interpolation in the logarithm of the size.

    Arguments:
        sizes: Training set sizes, rising.
        levels: The curve at these sizes, never falling; see `isotonic`.
        level: The level to reach. The result is infinity above the curve and minus infinity below it.
    """
    if level < levels[0] - TIE_TOLERANCE:
        return -math.inf
    if level > levels[-1] + TIE_TOLERANCE:
        return math.inf
    index = int(np.searchsorted(levels, level - TIE_TOLERANCE))
    if index == 0:
        return float(sizes[0])
    fraction = min(1.0, (level - levels[index - 1]) / (levels[index] - levels[index - 1]))
    return float(sizes[index - 1] * (sizes[index] / sizes[index - 1]) ** fraction)
