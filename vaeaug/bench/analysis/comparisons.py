"""Rows -> means and paired differences of arms, with intervals, tests and verdicts. Pure functions of rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.results import Result
from vaeaug.runtime import checks

RIVALS = ("none", "classical", "classical + mixup")  # what everything is compared with, where it was run
BEST = "the best rival"
CHEAP = ("none", "classical", "mixup", "cutmix", "cutout", "oversampling", "class weights", "smote", "label smoothing")
CONTROLS = ("reconstruction only", "pixel noise", "pca", "duplicates")

Cell = tuple[str, str, str, str]  # data, regime, classifier, arm
Cells = dict[Cell, dict[int, Result]]


@dataclass(frozen=True)
class Summary:
    """The mean of one arm over the seeds, in points (percent), with a 95 % t-interval, and its cost.

    Arguments:
        data, regime, classifier, arm: The cell.
        mean, low, high: Of the metric.
        seeds: How many.
        metric: The name of what the cell is judged by.
        macro_f1: Its mean, in points.
        mcc: The mean of Matthews' coefficient, in -1..1.
        vae_seconds, train_seconds: Mean seconds per seed: training the VAE, if any, and the classifier.
    """

    data: str
    regime: str
    classifier: str
    method: str
    mean: float
    low: float
    high: float
    seeds: int
    metric: str
    macro_f1: float
    mcc: float
    vae_seconds: float
    train_seconds: float

    @property
    def seconds(self) -> float:
        """All of them."""
        return self.vae_seconds + self.train_seconds


@dataclass(frozen=True)
class Contrast:
    """The paired difference of an arm to another, in points (percent).

    Arguments:
        data, regime, classifier, arm, against: The cell and what it is compared with.
        mean, low, high: Of the differences seed by seed, with a 95 % t-interval.
        p: Of the paired t-test, corrected after Holm over the table: all arms and classifiers of a data set and regime.
        seeds: The number of pairs.
        verdict: `helps` or `hurts` where p < 0.05, `no effect` where not, `identical` where the two found the same on every
            seed, `one seed` where nothing can be said.
        raw: The p-value of the t-test alone.
        signed_rank: That of Wilcoxon's test alone.
        wins, ties, losses: The seeds on which the arm was above, level, below.
        metric: What was compared.
        best: Whether `against` was chosen as the best rival of the cell.
    """

    data: str
    regime: str
    classifier: str
    method: str
    against: str
    mean: float
    low: float
    high: float
    p: float
    seeds: int
    verdict: str
    raw: float
    signed_rank: float
    wins: int
    ties: int
    losses: int
    metric: str
    best: bool = False


def lopsided(regime: str) -> bool:
    """Returns whether the classes of a regime have different counts."""
    return len(set(regime.split("/"))) > 1


def metric_of(regime: str) -> str:
    """Returns what a regime is judged by: accuracy, or balanced accuracy where it is lopsided."""
    return "balanced_accuracy" if lopsided(regime) else "accuracy"


def kind(method: str) -> str:
    """Returns `rival` for a cheap arm, `control`, `vae` for the library's own, or `peer` for any other."""
    parts = re.sub(r", .*", "", method).split(" + ")
    if all(part in CHEAP for part in parts):
        return "rival"
    if any(part in CONTROLS for part in parts):
        return "control"
    return "vae" if re.search(r"\b(vae|tuned)\b", method) else "peer"


def cells(rows: Iterable[Result]) -> Cells:
    """Returns the rows of each cell by seed, in the order of the rows."""
    found: Cells = {}
    for row in rows:
        found.setdefault((row.data, row.regime, row.classifier, row.method), {})[row.seed] = row
    return found


def summaries(rows: Iterable[Result], metric: str | None = None) -> list[Summary]:
    """Returns one summary per arm, classifier, regime and data set, in the order of the rows.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows; by default what each regime is judged by.
    """
    found = []
    for cell, group in cells(rows).items():
        name = metric or metric_of(cell[1])
        mean, low, high = statistics.interval([100 * getattr(row, name) for row in group.values()])
        others = [
            float(np.mean([getattr(row, other) for row in group.values()]))
            for other in ("macro_f1", "mcc", "vae_seconds", "train_seconds")
        ]
        found.append(Summary(*cell, mean, low, high, len(group), name, 100 * others[0], *others[1:]))
    return found


def contrasts(rows: Iterable[Result], against: str = "none", metric: str | None = None) -> list[Contrast]:
    """Returns the difference of every other arm to `against`, paired by seed and corrected over its table.

    Arguments:
        rows: Of any cells.
        against: The arm to compare with.
        metric: A field of the rows; by default what each regime is judged by.

    Raises:
        InputError: If there are no rows of the arm `against`, or if paired rows saw different training subsets.
    """
    found = cells(rows)
    if found and against not in {cell[3] for cell in found}:
        checks.refuse(f"rows of the arm {against!r}", f"arms {sorted({c[3] for c in found})}", "run that arm, too")
    return _corrected([_pair(found, cell, against, metric) for cell in found])


def to_best(rows: Iterable[Result], metric: str | None = None) -> list[Contrast]:
    """Returns the difference of every other arm to the best of the cheap rivals of its cell, chosen by its mean.

    The choice is made on the seeds that are compared, so it favours the rival. For `helps` that is the safe side; where
    the arm is below, its p-value is multiplied by the number of rivals to choose from (Bonferroni), so that `hurts` keeps its
    level.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows; by default what each regime is judged by.

    Raises:
        InputError: If paired rows saw different training subsets.
    """
    found = cells(rows)
    rivals = best_rivals(rows, metric)

    def pair(cell: Cell) -> Contrast | None:
        best, choices = rivals.get(cell[:3], ("", 0))
        return _pair(found, cell, best, metric, choices)

    return _corrected([pair(cell) for cell in found])


def best_rivals(rows: Iterable[Result], metric: str | None = None) -> dict[tuple[str, str, str], tuple[str, int]]:
    """Returns the cheap rival with the highest mean, and among how many, for each data set, regime and classifier.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows; by default what each regime is judged by.
    """
    groups: dict[tuple[str, str, str], list[Summary]] = {}
    for s in summaries(rows, metric):
        if kind(s.method) == "rival":
            groups.setdefault((s.data, s.regime, s.classifier), []).append(s)
    chosen = {}
    for place, group in groups.items():
        # A rival that was not run on all seeds is no rival yet.
        whole = [s for s in group if s.seeds == max(other.seeds for other in group)]
        chosen[place] = (max(whole, key=lambda s: s.mean).method, len(whole))
    return chosen


def by_rival(rows: Sequence[Result], metric: str | None = None) -> dict[str, list[Contrast]]:
    """Returns the contrasts to each of `RIVALS` that was run, and to the best rival where there are three to choose from.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows; by default what each regime is judged by.
    """
    there = {row.method for row in rows}
    found = {rival: contrasts(rows, rival, metric) for rival in RIVALS if rival in there}
    if any(choices > 2 for _, choices in best_rivals(rows, metric).values()):
        found[BEST] = to_best(rows, metric)
    return {rival: told for rival, told in found.items() if told}


def _pair(found: Cells, cell: Cell, against: str, metric: str | None, choices: int = 0) -> Contrast | None:
    base = found.get((*cell[:3], against), {})
    pairs = [(row, base[seed]) for seed, row in found[cell].items() if seed in base]
    if cell[3] == against or not pairs:
        return None
    if any((row.subset, row.steps) != (other.subset, other.steps) for row, other in pairs):
        expected = "paired rows of one training subset and number of steps"
        checks.refuse(expected, f"different ones in {cell}", "run the seeds again")
    name = metric or metric_of(cell[1])
    d = [100 * (getattr(row, name) - getattr(other, name)) for row, other in pairs]
    wins, losses = sum(x > statistics.SAME for x in d), sum(x < -statistics.SAME for x in d)
    mean, low, high = statistics.interval(d)
    raw = statistics.t_test(d)
    p = min(1.0, raw * choices) if choices and mean < 0 and not math.isnan(raw) else raw
    verdict = "identical" if all(_found(row) == _found(other) for row, other in pairs) else ""
    counts = wins, len(d) - wins - losses, losses
    return Contrast(
        *cell, against, mean, low, high, p, len(d), verdict, raw, statistics.signed_rank(d), *counts, name, choices > 0
    )


def _found(row: Result) -> tuple[object, ...]:
    return row.accuracy, row.balanced_accuracy, row.macro_f1, row.mcc, row.confusion


def _corrected(pairs: Sequence[Contrast | None]) -> list[Contrast]:
    told = [pair for pair in pairs if pair is not None]
    tables: dict[tuple[str, str], list[int]] = {}
    for i, c in enumerate(told):
        tables.setdefault((c.data, c.regime), []).append(i)
    p: dict[int, float] = {}
    for table in tables.values():
        p.update(zip(table, statistics.holm([told[i].p for i in table]), strict=True))
    return [replace(c, p=p[i], verdict=c.verdict or _verdict(p[i], c.mean)) for i, c in enumerate(told)]


def _verdict(p: float, mean: float) -> str:
    if math.isnan(p):
        return "one seed"
    if p >= 1 - statistics.LEVEL:
        return "no effect"
    return "helps" if mean > 0 else "hurts"
