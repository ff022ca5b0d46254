"""Results -> the verdict: one sentence on whether to use the augmentation, from the primary comparison alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vaeaug.bench.analysis.comparisons import Comparison, compare_to_best_baseline, primary_comparisons
from vaeaug.bench.analysis.outcomes import MARGIN, Outcome
from vaeaug.bench.analysis.statistics import MIN_SEEDS
from vaeaug.bench.relations import completed
from vaeaug.bench.report import answers, wording
from vaeaug.bench.results import Result

SEEDS_FOR_A_CLAIM = 10
MOST_SEEDS = 200  # a difference that needs more repetitions to be seen is too small to matter


@dataclass(frozen=True)
class Verdict:
    """Whether to use the augmentation.

    Arguments:
        use: Whether to; None where the results do not say.
        sentence: The verdict in words.
        seeds: The number of seeds to run for an answer; None if there is one, or if more seeds would not help.
    """

    use: bool | None
    sentence: str
    seeds: int | None = None


def verdict(results: Sequence[Result], metric: str | None = None) -> Verdict:
    """Returns the verdict of the results of one data set and regime.

    Arguments:
        results: The results.
        metric: A field of `Result`; by default the metric of each regime.
    """
    results = completed(results)
    primary = primary_comparisons(results, metric)
    if not primary:
        return Verdict(
            None, "Verdict: none. No method of ours was compared with a baseline; run bench again without --method."
        )
    c = primary[0]
    best = next((b for b in compare_to_best_baseline(results, metric) if _same_case(b, c)), None)
    return _verdict_of(c, best if best is not None and best.against != c.against else None)


def _same_case(one: Comparison, other: Comparison) -> bool:
    fields = ("data", "regime", "classifier", "method")
    return all(getattr(one, name) == getattr(other, name) for name in fields)


def _verdict_of(c: Comparison, best: Comparison | None) -> Verdict:
    start = f"Verdict for {c.classifier}"
    compared = f"{c.method} against {c.against}"
    measured = f"{compared}: {answers.difference(c)}"
    if c.outcome is None:
        seeds = wording.seeds(c.seeds)
        text = f"{start}: too few seeds to say ({seeds}; a verdict takes {MIN_SEEDS} or more). {measured}."
        return Verdict(None, text, SEEDS_FOR_A_CLAIM)
    if c.outcome is Outcome.HELPS:
        if best is not None and best.mean <= 0:
            other = f"but {best.against} alone is as good here ({answers.difference(best)} to it)"
            return Verdict(False, f"{start}: no need for it. It helps, {measured}, {other}.")
        return Verdict(True, f"{start}: yes, use it. {measured}.")
    if c.outcome is Outcome.HURTS:
        return Verdict(False, f"{start}: no, it hurts here. {measured}.")
    if c.outcome is Outcome.NO_DIFFERENCE:
        return Verdict(False, f"{start}: no need for it, the difference is within ±{MARGIN} points. {measured}.")
    needed = seeds_needed(c)
    if needed is None:
        return Verdict(None, f"{start}: not shown, and no sensible number of seeds would show it. {measured}.")
    return Verdict(None, f"{start}: not shown yet. {measured}; about {needed} seeds would tell.", needed)


def seeds_needed(c: Comparison) -> int | None:
    """Returns how many seeds would bring the interval clear of zero, if mean and spread stayed as they are.

    The width of an interval goes with one over the root of the number of seeds. None if that is more than `MOST_SEEDS`.

    Arguments:
        c: A comparison with an interval.
    """
    if c.mean == 0:
        return None
    half = (c.high - c.low) / 2
    needed = math.ceil(c.seeds * (half / c.mean) ** 2) + 1
    return max(needed, c.seeds + 1) if needed <= MOST_SEEDS else None
