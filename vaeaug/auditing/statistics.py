"""The statistics of an audit: shares, attacks and their 95 % intervals. Pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution
TIE = 1e-9  # distances that differ by less than this fraction are ties: the same numbers, added in another order
FALSE_POSITIVES = 0.01
RESAMPLES = 1000


class Estimate(NamedTuple):
    """A value with its 95 % interval, NaN where there is none.

    Arguments:
        value: The value.
        low, high: The ends of the interval.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


class Attack(NamedTuple):
    """How well a score tells members of the training set from others.

    Arguments:
        auc: The area under the ROC curve: 0.5 by chance, 1 if every member has a higher score than every other.
        tpr: The share of the members that are found where 1 % of the others are taken for members: 0.01 by chance.
    """

    auc: Estimate
    tpr: Estimate


def wilson(share: float, size: float) -> Estimate:
    """Returns a share with Wilson's 95 % interval ("Probable inference, the law of succession, and statistical inference",
    1927).

    Arguments:
        share: The share, in 0..1.
        size: The number of independent trials, which need not be whole; without any the interval is 0 to 1.
    """
    if size <= 0:
        return Estimate(share, 0.0, 1.0)
    centre = (share + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z / (1 + Z * Z / size) * math.sqrt(share * (1 - share) / size + Z * Z / (4 * size * size))
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))


def compared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns 1 where a is smaller than b, 0 where it is larger, and 0.5 where they tie."""
    ties = np.abs(a - b) <= TIE * np.maximum(np.abs(a), np.abs(b))
    return np.where(ties, 0.5, (a < b).astype(float))


def nearer_share(
    to_first: np.ndarray,
    to_second: np.ndarray,
    nearest: tuple[np.ndarray, np.ndarray],
    ties: np.ndarray,
    strata: np.ndarray,
) -> tuple[Estimate, float]:
    """Returns the share of samples that are nearer to the first set than to the second, and the effective sample size.

    The two sets are equal parts of one population. If the samples know neither, it is chance which part a real sample is in:
    the share is 0.5, and its variance over all ways to divide the pooled set follows from how often each real sample is the
    nearest one (sampling without replacement, class by class). In many dimensions few real samples are the nearest of most
    others, so that this variance is much larger than that of independent trials; the effective size is the number of
    independent trials with the same variance, at most the number of samples, and Wilson's interval is that of this size.

    Arguments:
        to_first, to_second: The distance of each sample to the nearest one of each set, `(M,)`. Ties count half.
        nearest: The indices of these, into the first and the second set, each `(M,)`.
        ties: How many real samples are as near as the nearest one, in both sets together, `(M,)`.
        strata: The class of each real sample, first those of the first set, then those of the second, `(2 n,)`; each class
            has as many in either.
    """
    wins, size = compared(to_first, to_second), len(to_first)
    count = len(strata) // 2
    weights = np.zeros(2 * count)
    tied = wins == 0.5
    part = 1 / np.maximum(ties, 2)
    np.add.at(weights, nearest[0], np.where(tied, part, wins))
    np.add.at(weights, count + nearest[1], np.where(tied, part, 1 - wins))
    variance = 0.0
    for label in np.unique(strata):
        own = weights[strata == label]
        spread = float((own**2).sum() - own.sum() ** 2 / len(own))
        variance += 0.25 * len(own) / (len(own) - 1) * spread / size**2
    effective = min(float(size), 0.25 / variance) if variance > 0 else float(size)
    return wilson(float(wins.mean()), effective), effective


def attack(members: np.ndarray, others: np.ndarray, seed: int, resamples: int = RESAMPLES) -> Attack:
    """Returns how well scores tell members from others, with percentile intervals of a bootstrap over both.

    Arguments:
        members, others: The scores, each `(n,)`, one or more; higher means more likely a member.
        seed: The seed of the bootstrap.
        resamples: The number of resamples.
    """
    values, index = np.unique(_without_near_ties(np.concatenate([members, others])), return_inverse=True)
    index = index.reshape(-1)
    own, other = index[: len(members)], index[len(members) :]
    random = np.random.default_rng(seed)
    # Steps of the ROC curve for the scores as they are and for each resample, from the highest score down.
    measured = _roc(_counts(own, values.size), _counts(other, values.size))
    drawn = np.array(
        [_roc(_resampled(own, values.size, random), _resampled(other, values.size, random)) for _ in range(resamples)]
    )
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    auc, tpr = (Estimate(float(m), float(a), float(b)) for m, a, b in zip(measured, low, high, strict=True))
    return Attack(auc, tpr)


def _without_near_ties(scores: np.ndarray) -> np.ndarray:
    """Returns scores of which those that tie are equal."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    steps = np.diff(ordered) > TIE * np.maximum(np.abs(ordered[1:]), np.abs(ordered[:-1]))
    result = np.empty_like(scores, dtype=float)
    result[order] = ordered[np.concatenate([[0], np.flatnonzero(steps) + 1])][np.concatenate([[0], steps.cumsum()])]
    return result


def _counts(index: np.ndarray, size: int) -> np.ndarray:
    """Returns how often each score occurs, from the highest down."""
    return np.bincount(index, minlength=size)[::-1]


def _resampled(index: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    return _counts(index[random.integers(0, len(index), len(index))], size)


def _roc(own: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Returns the area under the ROC curve, and its height at 1 % false positives.

    Scores that tie are a straight piece of the curve, which a random order of them gives on average.
    """
    true, false = np.concatenate([[0], own.cumsum()]), np.concatenate([[0], other.cumsum()])
    area = int(((true[1:] + true[:-1]) * other).sum()) / (2 * int(true[-1]) * int(false[-1]))
    tpr, fpr = true / true[-1], false / false[-1]
    # Of several points at one false-positive rate the highest is meant.
    last = int(np.searchsorted(fpr, FALSE_POSITIVES, side="right")) - 1
    rise = (FALSE_POSITIVES - fpr[last]) / (fpr[last + 1] - fpr[last])
    return area, float(tpr[last] + rise * (tpr[last + 1] - tpr[last]))


def mean_interval(values: Sequence[float]) -> Estimate:
    """Returns a mean with its 95 % t-interval; below five values there is no interval."""
    from scipy.stats import t

    mean, size = float(np.mean(values)), len(values)
    if size < 5:
        return Estimate(mean)
    half = float(t.ppf(0.975, size - 1) * np.std(values, ddof=1) / math.sqrt(size))
    return Estimate(mean, mean - half, mean + half)


def more_than(count: int, size: int, reference: int, reference_size: int) -> float:
    """Returns the one-sided p-value of Fisher's exact test that a share is larger than another one.

    Arguments:
        count, size: The number of samples that count, and of all.
        reference, reference_size: The same of the reference.
    """
    from scipy.stats import hypergeom

    total, counted = size + reference_size, count + reference
    return float(hypergeom.sf(count - 1, total, counted, size)) if counted else 1.0
