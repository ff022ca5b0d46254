"""Results -> means and paired differences of methods, with intervals, tests and outcomes. Pure functions of results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.regimes import Regime
from vaeaug.bench.results import Result
from vaeaug.runtime import checks

BASELINES = ("none", "classical", "classical + MixUp")  # every method is compared with these, where they were run
BEST = "the best baseline"

CaseKey = tuple[str, str, str]  # data, regime, classifier
GroupKey = tuple[str, str, str, str]  # data, regime, classifier, method
Groups = dict[GroupKey, dict[int, Result]]


@dataclass(frozen=True)
class Summary:
    """The mean of one method over the seeds, in points (percent), with a 95 % t-interval, and its cost.

    Arguments:
        data, regime, classifier, method: What was run.
        kind: The kind of the method: `ours`, `baseline`, `control` or `generator`.
        mean, low, high: The mean of the metric and the ends of its interval; NaN ends for one seed.
        seeds: The number of seeds.
        metric: The name of the metric, a field of `Result`.
        macro_f1: The mean macro-F1, in points.
        mcc: The mean Matthews correlation coefficient, in -1..1.
        vae_seconds, train_seconds: Mean seconds per seed for training the VAE, if any, and the classifier.
    """

    data: str
    regime: str
    classifier: str
    method: str
    kind: str
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
        """Mean seconds per seed, VAE and classifier together."""
        return self.vae_seconds + self.train_seconds


@dataclass(frozen=True)
class Comparison:
    """The paired difference of a method to another one, in points (percent).

    Arguments:
        data, regime, classifier, method: What was run.
        kind: The kind of the method: `ours`, `baseline`, `control` or `generator`.
        against: The method it is compared with.
        mean, low, high: The mean of the differences seed by seed, with a 95 % t-interval; NaN ends for one seed.
        p: The p-value of the paired t-test, corrected after Holm over the table: all methods and classifiers of a data set
            and regime.
        seeds: The number of pairs.
        outcome: `helps` or `hurts` if p < 0.05, else `no effect`; `identical` if both methods have the same metrics and
            confusion matrix on every seed; `one seed` if there is a single pair.
        p_uncorrected: The p-value of the t-test before any correction.
        p_signed_rank: The p-value of Wilcoxon's signed-rank test, not corrected.
        wins, ties, losses: The numbers of seeds on which the method was above, level, below.
        metric: The name of the metric, a field of `Result`.
        is_best_baseline: Whether `against` was chosen as the best baseline of the case.
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
    outcome: str
    p_uncorrected: float
    p_signed_rank: float
    wins: int
    ties: int
    losses: int
    metric: str
    is_best_baseline: bool = False


def metric_of(regime: str) -> str:
    """Returns the metric of a regime: accuracy, or balanced accuracy if the classes are imbalanced."""
    return "balanced_accuracy" if Regime.parse(regime).is_imbalanced else "accuracy"


def group_results(results: Iterable[Result]) -> Groups:
    """Returns the results by data set, regime, classifier and method, then by seed, in the order of the results."""
    groups: Groups = {}
    for result in results:
        key = (result.data, result.regime, result.classifier, result.method)
        groups.setdefault(key, {})[result.seed] = result
    return groups


def summaries(results: Iterable[Result], metric: str | None = None) -> list[Summary]:
    """Returns one summary per method, classifier, regime and data set, in the order of the results.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    return [_summary(key, list(group.values()), metric) for key, group in group_results(results).items()]


def _summary(key: GroupKey, results: Sequence[Result], metric: str | None) -> Summary:
    name = metric or metric_of(key[1])

    def mean(field: str) -> float:
        return float(np.mean([getattr(result, field) for result in results]))

    return Summary(
        *key,
        results[0].kind,
        *statistics.interval([100 * getattr(result, name) for result in results]),
        seeds=len(results),
        metric=name,
        macro_f1=100 * mean("macro_f1"),
        mcc=mean("mcc"),
        vae_seconds=mean("vae_seconds"),
        train_seconds=mean("train_seconds"),
    )


def comparisons(results: Iterable[Result], against: str = "none", metric: str | None = None) -> list[Comparison]:
    """Returns the difference of every other method to `against`, paired by seed and corrected over its table.

    Arguments:
        results: Results of any runs.
        against: The method to compare with.
        metric: A field of `Result`; by default the metric of each regime.

    Raises:
        InputError: If there are no results of the method `against`, or if paired results have different training subsets.
    """
    groups = group_results(results)
    methods = {key[3] for key in groups}
    if groups and against not in methods:
        remedy = "run that method as well"
        checks.refuse(f"results of the method {against!r}", f"methods {sorted(methods)}", remedy)
    return _corrected([_compare(groups, key, against, metric) for key in groups])


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
    groups = group_results(results)
    baselines = best_baselines(results, metric)

    def compare(key: GroupKey) -> Comparison | None:
        baseline, choices = baselines.get(key[:3], ("", 0))
        return _compare(groups, key, baseline, metric, choices)

    return _corrected([compare(key) for key in groups])


def best_baselines(results: Iterable[Result], metric: str | None = None) -> dict[CaseKey, tuple[str, int]]:
    """Returns the baseline with the highest mean, and the number of baselines, of each data set, regime and classifier.

    Only baselines that were run on all seeds count.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    cases: dict[CaseKey, list[Summary]] = {}
    for s in summaries(results, metric):
        if s.kind == "baseline":
            cases.setdefault((s.data, s.regime, s.classifier), []).append(s)
    best = {}
    for case, baselines in cases.items():
        most_seeds = max(s.seeds for s in baselines)
        complete = [s for s in baselines if s.seeds == most_seeds]
        best[case] = (max(complete, key=lambda s: s.mean).method, len(complete))
    return best


def comparisons_by_baseline(results: Sequence[Result], metric: str | None = None) -> dict[str, list[Comparison]]:
    """Returns the comparisons with each of `BASELINES` that was run, and with the best baseline of three or more.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    methods = {result.method for result in results}
    by_baseline = {name: comparisons(results, name, metric) for name in BASELINES if name in methods}
    if any(choices > 2 for _, choices in best_baselines(results, metric).values()):
        by_baseline[BEST] = compare_to_best_baseline(results, metric)
    return {name: group for name, group in by_baseline.items() if group}


def _compare(groups: Groups, key: GroupKey, against: str, metric: str | None, choices: int = 0) -> Comparison | None:
    """Returns a comparison before Holm's correction; its outcome is empty unless the two are identical."""
    baseline = groups.get((*key[:3], against), {})
    pairs = [(result, baseline[seed]) for seed, result in groups[key].items() if seed in baseline]
    if key[3] == against or not pairs:
        return None
    if any((result.subset, result.steps) != (other.subset, other.steps) for result, other in pairs):
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
        outcome="identical" if all(_scores(result) == _scores(other) for result, other in pairs) else "",
        p_uncorrected=p_uncorrected,
        p_signed_rank=statistics.signed_rank(differences),
        wins=wins,
        ties=len(pairs) - wins - losses,
        losses=losses,
        metric=name,
        is_best_baseline=choices > 0,
    )


def _scores(result: Result) -> tuple[object, ...]:
    return result.accuracy, result.balanced_accuracy, result.macro_f1, result.mcc, result.confusion


def _corrected(pairs: Sequence[Comparison | None]) -> list[Comparison]:
    """Returns the comparisons with p-values corrected after Holm, table by table, and their outcomes."""
    uncorrected = [pair for pair in pairs if pair is not None]
    tables: dict[tuple[str, str], list[int]] = {}
    for i, c in enumerate(uncorrected):
        tables.setdefault((c.data, c.regime), []).append(i)
    p: dict[int, float] = {}
    for table in tables.values():
        p.update(zip(table, statistics.holm([uncorrected[i].p for i in table]), strict=True))
    return [replace(c, p=p[i], outcome=c.outcome or _outcome(p[i], c.mean)) for i, c in enumerate(uncorrected)]


def _outcome(p: float, mean: float) -> str:
    if math.isnan(p):
        return "one seed"
    if p >= 1 - statistics.LEVEL:
        return "no effect"
    return "helps" if mean > 0 else "hurts"
