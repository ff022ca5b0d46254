"""Results -> groups by method, and the mean of each method. Pure functions of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vaeaug.bench.analysis import statistics
from vaeaug.bench.regimes import Regime
from vaeaug.bench.results import Result

CaseKey = tuple[str, str, str]  # data, regime, classifier
GroupKey = tuple[str, str, str, str]  # data, regime, classifier, method
Groups = dict[GroupKey, dict[int, Result]]


@dataclass(frozen=True)
class Summary:
    """The mean of one method over the seeds, in points (percent), with a 95 % t-interval, and its cost.

    Arguments:
        data, regime, classifier, method: What was run.
        kind: The kind of the method, one of `vaeaug.bench.results.KINDS`.
        mean, low, high: The mean of the metric and the ends of its interval; NaN ends for fewer than five seeds.
        seeds: The number of seeds.
        metric: The name of the metric, a field of `Result`.
        macro_f1: The mean macro-F1, in points.
        mcc: The mean Matthews correlation coefficient, in -1..1.
        balanced_accuracy, auc: The mean balanced accuracy and area under the ROC curve, in points.
        log_loss: The mean log-loss, in nats.
        calibration_error: The mean expected calibration error, in points. These three are NaN where a result lacks them.
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
    balanced_accuracy: float
    auc: float
    log_loss: float
    calibration_error: float
    vae_seconds: float
    train_seconds: float

    @property
    def seconds(self) -> float:
        """Mean seconds per seed, VAE and classifier together."""
        return self.vae_seconds + self.train_seconds


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
        balanced_accuracy=100 * mean("balanced_accuracy"),
        auc=100 * mean("auc"),
        log_loss=mean("log_loss"),
        calibration_error=100 * mean("calibration_error"),
        vae_seconds=mean("vae_seconds"),
        train_seconds=mean("train_seconds"),
    )


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
