"""The outcome of a comparison: four values, from its interval and its p-value. Their words are in `report/wording.py`."""

from __future__ import annotations

import math
from enum import Enum

from vaeaug.bench.analysis import statistics

MARGIN = 0.5  # points: a difference inside ± this makes no difference in practice


class Outcome(Enum):
    """What a comparison shows. With fewer than `statistics.MIN_SEEDS` seeds there is none."""

    HELPS = "helps"
    HURTS = "hurts"
    NO_DIFFERENCE = "no_difference"
    UNCLEAR = "unclear"


def outcome_of(mean: float, low: float, high: float, p: float) -> Outcome | None:
    """Returns the outcome of a comparison; None without an interval.

    An interval inside ±0.5 points makes no difference, also where it excludes zero: such a difference is too small to matter.

    Arguments:
        mean, low, high: The mean difference and the ends of its 95 % interval, in points; NaN ends without an interval.
        p: The p-value, corrected if several comparisons are tested; NaN if no test could reject.
    """
    if math.isnan(low):
        return None
    if low >= -MARGIN and high <= MARGIN:
        return Outcome.NO_DIFFERENCE
    if p < 1 - statistics.LEVEL:
        return Outcome.HELPS if mean > 0 else Outcome.HURTS
    return Outcome.UNCLEAR
