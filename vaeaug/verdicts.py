"""Rows -> paired differences, intervals, verdicts, tables. Pure functions of rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vaeaug import _checks
from vaeaug.rows import Result

LEVEL = 0.95
RIVALS = ("none", "classical")  # what everything is compared with, where it was run


@dataclass(frozen=True)
class Summary:
    """The mean of one arm over the seeds, in points (percent), with a 95 % t-interval, and its cost.

    Arguments:
        data, regime, classifier, arm: The cell.
        mean, low, high: Of the metric.
        seeds: How many.
        seconds: Mean seconds per seed: training the VAE, if any, and the classifier.
    """

    data: str
    regime: str
    classifier: str
    arm: str
    mean: float
    low: float
    high: float
    seeds: int
    seconds: float


@dataclass(frozen=True)
class Contrast:
    """The paired difference of an arm to another, in points (percent).

    Arguments:
        data, regime, classifier, arm, against: The cell and what it is compared with.
        mean, low, high: Of the differences seed by seed, with a 95 % t-interval.
        p: Of the paired t-test, corrected over the table (Holm, "A simple sequentially rejective multiple test procedure",
            1979).
        seeds: The number of pairs.
        verdict: `helps` or `hurts` where p < 0.05, `no effect` where not, `one seed` where nothing can be said.
    """

    data: str
    regime: str
    classifier: str
    arm: str
    against: str
    mean: float
    low: float
    high: float
    p: float
    seeds: int
    verdict: str


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns the mean and the ends of its 95 % t-interval; not a number for the ends of a single value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def holm(p: Sequence[float]) -> list[float]:
    """Returns Holm's corrected p-values; those that are not numbers stay so and do not count."""
    out = list(p)
    order = sorted((i for i, value in enumerate(p) if not math.isnan(value)), key=lambda i: p[i])
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p[i]))
        out[i] = highest
    return out


def summaries(rows: Iterable[Result], metric: str = "accuracy") -> list[Summary]:
    """Returns one summary per arm, classifier, regime and data set, in the order of the rows."""
    found = []
    for cell, group in _cells(rows).items():
        mean, low, high = interval([100 * getattr(row, metric) for row in group.values()])
        seconds = float(np.mean([row.train_seconds + row.vae_seconds for row in group.values()]))
        found.append(Summary(*cell, mean, low, high, len(group), seconds))
    return found


def contrasts(rows: Iterable[Result], against: str = "none", metric: str = "accuracy") -> list[Contrast]:
    """Returns the difference of every other arm to `against`, paired by seed and corrected over the table.

    Raises:
        InputError: If there are no rows of the arm `against`, or if paired rows saw different training subsets.
    """
    cells = _cells(rows)
    if cells and against not in {cell[3] for cell in cells}:
        _checks.refuse(f"rows of the arm {against!r}", f"arms {sorted({c[3] for c in cells})}", "run that arm, too")
    found = []
    for cell, group in cells.items():
        base = cells.get((*cell[:3], against), {})
        pairs = [(row, base[seed]) for seed, row in group.items() if seed in base]
        if cell[3] == against or not pairs:
            continue
        if any((row.subset, row.steps) != (other.subset, other.steps) for row, other in pairs):
            expected = "paired rows of one training subset and number of steps"
            _checks.refuse(expected, f"different ones in {cell}", "run the seeds again")
        differences = [100 * (getattr(row, metric) - getattr(other, metric)) for row, other in pairs]
        found.append((cell, differences, _p(differences)))
    corrected = holm([p for _, _, p in found])
    return [
        Contrast(*cell, against, *interval(d), p, len(d), _verdict(p, float(np.mean(d))))
        for (cell, d, _), p in zip(found, corrected, strict=True)
    ]


def by_rival(rows: Sequence[Result], metric: str = "accuracy") -> dict[str, list[Contrast]]:
    """Returns the contrasts to each of the rivals, none and classical, that was run."""
    there = {row.arm for row in rows}
    return {rival: contrasts(rows, rival, metric) for rival in RIVALS if rival in there}


def _cells(rows: Iterable[Result]) -> dict[tuple[str, str, str, str], dict[int, Result]]:
    cells: dict[tuple[str, str, str, str], dict[int, Result]] = {}
    for row in rows:
        cells.setdefault((row.data, row.regime, row.classifier, row.arm), {})[row.seed] = row
    return cells


def _p(differences: Sequence[float]) -> float:
    if len(differences) < 2:
        return math.nan
    largest = float(np.abs(differences).max())
    if np.ptp(differences) <= 1e-9 * max(1.0, largest):
        # The t-test has no answer where all differences are the same: the sign test has.
        return 1.0 if largest < 1e-9 else 2.0 ** (1 - len(differences))
    return float(stats.ttest_1samp(differences, 0).pvalue)


def _verdict(p: float, mean: float) -> str:
    if math.isnan(p):
        return "one seed"
    if p >= 1 - LEVEL:
        return "no effect"
    return "helps" if mean > 0 else "hurts"


def sentence(contrast: Contrast) -> str:
    """Returns a contrast in words."""
    difference = f"{contrast.mean:+.1f} points over {contrast.against}"
    if contrast.verdict == "one seed":
        return f"{contrast.classifier}: {contrast.arm}: {difference} on one seed, which says nothing yet."
    told = {"helps": "helps", "hurts": "hurts", "no effect": "shows no effect"}[contrast.verdict]
    spread = f"95 % interval {contrast.low:+.1f} to {contrast.high:+.1f}, {contrast.seeds} seeds"
    if contrast.verdict == "no effect" and contrast.low * contrast.high > 0:
        spread += "; not enough after Holm's correction for the number of comparisons"
    return f"{contrast.classifier}: {contrast.arm} {told}: {difference} ({spread})."


HEADER = ("classifier", "arm", "accuracy %", "to none", "verdict", "to classical", "verdict", "seconds")


def table(rows: Sequence[Result], metric: str = "accuracy") -> str:
    """Returns the rows as a Markdown table, one line per arm and classifier."""
    found = {
        rival: {(c.data, c.regime, c.classifier, c.arm): c for c in told}
        for rival, told in by_rival(rows, metric).items()
    }
    lines: list[tuple[str, ...]] = [HEADER]
    for s in summaries(rows, metric):
        cell = (s.data, s.regime, s.classifier, s.arm)
        compared = [text for rival in RIVALS for text in _told(found.get(rival, {}).get(cell))]
        lines.append((s.classifier, s.arm, _span(s.mean, s.low, s.high), *compared, f"{s.seconds:.0f}"))
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    text = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines]
    return "\n".join([text[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *text[1:]])


def _told(contrast: Contrast | None) -> tuple[str, str]:
    if contrast is None:
        return "", ""
    return _span(contrast.mean, contrast.low, contrast.high, "+"), contrast.verdict


def _span(mean: float, low: float, high: float, sign: str = "") -> str:
    half = "" if math.isnan(low) else f" ± {(high - low) / 2:.1f}"
    return f"{mean:{sign}.1f}{half}"
