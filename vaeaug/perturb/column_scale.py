"""Do tabular samples lie in the scaling of others? Told by the columns together, because a single one may drift.

Samples that were standardised, mapped to 0..1, or left as they were measured, beside others that were not, differ from these
in most columns: their values lie outside the range, or in a small part of it around 0. One odd column, such as a time or a
marker of missing values, decides nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ENOUGH = 8  # samples whose median tells where a column lies; fewer may be outliers
MARGIN = 0.25  # a median farther outside than this fraction of the range of its column is outside
MARGIN_OF_ONE = 1.0  # the same if there is but one column
NARROW = 20  # values that vary less than this fraction (1 / 20) of those at fit vary too little
SCALED = 10.0  # no standardised value, and none in 0..1, is much larger
SCALED_FEW = 5.0  # the same for a few samples
MOST_ROWS = 4096  # that are looked at


class ColumnScale(NamedTuple):
    """Where most values of each column lie.

    Arguments:
        low, high: The range of its values, without those far from most, each `(features,)`.
        core: The distance between the 5 % and the 95 % quantile, `(features,)`.
    """

    low: Tensor
    high: Tensor
    core: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> ColumnScale:
        """Returns where the columns of samples `(N, features)` lie."""
        low, high = x.amin(0), x.amax(0)
        start, end = _core(x)
        core = end - start
        spread = core > 0
        return cls(
            torch.where(spread, torch.maximum(low, start - core), low),
            torch.where(spread, torch.minimum(high, end + core), high),
            core,
        )

    def other_columns(self, x: Tensor) -> list[int]:
        """Returns the columns by which samples `(B, features)` lie in another scaling; none if they do not, or it cannot be told."""
        x = _some(x)
        width = self.high - self.low
        varies = (width > 0) & width.isfinite()
        is_scaled = ~(x == x.round()).all(0) & (x.abs() <= (SCALED if len(x) >= ENOUGH else SCALED_FEW)).all(0)
        if len(x) < ENOUGH:
            # A few samples may be outliers, but not so that every large value becomes a small one.
            large = varies & ((self.low > SCALED) | (self.high < -SCALED))
            return _indices(large) if large.sum() >= 2 and bool(is_scaled[large].all()) else []
        count = int(varies.sum())
        margin = (MARGIN if count > 1 else MARGIN_OF_ONE) * width
        median = x.median(0).values
        outside = (median < self.low - margin) | (median > self.high + margin)
        start, end = _core(x)
        is_narrow = is_scaled & (end > start) & (NARROW * (end - start) < self.core)
        other = varies & (outside | is_narrow)
        return _indices(other) if int(other.sum()) >= max(min(2, count), count / 2, 1) else []


def _core(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the 5 % and the 95 % quantile of every column."""
    ordered = _some(x).sort(0).values
    last = len(ordered) - 1
    return ordered[int(0.05 * last)], ordered[last - int(0.05 * last)]


def _some(x: Tensor) -> Tensor:
    return x[:: -(-len(x) // MOST_ROWS)] if len(x) > MOST_ROWS else x


def _indices(columns: Tensor) -> list[int]:
    return torch.nonzero(columns)[:, 0].tolist()
