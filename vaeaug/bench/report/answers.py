"""Results -> the lines that answer the question of a table: the primary comparison, and what the VAE adds over its
controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vaeaug.bench.analysis.comparisons import (
    Comparison,
    compare_to_best_baseline,
    comparisons_by_baseline,
    equal_time_comparisons,
    primary_comparisons,
)
from vaeaug.bench.analysis.controls import Attribution, attributions
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.analysis.statistics import MIN_SEEDS
from vaeaug.bench.analysis.summaries import Summary, summaries
from vaeaug.bench.regimes import Regime
from vaeaug.bench.relations import completed, missing_controls
from vaeaug.bench.report import wording
from vaeaug.bench.results import Result

COMPARISON_GROUPS = ("primary", "equal_time", "over_best_control", "exploratory")  # of `as_json`


def heading(results: Sequence[Result], metric: str | None = None) -> str:
    """Returns the answer in one line: the difference of the primary comparison, its interval and its outcome.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    primary = primary_comparisons(completed(results), metric)
    if not primary:
        return "No primary comparison"
    if len(primary) == 1:
        c = primary[0]
        outcome = wording.OUTCOMES[c.outcome].capitalize() if c.outcome else f"Too few seeds ({c.seeds})"
        return f"{outcome}: {difference(c)} on {setting(c)}"
    counts = {outcome: sum(c.outcome is outcome for c in primary) for outcome in (*Outcome, None)}
    words = [f"{wording.OUTCOMES.get(o, 'too few seeds')} in {n}" for o, n in counts.items() if n]
    lowest, highest = (extreme(c.mean for c in primary) for extreme in (min, max))
    words[0] = f"{words[0]} of {len(primary)} settings"
    return f"{', '.join(words).capitalize()} ({wording.signed(lowest)} to {wording.signed(highest)} points)"


def setting(c: Comparison | Attribution) -> str:
    """Returns the data, the regime and the classifier in words."""
    return f"{c.data}, {Regime.parse(c.regime).describe()}, {c.classifier}"


def difference(c: Comparison) -> str:
    """Returns a difference in points with its interval, if it has one."""
    points = "points" if c.metric == "accuracy" else f"points of {wording.METRICS[c.metric]}"
    return f"{wording.signed(c.mean)} {points}{_interval(c)}"


def primary_lines(results: Sequence[Result], metric: str | None = None, with_data: bool = False) -> list[str]:
    """Returns a line for the primary comparison of each data set and regime, or one that says why there is none.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
        with_data: Whether to name the data set and the regime.
    """
    results = completed(results)
    stronger = {
        (c.data, c.regime, c.classifier, c.method): c
        for c in compare_to_best_baseline(results, metric)
        if not c.primary
    }
    lines = []
    for c in primary_comparisons(results, metric):
        text = f"Primary comparison, {_place(c, with_data)}: {describe_primary(c)}"
        best = stronger.get((c.data, c.regime, c.classifier, c.method))
        if best is not None and best.against != c.against:
            text += f" The best baseline by its mean is another, {best.against}: {difference(best)}{_outcome(best)}."
        lines.append(text)
    missing = (
        "Primary comparison: none. It needs a baseline, and the recipe for this kind of data or a single method of ours "
        "(see docs/benchmark.md)."
    )
    return lines or [missing]


def describe_primary(c: Comparison) -> str:
    """Returns the primary comparison in words: the methods, the difference and the outcome."""
    text = f"{c.method} against {c.against}: {difference(c)}{_outcome(c)}."
    if c.is_best_baseline:
        text += " No planned baseline was run, so this is the one with the highest mean, which favours the baseline."
    return text


def equal_time_lines(results: Sequence[Result], metric: str | None = None, with_data: bool = False) -> list[str]:
    """Returns a line for each baseline that was trained for as many seconds as ours; none if none was run.

    Arguments:
        results, metric, with_data: As in `primary_lines`.
    """
    results = completed(results)
    seconds = {(s.data, s.regime, s.classifier, s.method): s.seconds for s in summaries(results, metric)}
    lines = []
    for c in equal_time_comparisons(results, metric):
        own, other = (seconds[c.data, c.regime, c.classifier, method] for method in (c.method, c.against))
        times = f"{own:.0f} s against {other:.0f} s"
        lines.append(
            f"At equal time, {_place(c, with_data)}: {c.method} against {c.against}: {difference(c)}{_outcome(c)} ({times})."
        )
    return lines


def control_lines(
    results: Sequence[Result], metric: str | None = None, with_data: bool = False, primary: bool = False
) -> list[str]:
    """Returns what the VAE adds over the best control: a line for each recipe, then for each other method with controls.

    Arguments:
        results, metric, with_data: As in `primary_lines`.
        primary: Whether only the methods of the primary comparisons get a line.
    """
    results = completed(results)
    primary_keys = {(c.data, c.regime, c.classifier, c.method) for c in primary_comparisons(results, metric)}
    shown = [a for a in attributions(results, metric) if not primary or a.key in primary_keys]
    return [_control_line(results, a, with_data) for a in shown]


def _control_line(results: Sequence[Result], a: Attribution, with_data: bool) -> str:
    result = next(r for r in results if (r.data, r.regime, r.classifier, r.method) == a.key)
    missing = [f'--method "{name}"' for name in missing_controls(results, result)[:2]]
    remedy = "add a method of the same stages with `IdentityInsteadOfVAE` (vaeaug.bench.stages.controls)"
    remedy = f"add {' '.join(missing)}" if missing else remedy
    what = "What the VAE adds over the best control"
    if a.comparison is None:
        return f"{what}: unknown, because no control ran for {a.method}, {_place(a, with_data)}; {remedy}."
    c = a.comparison
    text = f"{what}: {wording.signed(c.mean)}{_interval(c)}{_outcome(c)}. "
    text += f"({_place(c, with_data)}: {c.method} against {c.against}"
    text += f", the best of {len(a.controls)})" if len(a.controls) > 1 else ")"
    if not a.has_other_space:
        text += f" No control in another space ran, so a gain may be the scheme's: {remedy}."
    return text


def metrics_table(results: Sequence[Result], methods: Sequence[str] = ()) -> str:
    """Returns the other metrics and the cost as a Markdown table, one line per method and classifier.

    A metric that no result has, as in results of older versions, has no column.

    Arguments:
        results: Results of any runs.
        methods: The methods that get a line, by default all.
    """
    lines = [s for s in summaries(results) if not methods or s.method in methods]
    columns = [name for name in METRIC_COLUMNS if any(not math.isnan(getattr(s, name)) for s in lines)]
    varying = [name for name in ("data", "regime") if len({getattr(s, name) for s in lines}) > 1]
    header = ["per class" if name == "regime" else name for name in varying]
    header += ["classifier", "method", *(METRIC_COLUMNS[name][0] for name in columns), "VAE s", "classifier s"]
    return wording.markdown_table([header, *(_metrics_line(s, varying, columns) for s in lines)])


METRIC_COLUMNS = {
    "balanced_accuracy": ("balanced accuracy %", ".1f"),
    "macro_f1": ("macro-F1 %", ".1f"),
    "mcc": ("MCC", ".2f"),
    "auc": ("AUC %", ".1f"),
    "log_loss": ("log-loss", ".2f"),
    "calibration_error": ("calibration error %", ".1f"),
}


def metric_text(s: Summary, name: str) -> str:
    """Returns a metric as text; empty where the results lack it."""
    value = getattr(s, name)
    return "" if math.isnan(value) else format(value, METRIC_COLUMNS[name][1])


def _metrics_line(s: Summary, varying: Sequence[str], columns: Sequence[str]) -> list[str]:
    case = [*(getattr(s, name) for name in varying), s.classifier, s.method]
    seconds = [f"{s.vae_seconds:.0f}" if s.vae_seconds else "", f"{s.train_seconds:.1f}"]
    return [*case, *(metric_text(s, name) for name in columns), *seconds]


def as_json(results: Sequence[Result], metric: str | None = None) -> dict[str, Any]:
    """Returns all comparisons as JSON can hold them, the primary one first; None where there is no number or no outcome.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    results = completed(results)
    exploratory = [c for group in comparisons_by_baseline(results, metric).values() for c in group if not c.primary]
    controls = [
        _plain(asdict(a) | {"comparison": a.comparison and _plain(asdict(a.comparison))})
        for a in attributions(results, metric)
    ]
    primary, equal_time, others = (
        [_plain(asdict(c)) for c in group]
        for group in (primary_comparisons(results, metric), equal_time_comparisons(results, metric), exploratory)
    )
    return dict(zip(COMPARISON_GROUPS, (primary, equal_time, controls, others), strict=True))


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Outcome):
            return value.value
        return None if isinstance(value, float) and math.isnan(value) else value

    return {name: plain(value) for name, value in content.items()}


def _interval(c: Comparison) -> str:
    return "" if math.isnan(c.low) else f" ({wording.signed(c.low)} to {wording.signed(c.high)})"


def _outcome(c: Comparison) -> str:
    if c.outcome is not None:
        return f", {wording.OUTCOMES[c.outcome]}"
    return f" on {wording.seeds(c.seeds)}, too few for an interval or an outcome, which need {MIN_SEEDS}"


def _place(c: Comparison | Attribution, with_data: bool) -> str:
    return setting(c) if with_data else c.classifier
