"""Results of several training set sizes -> learning curves and equivalent sample sizes. Pure functions of results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.analysis.summaries import Summary, group_results, summaries
from vaeaug.bench.regimes import Regime
from vaeaug.bench.results import Result

BOOTSTRAP_SAMPLES = 1000


@dataclass(frozen=True)
class Curve:
    """The learning curve of one method: its means over the sizes.

    Arguments:
        data, classifier, method: What was run.
        sizes: The samples per class, in rising order.
        points: One summary per size.
    """

    data: str
    classifier: str
    method: str
    sizes: tuple[int, ...]
    points: tuple[Summary, ...]


@dataclass(frozen=True)
class EquivalentSampleSize:
    """The number of real samples per class that plain training needs to match a method trained on n.

    The learning curve of *none* is made monotone by least squares, interpolated in the logarithm of n, and inverted at the
    mean of the method. The interval is a percentile bootstrap over the seeds; all methods and sizes are resampled together.

    Arguments:
        data, classifier, method: What was run.
        n: The real samples per class that the method was trained on.
        equivalent: The real samples per class that *none* needs; infinity above the largest size measured, minus infinity
            below the smallest.
        low, high: The ends of the 95 % interval, in the same form; NaN for fewer than five seeds.
        smallest, largest: The range of sizes in which *none* was measured.
        seeds: The number of seeds that *none* was run on at every size.
    """

    data: str
    classifier: str
    method: str
    n: int
    equivalent: float
    low: float
    high: float
    smallest: int
    largest: int
    seeds: int


def learning_curves(results: Iterable[Result], metric: str = "accuracy") -> list[Curve]:
    """Returns the curve of every method that was run at two sizes or more; regimes with a count per class are left out.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`.
    """
    points: dict[tuple[str, str, str], dict[int, Summary]] = {}
    for s in summaries(results, metric):
        size = Regime.parse(s.regime).per_class
        if size is not None:
            points.setdefault((s.data, s.classifier, s.method), {})[size] = s
    return [
        Curve(*key, tuple(sorted(by_size)), tuple(by_size[size] for size in sorted(by_size)))
        for key, by_size in points.items()
        if len(by_size) > 1
    ]


def equivalent_sample_sizes(
    results: Sequence[Result], metric: str = "accuracy", seed: int = 0
) -> list[EquivalentSampleSize]:
    """Returns the equivalent sample size of every method but *none*, at every size, where *none* has a learning curve.

    Methods that lack a seed of that curve are left out.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`.
        seed: The seed of the bootstrap.
    """
    groups = group_results(results)
    equivalents = []
    for curve in learning_curves(results, metric):
        if curve.method != "none":
            continue
        baseline = [groups[curve.data, point.regime, curve.classifier, "none"] for point in curve.points]
        bootstrap = _Bootstrap(curve.sizes, baseline, metric, seed)
        for (data, regime, classifier, method), group in groups.items():
            n = Regime.parse(regime).per_class
            if (data, classifier) != (curve.data, curve.classifier) or method == "none" or n is None:
                continue
            if bootstrap.covers(group):
                estimate = bootstrap.equivalent_size(group)
                measured = curve.sizes[0], curve.sizes[-1], len(bootstrap.seeds)
                equivalents.append(EquivalentSampleSize(data, classifier, method, n, *estimate, *measured))
    return equivalents


class _Bootstrap:
    """The learning curve of *none*, and its resampled versions.

    scipy.stats.bootstrap does not fit: an equivalent size can be infinite, and its quantiles must not be interpolated.
    """

    def __init__(self, sizes: Sequence[int], baseline: Sequence[dict[int, Result]], metric: str, seed: int) -> None:
        self.sizes, self.metric = tuple(sizes), metric
        self.seeds = sorted(set.intersection(*(set(group) for group in baseline)))
        values = np.stack([self._values(group) for group in baseline], -1)  # (seeds, sizes)
        shape = BOOTSTRAP_SAMPLES, len(self.seeds)
        self.index = np.random.default_rng(seed).integers(len(self.seeds) or 1, size=shape)
        self.levels = statistics.isotonic(values.mean(0)) if self.seeds else np.empty(0)
        resampled = values[self.index].mean(1) if len(self.seeds) >= statistics.MIN_SEEDS else ()
        self.resampled_levels = [statistics.isotonic(levels) for levels in resampled]

    def _values(self, group: dict[int, Result]) -> np.ndarray:
        return np.array([100 * getattr(group[seed], self.metric) for seed in self.seeds])

    def covers(self, group: dict[int, Result]) -> bool:
        """Returns whether a method was run on all seeds of the curve, of which there is at least one."""
        return bool(self.seeds) and set(self.seeds) <= set(group)

    def equivalent_size(self, group: dict[int, Result]) -> tuple[float, float, float]:
        """Returns the equivalent size of a method and the ends of its interval."""
        values = self._values(group)
        equivalent = statistics.size_at_level(self.sizes, self.levels, float(values.mean()))
        if not self.resampled_levels:
            return equivalent, math.nan, math.nan
        means = values[self.index].mean(1)
        resampled = [
            statistics.size_at_level(self.sizes, levels, mean)
            for levels, mean in zip(self.resampled_levels, means, strict=True)
        ]
        quantiles = (1 - statistics.LEVEL) / 2, (1 + statistics.LEVEL) / 2
        # Quantiles that occur among the values: nothing can be interpolated between the largest size and infinity.
        low, high = map(float, np.quantile(resampled, quantiles, method="inverted_cdf"))
        return equivalent, low, high
