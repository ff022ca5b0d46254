"""Writes the table of docs/will-it-help.md from committed results: our recipe in every setting that was judged.

python benchmarks/help_page.py
"""

import readme
import results_page

from vaeaug.bench.analysis.comparisons import Comparison, compare_to_best_baseline, primary_comparisons
from vaeaug.bench.analysis.primary import recipes
from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.regimes import Regime
from vaeaug.bench.report import wording
from vaeaug.bench.report.wording import signed

PAGE = results_page.ROOT / "docs" / "will-it-help.md"
BEGIN, END = "<!-- results: benchmarks/help_page.py writes what follows -->", "<!-- results end -->"
TABULAR = ("wine", "breast-cancer")
CLASSIFIERS = {
    "cnn": "small CNN from scratch",
    "forest": "random forest",
    "logistic": "logistic regression",
    "mlp": "MLP",
}
SEEDS = 5  # with fewer there is no interval
Case = tuple[str, str, str]


def judged_cases() -> dict[Case, tuple[str, Comparison]]:
    """Returns the comparison of our recipe in each setting, with the table that it stands in.

    Of the tables of one setting the one that ends in -strong counts, then that in -judged, then any other but those with
    longer training, which are other settings.
    """
    tables = [path.parent.name for path in results_page.RESULTS.glob("*/rows.csv")]
    tables = [name for name in tables if not name.endswith(("-longer", "-peers", "-unlabelled"))]
    cases: dict[Case, tuple[str, Comparison]] = {}
    for table in sorted(tables, key=lambda name: (not name.endswith("-strong"), not name.endswith("-judged"), name)):
        results = results_page.results_of(table)
        by_case = recipes(results)
        # The primary comparison of a case comes before the one with its best baseline.
        for c in (*primary_comparisons(results), *compare_to_best_baseline(results)):
            case = (c.data, c.regime, c.classifier)
            if c.method == by_case.get(case) and c.seeds >= SEEDS:
                # Comparisons of older tables were named after the runs, so their outcomes are corrected.
                corrected = None if table.endswith("-strong") else readme.find_gain(table, c.classifier, c.method)
                cases.setdefault(case, (table, corrected or c))
    return cases


def block() -> str:
    """Returns the text between the marks."""
    header = ["data", "training samples", "classifier", "with", "against", "gain, points", "95 % interval", "outcome"]
    lines = []
    cases = judged_cases().values()
    for table, c in sorted(cases, key=lambda value: (value[1].data in TABULAR, _size(value[1]), value[1].data)):
        regime = Regime.parse(c.regime)
        interval = f"{signed(c.low)} to {signed(c.high)}"
        fields = [f"[{c.data}](results.md#{table})", regime.describe(), CLASSIFIERS.get(c.classifier, c.classifier)]
        lines.append([*fields, c.method, c.against, signed(c.mean), interval, wording.outcome_words(c)])
    return "\n".join([BEGIN, markdown_table([header, *lines]), END])


def _size(c: Comparison) -> tuple[bool, int]:
    regime = Regime.parse(c.regime)
    return regime.is_imbalanced, max(regime.counts)


def updated(text: str) -> str:
    """Returns the text of the page with a new table."""
    before, rest = text.split(BEGIN)
    return before + block() + rest.split(END)[1]


def main() -> None:
    PAGE.write_text(updated(PAGE.read_text()))


if __name__ == "__main__":
    main()
