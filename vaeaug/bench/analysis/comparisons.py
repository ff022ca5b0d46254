"""Results -> paired differences of methods, with intervals, tests and outcomes. Pure functions of results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vaeaug.bench.analysis import statistics
from vaeaug.bench.analysis.outcomes import Outcome, outcome_of
from vaeaug.bench.analysis.primary import Pair, primary_pairs, recipes
from vaeaug.bench.analysis.summaries import (
    CaseKey,
    GroupKey,
    Groups,
    Summary,
    best_baselines,
    group_results,
    metric_of,
    summaries,
)
from vaeaug.bench.results import EQUAL_TIME, Result
from vaeaug.runtime import checks

__all__ = [
    "BASELINES",
    "BEST",
    "CaseKey",
    "Comparison",
    "GroupKey",
    "Outcome",
    "Summary",
    "best_baselines",
    "compare_methods",
    "compare_to_best_baseline",
    "comparisons",
    "comparisons_by_baseline",
    "corrected",
    "equal_time_comparisons",
    "group_results",
    "primary_comparisons",
    "summaries",
]

BASELINES = ("none", "classical", "classical + MixUp")  # every method is compared with these, where they were run
BEST = "the best baseline"


@dataclass(frozen=True)
class Comparison:
    """The paired difference of a method to another one, in points (percent).

    Arguments:
        data, regime, classifier, method: What was run.
        kind: The kind of the method, one of `vaeaug.bench.results.KINDS`.
        against: The method it is compared with.
        mean, low, high: The mean of the differences seed by seed, with a 95 % t-interval; NaN
            ends for fewer than five seeds.
        p: The p-value of the paired t-test; NaN for fewer than five seeds. Unless the comparison is the primary one, it is
            corrected after Holm over the table: all other methods and classifiers of a data set and regime.
        seeds: The number of pairs.
        outcome: What it shows; None for fewer than five seeds.
        p_uncorrected: The p-value of the t-test before any correction.
        p_signed_rank: The p-value of Wilcoxon's signed-rank test, not corrected; NaN if it cannot reach significance with
            so few seeds.
        wins, ties, losses: The numbers of seeds on which the method was above, level, below.
        metric: The name of the metric, a field of `Result`.
        is_best_baseline: Whether `against` was chosen as the best baseline of the case, by its mean.
        primary: Whether it is the primary comparison of its data set and regime, which is named in advance; see
            `vaeaug.bench.analysis.primary`. All others are exploratory.
        identical: Whether both methods have the same metrics and confusion matrix on every seed.
    """

    data: str
    regime: str
    classifier: str
    method: str
    kind: str
    against: str
    mean: float
    low: float
    high: float
    p: float
    seeds: int
    outcome: Outcome | None
    p_uncorrected: float
    p_signed_rank: float
    wins: int
    ties: int
    losses: int
    metric: str
    is_best_baseline: bool = False
    primary: bool = False
    identical: bool = False


def comparisons(results: Iterable[Result], against: str = "none", metric: str | None = None) -> list[Comparison]:
    """Returns the difference of every other method to `against`, paired by seed and corrected over its table.

    The primary comparison, if it is among them, is marked and not corrected.

    Arguments:
        results: Results of any runs.
        against: The method to compare with.
        metric: A field of `Result`; by default the metric of each regime.

    Raises:
        InputError: If there are no results of the method `against`, or if paired results have different training subsets.
    """
    results = list(results)
    groups, pairs = group_results(results), primary_pairs(results, metric)
    methods = {key[3] for key in groups}
    if groups and against not in methods:
        remedy = "run that method as well"
        checks.refuse(f"results of the method {against!r}", f"methods {sorted(methods)}", remedy)

    def compare(key: GroupKey) -> Comparison | None:
        return compare_methods(groups, key, against, metric, primary=pairs.get(key[:3]) == Pair(key[3], against))

    return corrected([compare(key) for key in groups])


def compare_to_best_baseline(results: Iterable[Result], metric: str | None = None) -> list[Comparison]:
    """Returns the difference of every other method to the best baseline of its case, chosen by its mean.

    The baseline is chosen on the seeds that are compared, which favours it. For `helps` that is conservative; if the
    method is below, its p-value is multiplied by the number of baselines to choose from (Bonferroni), so that `hurts` keeps
    its level.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.

    Raises:
        InputError: If paired results have different training subsets.
    """
    results = list(results)
    groups, pairs = group_results(results), primary_pairs(results, metric)
    baselines = best_baselines(results, metric)

    def compare(key: GroupKey) -> Comparison | None:
        baseline, choices = baselines.get(key[:3], ("", 0))
        pair = pairs.get(key[:3])
        primary = pair is not None and (pair.recipe, pair.baseline) == (key[3], baseline)
        if pair is not None and primary:
            choices = pair.choices  # a baseline that was named in advance was not chosen
        comparison = compare_methods(groups, key, baseline, metric, choices, primary)
        return comparison and replace(comparison, is_best_baseline=True)

    return corrected([compare(key) for key in groups])


def primary_comparisons(results: Sequence[Result], metric: str | None = None) -> list[Comparison]:
    """Returns the primary comparison of each data set and regime that has one; see `vaeaug.bench.analysis.primary`.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.

    Raises:
        InputError: If paired results have different training subsets.
    """
    groups = group_results(results)
    return corrected(
        [
            compare_methods(groups, (*case, pair.recipe), pair.baseline, metric, pair.choices, primary=True)
            for case, pair in primary_pairs(results, metric).items()
        ]
    )


def equal_time_comparisons(results: Sequence[Result], metric: str | None = None) -> list[Comparison]:
    """Returns the difference of each recipe to the baselines that were trained for as many seconds.

    These are the methods of the kind `equal time`; other methods share the number of steps, not the time.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.

    Raises:
        InputError: If paired results have different training subsets.
    """
    groups, by_case = group_results(results), recipes(results)
    baselines = [key for key, group in groups.items() if next(iter(group.values())).kind == EQUAL_TIME]
    return corrected(
        [
            compare_methods(groups, (*key[:3], by_case[key[:3]]), key[3], metric)
            for key in baselines
            if key[:3] in by_case and (*key[:3], by_case[key[:3]]) in groups
        ]
    )


def comparisons_by_baseline(results: Sequence[Result], metric: str | None = None) -> dict[str, list[Comparison]]:
    """Returns the comparisons with the baseline of the primary one, if the plan names it, with each of `BASELINES` that was
    run, and with the best baseline of three or more.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    methods = {result.method for result in results}
    planned = [pair.baseline for pair in primary_pairs(results, metric).values() if not pair.choices]
    names = dict.fromkeys([*planned, *(name for name in BASELINES if name in methods)])
    by_baseline = {name: comparisons(results, name, metric) for name in names}
    if any(choices > 2 for _, choices in best_baselines(results, metric).values()):
        by_baseline[BEST] = compare_to_best_baseline(results, metric)
    return {name: group for name, group in by_baseline.items() if group}


def compare_methods(
    groups: Groups, key: GroupKey, against: str, metric: str | None, choices: int = 0, primary: bool = False
) -> Comparison | None:
    """Returns a comparison before Holm's correction, without its outcome; None if the two methods share no seed.

    Arguments:
        groups: Results as `group_results` returns them.
        key: The case and the method.
        against: The method to compare with.
        metric: A field of `Result`; by default the metric of the regime.
        choices: The number of methods of which `against` was chosen by its mean; 0 if it was not.
        primary: Whether it is the primary comparison.

    Raises:
        InputError: If paired results have different training subsets.
    """
    baseline = groups.get((*key[:3], against), {})
    pairs = [(result, baseline[seed]) for seed, result in groups[key].items() if seed in baseline]
    if key[3] == against or not pairs:
        return None
    if any(not _is_paired(result, other) for result, other in pairs):
        expected = "paired results of one training subset and number of steps"
        checks.refuse(expected, f"different ones in {key}", "run the seeds again")
    name = metric or metric_of(key[1])
    differences = [100 * (getattr(result, name) - getattr(other, name)) for result, other in pairs]
    mean, low, high = statistics.interval(differences)
    p = p_uncorrected = statistics.t_test(differences)
    if choices and mean < 0 and not math.isnan(p):
        p = min(1.0, p * choices)
    wins = sum(d > statistics.TIE_TOLERANCE for d in differences)
    losses = sum(d < -statistics.TIE_TOLERANCE for d in differences)
    return Comparison(
        *key,
        kind=pairs[0][0].kind,
        against=against,
        mean=mean,
        low=low,
        high=high,
        p=p,
        seeds=len(pairs),
        outcome=None,
        p_uncorrected=p_uncorrected,
        p_signed_rank=statistics.signed_rank(differences),
        wins=wins,
        ties=len(pairs) - wins - losses,
        losses=losses,
        metric=name,
        is_best_baseline=choices > 0,
        primary=primary,
        identical=all(_scores(result) == _scores(other) for result, other in pairs),
    )


def _is_paired(result: Result, other: Result) -> bool:
    same_steps = result.steps == other.steps or EQUAL_TIME in (result.kind, other.kind)
    return result.subset == other.subset and same_steps


def _scores(result: Result) -> tuple[object, ...]:
    return result.accuracy, result.balanced_accuracy, result.macro_f1, result.mcc, result.confusion


def corrected(pairs: Sequence[Comparison | None]) -> list[Comparison]:
    """Returns comparisons with their outcomes, and with p-values corrected after Holm, table by table.

    The primary comparison of a table is left out of the correction: it is tested alone.

    Arguments:
        pairs: Comparisons with uncorrected p-values.
    """
    uncorrected = [pair for pair in pairs if pair is not None]
    tables: dict[tuple[str, str], list[int]] = {}
    for i, c in enumerate(uncorrected):
        if not c.primary:
            tables.setdefault((c.data, c.regime), []).append(i)
    p = {i: c.p for i, c in enumerate(uncorrected)}
    for table in tables.values():
        p.update(zip(table, statistics.holm([uncorrected[i].p for i in table]), strict=True))
    return [replace(c, p=p[i], outcome=outcome_of(c.mean, c.low, c.high, p[i])) for i, c in enumerate(uncorrected)]
