"""Rows of several sizes -> learning curves, and how many real samples an augmentation is worth. Pure functions of rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.analysis.comparisons import Summary, cells, summaries
from vaeaug.bench.results import Result

DRAWS = 1000


@dataclass(frozen=True)
class Curve:
    """The learning curve of one arm: its means over the sizes.

    Arguments:
        data, classifier, arm: What was run.
        points: One summary per size, rising.
    """

    data: str
    classifier: str
    method: str
    points: tuple[Summary, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The samples per class."""
        return tuple(int(point.regime) for point in self.points)


@dataclass(frozen=True)
class Worth:
    """So many real samples per class would do as much, without augmentation, as an arm does with n.

    The learning curve of *none* is made monotone by least squares, read linearly on the logarithm of n, and inverted at the
    mean of the arm. The interval is a percentile bootstrap over the seeds: all cells take the same ones in a draw.

    Arguments:
        data, classifier, arm: What was run.
        n: Real samples per class that the arm had.
        equal: Those that *none* needs for the same; infinity above the largest size measured, minus infinity below the
            smallest.
        low, high: 95 %, in the same way; not a number for a single seed.
        smallest, largest: The sizes between which *none* was measured.
        seeds: How many all of these cells share.
    """

    data: str
    classifier: str
    method: str
    n: int
    equal: float
    low: float
    high: float
    smallest: int
    largest: int
    seeds: int


def learning_curves(rows: Iterable[Result], metric: str = "accuracy") -> list[Curve]:
    """Returns the curve of every arm that was run at two sizes or more; lopsided regimes have no place on one.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows.
    """
    found: dict[tuple[str, str, str], list[Summary]] = {}
    for s in summaries(rows, metric):
        if s.regime.isdigit():
            found.setdefault((s.data, s.classifier, s.method), []).append(s)
    return [
        Curve(*place, tuple(sorted(points, key=lambda s: int(s.regime))))
        for place, points in found.items()
        if len(points) > 1
    ]


def worths(rows: Sequence[Result], metric: str = "accuracy", seed: int = 0) -> list[Worth]:
    """Returns what every arm but *none* is worth, at every size, where *none* was run at two sizes or more.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows.
        seed: Of the bootstrap.
    """
    groups = cells(rows)
    found = []
    for curve in learning_curves(rows, metric):
        if curve.method != "none":
            continue
        base = [groups[curve.data, point.regime, curve.classifier, "none"] for point in curve.points]
        none = _Bootstrap(curve.sizes, base, metric, seed)
        for (data, regime, classifier, method), group in groups.items():
            if (data, classifier) == (curve.data, curve.classifier) and regime.isdigit() and method != "none":
                told = none.told(group)
                if told is not None:
                    found.append(Worth(data, classifier, method, int(regime), *told))
    return found


class _Bootstrap:
    """The curve of *none*, whole and redrawn."""

    def __init__(self, sizes: Sequence[int], base: Sequence[dict[int, Result]], metric: str, seed: int) -> None:
        self.sizes, self.metric = tuple(sizes), metric
        self.seeds = sorted(set.intersection(*(set(group) for group in base)))
        values = np.stack([self._values(group, self.seeds) for group in base], -1)  # (seeds, sizes)
        self.draws = np.random.default_rng(seed).integers(len(self.seeds) or 1, size=(DRAWS, len(self.seeds)))
        self.whole = statistics.rising(values.mean(0)) if self.seeds else np.empty(0)
        self.redrawn = statistics.rising(values[self.draws].mean(1)) if len(self.seeds) > 1 else np.empty(0)

    def _values(self, group: dict[int, Result], seeds: Sequence[int]) -> np.ndarray:
        return np.array([100 * getattr(group[seed], self.metric) for seed in seeds])

    def told(self, group: dict[int, Result]) -> tuple[float, float, float, int, int, int] | None:
        """Returns equal, low, high, smallest, largest and the number of seeds, or None where the seeds are other ones."""
        if not self.seeds or not set(self.seeds) <= set(group):
            return None
        values = self._values(group, self.seeds)
        equal = statistics.invert(self.sizes, self.whole, float(values.mean()))
        low = high = math.nan
        if len(self.redrawn):
            levels = values[self.draws].mean(1)
            drawn = [statistics.invert(self.sizes, *pair) for pair in zip(self.redrawn, levels, strict=True)]
            # Of numbers that were drawn, because there is nothing between the last size and infinity.
            ends = (1 - statistics.LEVEL) / 2, (1 + statistics.LEVEL) / 2
            low, high = map(float, np.quantile(drawn, ends, method="inverted_cdf"))
        return equal, low, high, self.sizes[0], self.sizes[-1], len(self.seeds)
