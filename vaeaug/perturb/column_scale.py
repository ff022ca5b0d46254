"""Do tabular samples lie in the scaling of others? Told by the columns together, because a single one may drift.

Samples that were standardised, mapped to 0..1, or left as they were measured, beside others that were not, differ from these
in most columns: their values lie outside the range, below 0 where no value was, or in a small part of the range around 0. One
odd column, such as a time or a marker of missing values, decides nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ENOUGH = 8  # samples that tell where a column lies; fewer may be outliers
MARGIN = 0.25  # values outside the range by more than this fraction of it are beyond it
MARGIN_OF_ONE = 1.0  # the same if there is but one column
SHARE_BEYOND = 0.3  # the share of values beyond the range, or below 0, from which on a column is another one
BELOW, LARGEST_BELOW = 0.01, 0.05  # values below 0 by this fraction of the range, at most so much, are negative
NARROW = 20  # values that vary less than this fraction (1 / 20) of those at fit vary too little
SCALED = 10.0  # no standardised value, and none in 0..1, is much larger
SCALED_FEW = 5.0  # the same for a few samples
FEWEST_COLUMNS = 4  # that have to be negative in a few samples
FEWEST_UNIT = 3  # columns that have to lie in 0..1
MOST_ROWS = 4096  # that are looked at


class ColumnScale(NamedTuple):
    """Where the values of each column lie.

    Arguments:
        low, high: The range of the values, without those far from most, each `(features,)`.
        core: The distance between the 25 % and the 75 % quantile, `(features,)`.
        negative: Whether any value is below 0, `(features,)`.
        outside_unit: The share of the values that lie outside 0..1, `(features,)`.
    """

    low: Tensor
    high: Tensor
    core: Tensor
    negative: Tensor
    outside_unit: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> ColumnScale:
        """Returns where the columns of samples `(N, features)` lie."""
        low, high = x.amin(0), x.amax(0)
        start, end = _quartiles(x)
        core = end - start
        is_spread = core > 0
        return cls(
            torch.where(is_spread, torch.maximum(low, start - 2 * core), low),
            torch.where(is_spread, torch.minimum(high, end + 2 * core), high),
            core,
            low < 0,
            ((x < 0) | (x > 1)).float().mean(0),
        )

    def other_columns(self, x: Tensor) -> list[int]:
        """Returns the columns by which samples are in another scaling; none if they are not, or if it cannot be told.

        Arguments:
            x: The samples, `(B, features)`.
        """
        x, width = _some(x), self.high - self.low
        varies = (width > 0) & width.isfinite()
        few, count = len(x) < ENOUGH, int(varies.sum())
        below = -torch.clamp(BELOW * width, max=LARGEST_BELOW)
        negative = varies & ~self.negative & (_share(x < below) >= SHARE_BEYOND)
        if few:
            return (
                _indices(negative)
                if negative.sum() >= max(FEWEST_COLUMNS, count / 2)
                else self._became_small(x, varies)
            )
        margin = (MARGIN if count > 1 else MARGIN_OF_ONE) * width
        beyond = _share((x < self.low - margin) | (x > self.high + margin)) >= SHARE_BEYOND
        other = varies & (beyond | negative | self._is_narrow(x)) if count > 1 else varies & beyond
        if other.any() and other.sum() >= max(min(2, count), count / 2):
            return _indices(other)
        was_outside = varies & (self.outside_unit > 0.5) & (x.amax(0) > x.amin(0))
        is_unit = ((x >= 0) & (x <= 1)).all() and not torch.equal(x, x.round())
        return _indices(was_outside) if is_unit and was_outside.sum() >= max(FEWEST_UNIT, count / 2) else []

    def _is_narrow(self, x: Tensor) -> Tensor:
        """Returns which columns vary too little for those at fit, around 0."""
        start, end = _quartiles(x)
        is_scaled = ~(x == x.round()).all(0) & (x.abs() <= SCALED).all(0)
        return is_scaled & (self.core >= NARROW) & (end > start) & (NARROW * (end - start) < self.core)

    def _became_small(self, x: Tensor, varies: Tensor) -> list[int]:
        """Returns the columns of large values if all of them have small ones in a few samples, which no outlier has."""
        large = varies & ((self.low > SCALED) | (self.high < -SCALED))
        is_small = ~(x == x.round()).all(0) & (x.abs() <= SCALED_FEW).all(0)
        return _indices(large) if large.sum() >= 2 and bool(is_small[large].all()) else []


def _quartiles(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the 25 % and the 75 % quantile of every column."""
    ordered = _some(x).sort(0).values
    last = len(ordered) - 1
    return ordered[round(0.25 * last)], ordered[round(0.75 * last)]


def _some(x: Tensor) -> Tensor:
    return x[:: -(-len(x) // MOST_ROWS)] if len(x) > MOST_ROWS else x


def _share(condition: Tensor) -> Tensor:
    return condition.float().mean(0)


def _indices(columns: Tensor) -> list[int]:
    return torch.nonzero(columns)[:, 0].tolist()
