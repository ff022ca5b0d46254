"""Comparisons and equivalent sample sizes -> sentences and Markdown tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from vaeaug.bench.analysis.comparisons import BASELINES, BEST, Comparison, comparisons_by_baseline
from vaeaug.bench.analysis.learning_curves import EquivalentSampleSize
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.analysis.summaries import GroupKey, Summary, best_baselines, summaries
from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.relations import completed
from vaeaug.bench.results import Result
from vaeaug.runtime import markup

METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1", "mcc": "MCC"}
OUTCOMES = {
    Outcome.HELPS: "helps",
    Outcome.HURTS: "hurts",
    Outcome.NO_DIFFERENCE: "no difference",
    Outcome.UNCLEAR: "unclear",
}
OUTCOME_VERBS = {
    Outcome.HELPS: "helps",
    Outcome.HURTS: "hurts",
    Outcome.NO_DIFFERENCE: "makes no difference",
    Outcome.UNCLEAR: "is unclear",
}
HIGHLIGHTED = (  # by default, where they were run
    "classical + synthetic",
    "classical + synthetic (extrapolate)",
    "classical + synthetic (interpolate)",
    "synthetic (extrapolate)",
    "synthetic (interpolate)",
)


def sentence(comparison: Comparison) -> str:
    """Returns a comparison in words."""
    c = comparison
    baseline = f"{c.against}, {BEST}" if c.is_best_baseline else c.against
    if c.identical:
        shared = "the one seed" if c.seeds == 1 else f"all {c.seeds} seeds"
        return (
            f"{c.classifier}: {c.method} is identical to {baseline} on {shared}: same metrics, same confusion matrix."
        )
    points = "points" if c.metric == "accuracy" else f"points of {METRICS[c.metric]}"
    difference = f"{signed(c.mean)} {points} over {baseline}"
    if c.outcome is None:
        return f"{c.classifier}: {c.method}: {difference} on {seeds(c.seeds)}, too few to draw a conclusion."
    details = f"95 % interval {signed(c.low)} to {signed(c.high)}, {c.seeds} seeds, {win_tie_loss(c)}"
    if c.outcome is Outcome.UNCLEAR and c.low * c.high > 0 and not c.primary:
        details += "; not significant after correction for the number of comparisons"
    return f"{c.classifier}: {c.method} {OUTCOME_VERBS[c.outcome]}: {difference} ({details})."


def seeds(count: int) -> str:
    """Returns a number of seeds in words."""
    return "one seed" if count == 1 else f"{count} seeds"


def outcome_words(comparison: Comparison) -> str:
    """Returns the outcome in words; empty where there are too few seeds."""
    if comparison.identical:
        return "identical"
    return OUTCOMES[comparison.outcome] if comparison.outcome else ""


def signed(points: float) -> str:
    """Returns points with one decimal and a sign; what rounds to zero has a plus."""
    return f"{round(points, 1) + 0.0:+.1f}"


def win_tie_loss(comparison: Comparison) -> str:
    """Returns wins, ties and losses in words."""
    ties = f"{comparison.ties} tied, " if comparison.ties else ""
    return f"{comparison.wins} won, {ties}{comparison.losses} lost"


def count_outcomes(comparisons: Iterable[Comparison]) -> list[tuple[Outcome, str]]:
    """Returns, per method and baseline, the outcome that prevails and a line with the number of cases of each outcome.

    The prevailing outcome is `helps` or `hurts`, whichever is more frequent, or `unclear` if both are equally frequent.
    """
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for c in comparisons:
        groups.setdefault((c.method, BEST if c.is_best_baseline else c.against), []).append(c)
    lines = []
    for (method, baseline), group in groups.items():
        counts = Counter(outcome_words(c) or "too few seeds" for c in group)
        order = [*OUTCOMES.values(), "identical", "too few seeds"]
        outcomes = ", ".join(f"{words} in {counts[words]}" for words in order if counts[words])
        lowest, highest = (signed(extreme(c.mean for c in group)) for extreme in (min, max))
        points = f"{lowest if lowest == highest else f'{lowest} to {highest}'} points"
        balance = counts[OUTCOMES[Outcome.HELPS]] - counts[OUTCOMES[Outcome.HURTS]]
        prevailing = Outcome.HELPS if balance > 0 else Outcome.HURTS if balance < 0 else Outcome.UNCLEAR
        cases = f"{len(group)} case{'' if len(group) == 1 else 's'}"
        lines.append((prevailing, f"{method} against {baseline}, {cases}: {outcomes} ({points})."))
    return lines


def describe_equivalent(equivalent: EquivalentSampleSize) -> str:
    """Returns in words how many real samples per class give *none* the same accuracy."""
    e = equivalent
    below, above = f"fewer than {e.smallest}", f"more than {e.largest}"

    def size(value: float) -> str:
        return above if value == math.inf else below if value == -math.inf else f"{value:.0f}"

    estimate = size(e.equivalent)
    if math.isinf(e.equivalent):
        estimate += ", the largest size measured" if e.equivalent > 0 else ", the smallest size measured"
    if math.isnan(e.low):
        return f"{estimate} (too few seeds for an interval)"
    if e.low == e.high and math.isinf(e.low):
        return estimate
    return f"{estimate} ({size(e.low)} to {size(e.high)})"


def table(results: Sequence[Result], metric: str | None = None, methods: Sequence[str] = ()) -> str:
    """Returns results as a Markdown table, one line per method and classifier.

    Columns for the data set and the regime appear if there are several.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
        methods: The methods that get a line, by default all. The correction for multiple comparisons counts all of them in
            any case.
    """
    results = completed(results)
    lines = [s for s in summaries(results, metric) if not methods or s.method in methods]
    compared = {
        baseline: {_key(c): c for c in group} for baseline, group in comparisons_by_baseline(results, metric).items()
    }
    # The baseline of the primary comparison comes first.
    planned = [name for name in compared if name not in (*BASELINES, BEST)]
    baselines = list(dict.fromkeys([*planned, *BASELINES[:2], *compared]))
    varying = [name for name in ("data", "regime") if len({getattr(s, name) for s in lines}) > 1]
    metrics = {s.metric for s in lines}
    title = METRICS[metrics.pop()] if len(metrics) == 1 else "accuracy (balanced if imbalanced)"
    against = [markup.cell(baseline.removeprefix("the ")) for baseline in baselines]
    versus = [name for baseline in against for name in (f"vs. {baseline}", "outcome")]
    titles = ["per class" if name == "regime" else name for name in varying]
    header = [*titles, "classifier", "method", f"{title} %", *versus, "seconds"]
    fields = []
    for s in lines:
        differences = [field for baseline in baselines for field in _fields(compared.get(baseline, {}).get(_key(s)))]
        case = [markup.cell(name) for name in (*(getattr(s, name) for name in varying), s.classifier, s.method)]
        fields.append([*case, mean_and_interval(s), *differences, f"{s.seconds:.0f}"])
    return markdown_table([header, *fields])


def describe_best_baselines(results: Sequence[Result], metric: str | None = None) -> str:
    """Returns a line that names the best baseline of each classifier; empty where there are fewer than three baselines.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.
    """
    best = best_baselines(results, metric)
    names = [f"{method} for {case[-1]}" for case, (method, choices) in best.items() if choices > 2]
    return f"The best baseline by its mean: {'; '.join(names)}." if names else ""


def mean_and_interval(value: Summary | Comparison) -> str:
    """Returns a mean and the half-width of its interval; a difference has a sign."""
    half = "" if math.isnan(value.low) else f" ± {(value.high - value.low) / 2:.1f}"
    return f"{signed(value.mean) if isinstance(value, Comparison) else format(value.mean, '.1f')}{half}"


def highlighted_methods(results: Iterable[Result], names: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the methods that the text is about: those of `names` or else `HIGHLIGHTED`, or all of the library's own.

    Arguments:
        results: Results of any runs.
        names: The methods to highlight, the main one before the others; those that were not run are left out.
    """
    kinds = {result.method: result.kind for result in results}
    highlighted = [method for method in names or HIGHLIGHTED if method in kinds]
    return tuple(highlighted or [method for method, kind in kinds.items() if kind == "ours"])


def _key(value: Summary | Comparison) -> GroupKey:
    return value.data, value.regime, value.classifier, value.method


def _fields(comparison: Comparison | None) -> tuple[str, str]:
    if comparison is None:
        return "", ""
    difference = "0" if comparison.identical else mean_and_interval(comparison)
    return difference, outcome_words(comparison)
