"""What vaeaug bench prints and saves of its results: the answer first, a table, and the verdict last."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaeaug.cli.output import Output, command_line, table

if TYPE_CHECKING:
    from vaeaug.bench.analysis.comparisons import Comparison
    from vaeaug.bench.report.verdict import Verdict
    from vaeaug.bench.results import Result
    from vaeaug.cli.bench_plan import Plan

JSON, COMPARISONS = "rows.json", "comparisons.json"


def save(output: Path, results: Sequence[Result], overwrite: bool) -> None:
    """Saves the results and their comparisons as JSON."""
    from vaeaug.bench.report import answers
    from vaeaug.bench.results import REQUIRED
    from vaeaug.runtime import files

    content = [
        {name: None if value != value else value for name, value in asdict(result).items()}  # NaN is no JSON
        for result in results
    ]
    for name, values, keys in (
        (JSON, content, REQUIRED),
        (COMPARISONS, answers.as_json(results), answers.COMPARISON_GROUPS),
    ):
        files.save_json(output / name, values, may_replace=files.is_json_with(*keys), overwrite=overwrite)


def print_results(plan: Plan, results: Sequence[Result], title: str, out: Output, markdown: bool) -> None:
    """Prints the results, the answer before the tables.

    Arguments:
        plan: What was run.
        results: The results.
        title: Its name.
        out: How to print.
        markdown: Whether to print the whole tables in Markdown, or one that fits 80 columns.
    """
    from vaeaug.bench.report import answers, wording

    out.text(f"{title}\n")
    for line in (*answers.primary_lines(results), *answers.equal_time_lines(results)):
        out.sentence(line)
    for text in [wording.table(results)] if markdown else narrow_tables(results):
        out.text(f"\n{text}")
    out.text()
    for line in answers.control_lines(results):
        out.sentence(line)
    if markdown:
        out.text(f"\n{answers.metrics_table(results)}\n")
    for c in exploratory_of_ours(results):
        out.sentence(wording.sentence(c))
    _print_unsupported(plan, out)


def print_verdict(results: Sequence[Result], source: str, output: Path, page: Path | None, out: Output) -> None:
    """Prints where the report is, what to do next and, last, the verdict; or all of the results as JSON."""
    from vaeaug.bench.report.verdict import verdict

    answer = verdict(results)
    out.text(f"\nReport: {page}" if page else "\nFor an HTML report: pip install 'vaeaug[report]'")
    out.next_step(next_step(answer, source, _without_seeds(sys.argv[1:])))
    out.sentence(answer.sentence)
    out.json(lambda: as_json(output, results, page, answer))


def _without_seeds(words: Sequence[str]) -> list[str]:
    """Returns a command without its option --seeds."""
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("--seeds"):
            kept.append(word)
        skip = word == "--seeds"
    return kept


def narrow_tables(results: Sequence[Result]) -> list[str]:
    """Returns a table of 80 columns for each classifier: its methods, and their gain over one baseline.

    That is the baseline of the primary comparison, or else the first of none, classical and classical + MixUp.
    """
    from vaeaug.bench.analysis.comparisons import BASELINES, BEST, comparisons_by_baseline, summaries
    from vaeaug.bench.relations import completed
    from vaeaug.bench.report import wording

    results = completed(results)
    by_baseline = comparisons_by_baseline(results)
    planned = [name for name in by_baseline if name not in (*BASELINES, BEST)]
    tables = []
    for classifier in dict.fromkeys(result.classifier for result in results):
        lines = [s for s in summaries(results) if s.classifier == classifier]
        primary = [
            c.against for group in by_baseline.values() for c in group if c.primary and c.classifier == classifier
        ]
        order = [name for name in (*primary, *planned, *BASELINES) if name in {s.method for s in lines}]
        baseline = order[0] if order else ""
        compared = {c.method: c for c in by_baseline.get(baseline, ()) if c.classifier == classifier}
        header = ["method", f"{wording.METRICS[lines[0].metric]} %", "gain", "outcome", "seconds"]
        cells = [
            [s.method, wording.mean_and_interval(s), *_gain(compared.get(s.method)), f"{s.seconds:.0f}"] for s in lines
        ]
        heading = f"{classifier}; gain: points over {baseline}" if compared else classifier
        tables.append(f"{heading}\n{table([header, *cells])}")
    return tables


def _gain(comparison: Comparison | None) -> tuple[str, str]:
    from vaeaug.bench.report import wording

    if comparison is None:
        return "", ""
    difference = "0" if comparison.identical else wording.mean_and_interval(comparison)
    return difference, wording.outcome_words(comparison)


def exploratory_of_ours(results: Sequence[Result]) -> list[Comparison]:
    """Returns the comparisons of our methods but the primary one, each pair of methods once."""
    from vaeaug.bench.analysis.comparisons import comparisons_by_baseline
    from vaeaug.bench.relations import completed

    pairs: dict[tuple[str, str, str], Comparison] = {}
    for comparisons in comparisons_by_baseline(completed(results)).values():
        for c in comparisons:
            # The best baseline may be one of the others.
            pairs.setdefault((c.classifier, c.method, c.against), c)
    return [c for c in pairs.values() if c.kind == "ours" and not c.primary]


def _print_unsupported(plan: Plan, out: Output) -> None:
    """Prints which methods each classifier was not trained with, and why."""
    from vaeaug.bench.compare import unsupported

    names: dict[tuple[str, str], list[str]] = {}
    classes = len(plan.data.names)
    for classifier, method, reason in unsupported(list(plan.classifiers), plan.methods, plan.images, classes):
        names.setdefault((classifier, reason), []).append(method)
    for (classifier, reason), left_out in names.items():
        out.sentence(f"{classifier}: left out {', '.join(left_out)}: {reason}.")


def next_step(verdict: Verdict, source: str, words: Sequence[Any]) -> str:
    """Returns in one line what to do after a benchmark.

    Arguments:
        verdict: Its verdict.
        source: The data.
        words: The words of its command after `vaeaug`, without --seeds.
    """
    if verdict.use:
        return f"{command_line('fit', source, '-o', 'model')}   (then train with it: docs/torch.md, docs/sklearn.md)"
    if verdict.seeds is not None:
        return f"{command_line(*words, '--seeds', verdict.seeds)}   (finished runs are kept)"
    return f"{command_line('tune', source, '-o', 'model')}   (looks for a setting that helps, or none)"


def as_json(output: Path, results: Sequence[Result], page: Path | None, verdict: Verdict) -> dict[str, Any]:
    """Returns the results as `--json` prints them."""
    from vaeaug.bench.analysis.summaries import summaries
    from vaeaug.bench.report import answers

    return {
        "verdict": {"use": verdict.use, "sentence": verdict.sentence, "seeds": verdict.seeds},
        "comparisons": answers.as_json(results),
        "summaries": [asdict(summary) for summary in summaries(results)],
        "rows": output / "rows.csv",
        "report": page,
    }
