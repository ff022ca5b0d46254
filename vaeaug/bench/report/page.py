"""The report: results and images -> one self-contained HTML page. Needs the extra `report`."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeaug import pages
from vaeaug.bench.analysis import learning_curves
from vaeaug.bench.analysis.comparisons import BASELINES, BEST, Comparison, comparisons_by_baseline
from vaeaug.bench.analysis.learning_curves import EquivalentSampleSize
from vaeaug.bench.analysis.primary import recipes
from vaeaug.bench.analysis.summaries import CaseKey, Summary, best_baselines, summaries
from vaeaug.bench.regimes import Regime
from vaeaug.bench.relations import completed
from vaeaug.bench.report import answers, figures, wording
from vaeaug.bench.report.class_by_class import Heatmap, class_by_class
from vaeaug.bench.report.gallery import Grid
from vaeaug.bench.report.rows import Rows
from vaeaug.bench.results import Result, as_csv
from vaeaug.pages.drawing import Figure


@dataclass(frozen=True)
class Case:
    """One data set, regime and classifier on the page.

    Arguments:
        data, regime, classifier: What was run.
        summaries: One per method.
        comparisons: By baseline, then by method.
        best: The name of the best baseline, or an empty string.
        figures: The figures of the case.
        heatmaps: The differences class by class.
        lines: What the VAE adds over the best control.
    """

    data: str
    regime: str
    classifier: str
    summaries: tuple[Summary, ...]
    comparisons: dict[str, dict[str, Comparison]]
    best: str
    figures: tuple[Figure, ...]
    heatmaps: tuple[Heatmap, ...]
    lines: tuple[str, ...]

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self.data}, {describe_regime(self.regime)}, {self.classifier}"


def write(
    path: str | Path,
    results: Sequence[Result],
    grids: Sequence[Grid] = (),
    settings: Mapping[str, Any] | None = None,
    *,
    rows: Rows | None = None,
    highlight: Sequence[str] = (),
    class_names: Mapping[str, Sequence[str]] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the page; an earlier one is replaced, when the new one is complete.

    Arguments:
        path: The `.html` file.
        results: Results of any data sets, regimes, classifiers and methods; several sizes of one data set give learning
            curves.
        grids: Image grids of synthetic samples; see `vaeaug.bench.report.gallery`.
        settings: The settings that all methods share, by name, to be listed on the page.
        rows: Rows of a table with synthetic ones; see `vaeaug.bench.report.rows`.
        highlight: The methods that the text is about; see `vaeaug.bench.report.wording.highlighted_methods`.
        class_names: The class names of each data set; classes without names are numbered.
        overwrite: Whether a file of any kind may be replaced.

    Raises:
        InputError: If something else is at `path`, or it cannot be written.
    """
    filters = {"mean": _mean, "interval": _interval, "describe_regime": describe_regime}
    environment = pages.environment("vaeaug.bench.report", **filters)
    content = _content(results, highlight, class_names or {})
    page = environment.get_template("page.html.j2").render(
        **content,
        describe_equivalent=wording.describe_equivalent,
        win_tie_loss=wording.win_tie_loss,
        outcome_words=wording.outcome_words,
        metric_columns=answers.METRIC_COLUMNS,
        metric_text=answers.metric_text,
        metrics=wording.METRICS,
        grids=[figures.grid(images) for images in grids],
        rows=rows,
        settings=settings,
        csv=base64.b64encode(as_csv(results).encode()).decode(),
        is_finite=math.isfinite,
    )
    pages.write(path, page, overwrite=overwrite)


def describe_regime(regime: str) -> str:
    """Returns the regime of a result in words: `20 per class`, or `300 to 4 per class`."""
    return Regime.parse(regime).describe()


def _content(
    results: Sequence[Result], highlight: Sequence[str], class_names: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Returns the parts of the page that are computed from results."""
    results = completed(results)
    by_baseline = comparisons_by_baseline(results)
    # The recipe that the answer is about comes before the other highlighted methods.
    named = wording.highlighted_methods(results, highlight)
    methods = tuple(dict.fromkeys((*recipes(results).values(), *named))) if not highlight else named
    several = len({(result.data, result.regime) for result in results}) > 1
    cases = _cases(results, by_baseline, methods, class_names)
    return {
        "subjects": list(dict.fromkeys(f"{result.data}, {describe_regime(result.regime)}" for result in results)),
        "seeds": sorted({s.seeds for case in cases for s in case.summaries}),
        "steps": [f"{steps:,}" for steps in sorted({result.steps for result in results} - {0})],
        "heading": answers.heading(results),
        "primary": answers.primary_lines(results, with_data=several),
        "further": [
            *answers.equal_time_lines(results, with_data=several),
            *answers.control_lines(results, with_data=several, primary=True),
        ],
        "metrics_shown": [name for name in answers.METRIC_COLUMNS if any(_has(s, name) for s in summaries(results))],
        "baselines": list(by_baseline),
        "methods": methods,
        "cases": cases,
        "overview": _overview(cases, by_baseline, methods),
        "curves": _learning_curves(results, methods),
        "equivalents": _equivalents(results, methods),
    }


def _has(s: Summary, name: str) -> bool:
    return not math.isnan(getattr(s, name))


def _mean(value: Summary | Comparison) -> str:
    """Returns a mean; a difference has a sign."""
    return wording.signed(value.mean) if isinstance(value, Comparison) else f"{value.mean:.1f}"


def _interval(value: Summary | Comparison) -> str:
    """Returns an interval, or an empty string for too few seeds."""
    if math.isnan(value.low):
        return ""
    words = wording.signed if isinstance(value, Comparison) else "{:.1f}".format
    return f"{words(value.low)} to {words(value.high)}"


def _cases(
    results: Sequence[Result],
    by_baseline: Mapping[str, Sequence[Comparison]],
    methods: Sequence[str],
    class_names: Mapping[str, Sequence[str]],
) -> list[Case]:
    groups: dict[CaseKey, list[Result]] = {}
    for result in results:
        groups.setdefault((result.data, result.regime, result.classifier), []).append(result)
    best = best_baselines(results) if BEST in by_baseline else {}
    cases = []
    for key, group in groups.items():
        of_case = {
            baseline: {c.method: c for c in compared if (c.data, c.regime, c.classifier) == key}
            for baseline, compared in by_baseline.items()
        }
        best_baseline = best.get(key, ("", 0))[0]
        means = tuple(summaries(group))
        drawings = tuple(_figures(group, means, of_case, best_baseline))
        baselines = [name for name in BASELINES[:2] if name in of_case]
        heatmaps = tuple(class_by_class(group, baselines, best_baseline, methods, class_names.get(key[0], ())))
        lines = tuple(answers.control_lines(group))
        cases.append(Case(*key, means, of_case, best_baseline, drawings, heatmaps, lines))
    return cases


def _figures(
    results: Sequence[Result],
    means: Sequence[Summary],
    by_baseline: Mapping[str, dict[str, Comparison]],
    best: str,
) -> Iterable[Figure]:
    yield figures.accuracies(results, means)
    for baseline, by_method in by_baseline.items():
        if by_method:
            title = f"{best}, {BEST}" if baseline == BEST else baseline
            yield figures.forest(list(by_method.values()), list(by_method), title)
    reference = next((baseline for baseline in ("classical", "none") if by_baseline.get(baseline)), "")
    if reference:
        yield figures.cost(means, by_baseline[reference], reference)


def _overview(
    cases: Sequence[Case], by_baseline: Mapping[str, Sequence[Comparison]], methods: Sequence[str]
) -> list[Figure]:
    """Draws the highlighted methods over all cases, a figure per baseline."""
    if len(cases) < 2:
        return []
    has_several_sets = len({case.data for case in cases}) > 1
    drawings = []
    for baseline, group in by_baseline.items():
        highlighted = [c for c in group if c.method in methods]
        labels = [_short_label(c, has_several_sets) for c in highlighted]
        if highlighted:
            drawings.append(figures.forest(highlighted, labels, baseline))
    return drawings


def _short_label(c: Comparison, with_data: bool) -> str:
    size = describe_regime(c.regime).replace(" per class", "")
    return f"{c.data + ' ' if with_data else ''}{size}, {c.classifier}: {c.method}"


def _learning_curves(results: Sequence[Result], methods: Sequence[str]) -> list[Figure]:
    groups: dict[tuple[str, str], list[learning_curves.Curve]] = {}
    for curve in learning_curves.learning_curves(results):
        if curve.method in (*BASELINES, *methods):
            groups.setdefault((curve.data, curve.classifier), []).append(curve)
    return [figures.learning(group) for group in groups.values()]


def _equivalents(results: Sequence[Result], methods: Sequence[str]) -> list[EquivalentSampleSize]:
    order = {method: i for i, method in enumerate((*BASELINES, *methods))}
    equivalents = learning_curves.equivalent_sample_sizes([r for r in results if r.method in order])
    return sorted(equivalents, key=lambda e: (e.data, e.classifier, order[e.method], e.n))
