"""Numbers alone: intervals, paired tests, Holm's correction, and the inverse of a learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
SAME = 1e-9  # points: differences closer than this are ties


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns the mean and the ends of its 95 % t-interval; not a number for the ends of a single value.

    Arguments:
        values: One per seed.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def t_test(differences: Sequence[float]) -> float:
    """Returns the two-sided p-value of the paired t-test; not a number for a single difference.

    Arguments:
        differences: One per seed.
    """
    if len(differences) < 2:
        return math.nan
    largest = float(np.abs(differences).max())
    if np.ptp(differences) <= SAME * max(1.0, largest):
        # The t-test has no answer where all differences are the same: the sign test has.
        return 1.0 if largest < SAME else 2.0 ** (1 - len(differences))
    return float(stats.ttest_1samp(differences, 0).pvalue)


def signed_rank(differences: Sequence[float]) -> float:
    """Returns the two-sided p-value of the signed-rank test (Wilcoxon, "Individual comparisons by ranking methods", 1945).

    Exact, with ties too: the distribution of the rank sum over all signs of these differences. Zeros are left out, as
    Wilcoxon did. Not a number for a single difference.

    Arguments:
        differences: One per seed.
    """
    if len(differences) < 2:
        return math.nan
    d = np.round(np.asarray(differences, float) / SAME) * SAME
    d = d[d != 0]
    # Twice the ranks: whole numbers, ties or not.
    ranks = np.rint(2 * stats.rankdata(np.round(np.abs(d) / SAME))).astype(int)
    chance = np.zeros(int(ranks.sum()) + 1)
    chance[0] = 1.0
    for rank in ranks:
        chance /= 2
        chance[rank:] = chance[rank:] + chance[:-rank]
    up = int(ranks[d > 0].sum())
    return min(1.0, 2 * float(min(chance[: up + 1].sum(), chance[up:].sum())))


def holm(p: Sequence[float]) -> list[float]:
    """Returns Holm's corrected p-values (Holm, "A simple sequentially rejective multiple test procedure", 1979).

    Arguments:
        p: Of one table; those that are not numbers stay so and do not count.
    """
    out = list(p)
    order = sorted((i for i, value in enumerate(p) if not math.isnan(value)), key=lambda i: p[i])
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p[i]))
        out[i] = highest
    return out


def rising(levels: Any) -> np.ndarray:
    """Returns the nearest levels that never fall, by least squares (isotonic regression, by its max-min formula).

    Arguments:
        levels: Means over growing sizes, `(..., sizes)`.
    """
    levels = np.asarray(levels, float)
    size = levels.shape[-1]
    sums = np.concatenate([np.zeros((*levels.shape[:-1], 1)), levels.cumsum(-1)], -1)
    found = np.empty_like(levels)
    for i in range(size):
        means = [
            np.min([(sums[..., k + 1] - sums[..., j]) / (k + 1 - j) for k in range(i, size)], 0) for j in range(i + 1)
        ]
        found[..., i] = np.max(means, 0)
    return found


def invert(sizes: Sequence[int], levels: Sequence[float] | np.ndarray, level: float) -> float:
    """Returns the size at which a learning curve reaches a level: linear between its points, on the logarithm of the size.

    Arguments:
        sizes: Rising.
        levels: Of the curve there, never falling; see `rising`.
        level: What is to be reached. Above the curve gives infinity, below it minus infinity.
    """
    if level < levels[0] - SAME:
        return -math.inf
    if level > levels[-1] + SAME:
        return math.inf
    place = int(np.searchsorted(levels, level - SAME))
    if place == 0:
        return float(sizes[0])
    share = min(1.0, (level - levels[place - 1]) / (levels[place] - levels[place - 1]))
    return float(sizes[place - 1] * (sizes[place] / sizes[place - 1]) ** share)
