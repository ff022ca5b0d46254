"""The text between the marks of docs/results.md, from committed results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vaeaug.bench.analysis.comparisons import BASELINES, BEST, Comparison, comparisons_by_baseline
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.methods import (
    ANY_CLASS,
    DEFAULT_METHOD,
    DEFAULT_MIXED,
    HARDEST_MIXED,
    RAND_AUGMENT_COMPONENTS,
    REPLACING_MIXED,
)
from vaeaug.bench.regimes import Regime
from vaeaug.bench.relations import completed
from vaeaug.bench.report import answers, wording
from vaeaug.bench.results import Result, read
from vaeaug.bench.settings import Settings

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- tables: benchmarks/tables.py writes what follows -->", "<!-- tables end -->"

# The names of methods and tables. All others follow from them.
CLASSICAL, MIXUP = BASELINES[1:]
WITH_POOL = ", unlabelled pool"
OVERSAMPLING = "synthetic oversampling"  # what VAEOverSampler does
REPLACING = "synthetic (extrapolate)"
REPEATED = "classical (repeated)"
SEARCHED = "tuned"
IMAGES_TUNED = ("none", REPLACING, SEARCHED)
TABULAR_TUNED = ("none", "synthetic (interpolate)", SEARCHED)
MAIN_TABLE = "fashion-mnist-20"
RECOMMENDED = (  # by README.md and docs/unlabelled.md
    DEFAULT_METHOD,
    DEFAULT_MIXED,
    HARDEST_MIXED,
    f"{DEFAULT_MIXED} + class weights",
    f"{DEFAULT_METHOD} + random oversampling",
    f"{DEFAULT_MIXED}{WITH_POOL}",
    f"{REPLACING_MIXED}{WITH_POOL}",
    RAND_AUGMENT_COMPONENTS,
    "RandAugment + synthetic + MixUp",
    "RandAugment + synthetic",
)
OURS = (
    f"classical + {REPLACING}",
    OVERSAMPLING,
    f"classical + {OVERSAMPLING}",
    *RECOMMENDED,
    REPLACING_MIXED,
    f"{REPLACING_MIXED} + class weights",
    f"{REPLACING_MIXED} + random oversampling",
    ANY_CLASS,
    f"{ANY_CLASS}{WITH_POOL}",
)
MAIN_METHODS = ("none", CLASSICAL, MIXUP, REPEATED, REPLACING, *RECOMMENDED)
# Endings of the names of tables that share runs with others.
OVERLAPPING = ("-judged", "-longer", "-unlabelled", "-tuned", "-peers")


def results_of(table: str) -> list[Result]:
    """Returns the committed results of a table, ordered by classifier; none if it was not run.

    A run that was repeated counts once, with its last result. Results of older versions are completed.
    """
    path = RESULTS / table / "rows.csv"
    results = completed(read(path)) if path.exists() else []
    runs = {(result.data, result.regime, result.classifier, result.method, result.seed): result for result in results}
    classifiers = list(dict.fromkeys(result.classifier for result in results))
    return sorted(runs.values(), key=lambda result: classifiers.index(result.classifier))


def main_methods() -> list[str]:
    """Returns the table of the main methods on one data set, and their comparisons as sentences."""
    results = results_of(MAIN_TABLE)
    if not results:
        return []
    compared = comparisons_by_baseline(results)
    sentences = [
        f"- {wording.sentence(comparison)}"
        for baseline in (CLASSICAL, MIXUP)
        for comparison in compared.get(baseline, ())
        if comparison.method in RECOMMENDED
    ]
    return [wording.table(results, methods=MAIN_METHODS), *(["\n".join(sentences)] if sentences else [])]


def recommended_methods() -> str:
    """Returns a table of the recommended methods, of every table that has them; empty if none has.

    A method of a table NAME that NAME-judged has too, on more seeds, is listed for NAME-judged only.
    """
    columns = (CLASSICAL, MIXUP, BEST)
    titles = [title for name in columns for title in (f"vs. {name.removeprefix('the ')}", "outcome")]
    lines = [["data", "classifier", "steps", "method", "seeds", *titles]]
    pairs = [(method, "cnn") for method in (*RECOMMENDED, f"classical + {OVERSAMPLING}")] + [(OVERSAMPLING, "forest")]
    for table, results in _sorted_tables():
        judged = {result.method for result in results_of(f"{table}-judged")}
        compared = comparisons_by_baseline(results)
        for method, classifier in pairs:
            if method in judged or table.endswith("-unlabelled") != method.endswith(WITH_POOL):
                continue
            by_baseline = {
                baseline: comparison
                for baseline, group in compared.items()
                for comparison in group
                if (comparison.method, comparison.classifier) == (method, classifier)
            }
            if by_baseline:
                first = next(iter(by_baseline.values()))
                data = f"[{first.data}, {Regime.parse(first.regime).describe()}](#{table})"
                steps = max(result.steps for result in results if result.classifier == classifier)
                fields = [field for name in columns for field in _fields(by_baseline.get(name))]
                lines.append([data, classifier, f"{steps:,}" if steps else "", method, str(first.seeds), *fields])
    return markdown_table(lines) if len(lines) > 1 else ""


def _sorted_tables() -> list[tuple[str, list[Result]]]:
    """Returns the tables that have results, by data set and number of training samples."""
    tables = {path.parent.name: results_of(path.parent.name) for path in RESULTS.glob("*/rows.csv")}
    complete = [(table, results) for table, results in tables.items() if results]
    return sorted(complete, key=lambda item: (item[1][0].data, item[1][0].samples, item[0]))


def _fields(comparison: Comparison | None) -> tuple[str, str]:
    if comparison is None:
        return "", ""
    interval = f" [{wording.signed(comparison.low)}, {wording.signed(comparison.high)}]" if comparison.outcome else ""
    return f"{wording.signed(comparison.mean)}{interval}", wording.outcome_words(comparison)


def all_outcomes() -> list[str]:
    """Returns lines that count the outcomes of our methods over all tables, and a line for each loss."""
    tables = [path.parent.name for path in sorted(RESULTS.glob("*/rows.csv"))]
    results = [result for table in tables if not table.endswith(OVERLAPPING) for result in results_of(table)]
    comparisons = [c for group in comparisons_by_baseline(results).values() for c in group if c.method in OURS]
    return [*(f"- {line}" for _, line in wording.count_outcomes(comparisons)), *losses(comparisons, with_data=True)]


def losses(comparisons: Sequence[Comparison], with_data: bool = False) -> list[str]:
    """Returns a line for each comparison that one of our methods loses."""
    return [
        "- Loses: " + (f"{c.data}, {Regime.parse(c.regime).describe()}, " if with_data else "") + wording.sentence(c)
        for c in comparisons
        if c.method in OURS and c.outcome is Outcome.HURTS
    ]


def document(tables: Mapping[str, Sequence[Result]]) -> str:
    """Returns the text between the marks, with a section for each table.

    Arguments:
        tables: The results of each table, in the order in which to list them.
    """
    parts = overview_parts()
    missing = []
    for table, results in tables.items():
        if results:
            parts += table_parts(table, results)
        else:
            missing.append(table)
    parts += search_parts(tables)
    parts += [
        "## Outcomes over all tables",
        "Tables that share runs with others are left out.",
        "\n".join(all_outcomes()),
    ]
    if missing:
        parts.append(f"Not run with this version, or not committed: {', '.join(missing)}.")
    return "\n\n".join([BEGIN, *parts, END])


def overview_parts() -> list[str]:
    """Returns the tables that come first: the main methods, and the recommended ones on all data sets."""
    main, recommended = main_methods(), recommended_methods()
    parts = ["## Main methods", f"From [{MAIN_TABLE}](#{MAIN_TABLE}), which has more methods.", *main]
    return [
        *(parts if main else []),
        *(["## Recommended methods on all data sets", recommended] if recommended else []),
    ]


def table_parts(table: str, results: Sequence[Result]) -> list[str]:
    """Returns the section of one table."""
    seeds = sorted({result.seed for result in results})
    steps = max(result.steps for result in results)
    longer = f", {steps:,} steps" if steps not in (0, Settings().steps) else ""
    regime = Regime.parse(results[0].regime).describe()
    best = wording.describe_best_baselines(results)
    below = [f"- {line}" for line in (*answers.equal_time_lines(results), *answers.control_lines(results))]
    has_metrics = Regime.parse(results[0].regime).is_imbalanced or any(r.log_loss == r.log_loss for r in results)
    lost = losses([c for group in comparisons_by_baseline(results).values() for c in group])
    return [
        f"## {table}",
        f"{results[0].data}, {regime}{longer}, {len(seeds)} seeds ({seeds[0]} to {seeds[-1]}): "
        f"[results](../benchmarks/results/{table}/rows.csv).",
        "\n".join(answers.primary_lines(results)),
        *([best] if best else []),
        wording.table(results),
        "\n".join(below),
        *([answers.metrics_table(results)] if has_metrics else []),
        *(["\n".join(lost)] if lost else []),
    ]


def search_parts(tables: Mapping[str, Sequence[Result]]) -> list[str]:
    """Returns whether automatic tuning avoids losses, over the tables that end in -tuned."""
    compared = [
        c
        for table, results in tables.items()
        if table.endswith("-tuned") and results
        for c in comparisons_by_baseline(results).get("none", ())
    ]
    tuned = [c for c in compared if c.method == SEARCHED]
    untuned = [c for c in compared if c.method in (IMAGES_TUNED[1], TABULAR_TUNED[1])]
    if not tuned or not untuned:
        return []
    without_search = " or ".join(dict.fromkeys(c.method for c in untuned))
    mean_gains = [sum(c.mean for c in group) / len(group) for group in (untuned, tuned)]
    worse = [f"{c.data} {c.regime}, {c.classifier}" for c in tuned if c.high < 0]
    return [
        "## Automatic tuning over all its tables",
        f"Mean gain over *none* in {len(tuned)} cases, in points: {without_search} {mean_gains[0]:+.2f}; "
        f"{SEARCHED} {mean_gains[1]:+.2f}. "
        f"Cases where *{SEARCHED}* is worse than *none*, with an interval below zero: {', '.join(worse) or 'none'}.",
    ]


def updated(text: str, tables: Mapping[str, Sequence[Result]]) -> str:
    """Returns the text of docs/results.md with a new block."""
    before, rest = text.split(BEGIN)
    return before + document(tables) + rest.split(END)[1]
