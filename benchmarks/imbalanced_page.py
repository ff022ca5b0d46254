"""Writes the results of benchmarks/imbalanced.py into docs/imbalanced.md, and draws docs/images/imbalanced.png.

python benchmarks/imbalanced_page.py

Runs of which a method is lacking are left out. Intervals are 95 % of 4,000 bootstrap draws of tables, and of seeds within
them: they say what other tables of this kind would have given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import imbalanced_joint
import imbalanced_peers
import imbalanced_picture
import imbalanced_speed
import numpy as np
from imbalanced import Row, read
from imbalanced_methods import CLASSIFIERS, EXTRAS, METHODS, SPACES
from imbalanced_tables import DEVELOPMENT, JUDGED, REGIMES

from vaeaug.bench.markdown import markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "imbalanced.md"
PARTS = ("judged", "rivals", "goals", "probabilities", "others", "joint", "seconds", "peers")
OWN_ROWS = {"joint": imbalanced_joint.shown, "peers": imbalanced_peers.shown}
DRAWS, TIE = 4000, 0.5  # points within which a table is neither won nor lost
OURS, BOTH = "ours", "ours + tuned threshold"
FILLED_UP = ("class weights", "SMOTE(NC)", "ROSE")  # the rivals of the first goal
Scores = dict[str, np.ndarray]  # by table, one value for each seed


class Results:
    """The runs of some tables in a regime of which no method is lacking.

    Arguments:
        rows: All rows.
        tables: The tables.
        regime: The regime.
    """

    def __init__(self, rows: Iterable[Row], tables: Iterable[str], regime: str) -> None:
        own = [row for row in rows if row.table in tables and row.regime == regime]
        classifiers = {row.classifier for row in own} - set(EXTRAS)
        self.classifiers = [name for name in CLASSIFIERS if name in classifiers]
        self.by_key = {(row.table, row.seed, row.classifier, row.method): row for row in own}
        self.runs = [
            (table, seed)
            for table, seed in sorted({(row.table, row.seed) for row in own})
            if all((table, seed, c, m) in self.by_key for c in self.classifiers for m in METHODS)
        ]
        self.tables = list(dict.fromkeys(table for table, _ in self.runs))

    def scores(self, classifier: str, method: str, score: str) -> Scores:
        """Returns the scores of a method by table."""
        values: dict[str, list[float]] = {table: [] for table in self.tables}
        for table, seed in self.runs:
            values[table].append(getattr(self.by_key[table, seed, classifier, method], score))
        return {table: np.array(value) for table, value in values.items()}

    def differences(self, classifier: str, method: str, rival: str, score: str, factor: float = 100) -> Scores:
        """Returns the difference of two methods by table, paired by seed."""
        ours, theirs = (self.scores(classifier, m, score) for m in (method, rival))
        return {table: factor * (ours[table] - theirs[table]) for table in self.tables}

    @property
    def words(self) -> str:
        """What was run, in words."""
        seeds = sorted({sum(table == name for table, _ in self.runs) for name in self.tables})
        number = f"{seeds[0]} seed{'s' * (seeds[0] > 1)}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
        return f"{len(self.tables)} tables, {number} each"


def interval(differences: Scores) -> tuple[float, float, float]:
    """Returns the mean over tables, and the ends of its interval."""
    rng = np.random.default_rng(0)
    values = list(differences.values())
    draws = np.empty(DRAWS)
    for i in range(DRAWS):
        picked = rng.integers(len(values), size=len(values))
        draws[i] = np.mean([values[k][rng.integers(len(values[k]), size=len(values[k]))].mean() for k in picked])
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(np.mean([value.mean() for value in values])), float(low), float(high)


def win_tie_loss(differences: Scores) -> str:
    """Returns the tables won, tied and lost."""
    means = [value.mean() for value in differences.values()]
    won, lost = (sum(sign * mean > TIE for mean in means) for sign in (1, -1))
    return f"{won}/{len(means) - won - lost}/{lost}"


def gains(
    results: Results, score: str, methods: Sequence[str] = METHODS[1:], factor: float = 100, digits: int = 1
) -> str:
    """Returns a table of the means of methods over *none*."""
    lines = []
    for method in methods:
        cells = []
        for classifier in results.classifiers:
            values = results.differences(classifier, method, "none", score, factor).values()
            mean = np.mean([value.mean() for value in values])
            cells.append("" if np.isnan(mean) else f"{mean:+.{digits}f}")
        lines.append([method, *cells])
    return markdown_table([["", *results.classifiers], *lines])


def judged(rows: Sequence[Row]) -> str:
    """Returns the results on the judged tables."""
    results = Results(rows, JUDGED, "100:10")
    none = [
        np.mean([s.mean() for s in results.scores(c, "none", "balanced_accuracy").values()])
        for c in results.classifiers
    ]
    of_none = ", ".join(f"{name} {100 * value:.1f}" for name, value in zip(results.classifiers, none, strict=True))
    return "\n\n".join(
        [
            f"Balanced accuracy, points over doing nothing ({of_none}), on the judged tables ({results.words}: "
            f"{', '.join(results.tables)}):",
            gains(results, "balanced_accuracy"),
            "AUC, points over doing nothing:",
            gains(results, "auc"),
            "Average precision, points over doing nothing:",
            gains(results, "average_precision"),
        ]
    )


def rivals(rows: Sequence[Row]) -> str:
    """Returns the differences of our methods to their rivals, with intervals and by table."""
    results = Results(rows, JUDGED, "100:10")
    pairs = [
        (OURS, rival) for rival in (*FILLED_UP, "Borderline-SMOTE", "tuned threshold", "ours, PCA", "ours, Identity")
    ]
    pairs.append((BOTH, "tuned threshold"))
    lines = []
    for method, rival in pairs:
        cells = []
        for classifier in results.classifiers:
            differences = results.differences(classifier, method, rival, "balanced_accuracy")
            mean, low, high = interval(differences)
            cells.append(f"{mean:+.1f} [{low:+.1f}, {high:+.1f}] {win_tie_loss(differences)}")
        lines.append([f"{method} - {rival}", *cells])
    caption = f"Points of balanced accuracy, 95 % interval, and tables won/tied/lost (by more than {TIE} points):"
    return f"{caption}\n\n" + markdown_table([["", *results.classifiers], *lines])


def goals(rows: Sequence[Row]) -> str:
    """Returns which goals were reached; they were set before the run."""
    results = Results(rows, JUDGED, "100:10")

    def mean(classifier: str, method: str, rival: str, score: str = "balanced_accuracy") -> float:
        return float(np.mean([v.mean() for v in results.differences(classifier, method, rival, score).values()]))

    def best(classifier: str, names: Sequence[str]) -> float:
        return min(mean(classifier, OURS, name) for name in names)

    results_of_goals = {
        "ours over the best of class weights, SMOTE(NC) and ROSE: +2.0": (2.0, lambda c: best(c, FILLED_UP)),
        "ours over the tuned threshold: +0.5": (0.5, lambda c: mean(c, OURS, "tuned threshold")),
        "ours + tuned threshold over the tuned threshold: +0.5": (0.5, lambda c: mean(c, BOTH, "tuned threshold")),
        "AUC not below doing nothing": (0.0, lambda c: mean(c, OURS, "none", "auc")),
        "the VAE over the same scheme without one: +0.5": (0.5, lambda c: mean(c, OURS, "ours, Identity")),
    }
    lines = []
    for name, (wanted, value) in results_of_goals.items():
        values = [value(classifier) for classifier in results.classifiers]
        cells = [f"{v:+.1f}{'' if v >= wanted else ' (missed)'}" for v in values]
        lines.append([name, *cells])
    return markdown_table([["Goal, set before the run", *results.classifiers], *lines])


def probabilities(rows: Sequence[Row]) -> str:
    """Returns log-losses and calibration errors, means over the judged tables."""
    results = Results(rows, JUDGED, "100:10")
    names = [name for name in results.classifiers if name != "SVC"]
    titles = {
        "balanced_log_loss": "log-loss, mean of both classes",
        "log_loss": "log-loss where the rare class has its share",
        "corrected_log_loss": "the same, odds corrected",
        "calibration": "calibration error where it has its share",
        "corrected_calibration": "the same, odds corrected",
    }
    methods = ("none", "class weights", "SMOTE(NC)", "ROSE", OURS)
    lines = []
    for method in methods:
        cells = []
        for score in titles:
            values = [np.mean([v.mean() for v in results.scores(c, method, score).values()]) for c in names]
            cells.append(f"{np.mean(values):.2f}")
        lines.append([method, *cells])
    caption = f"Means over the judged tables and {', '.join(names)}; lower is better:"
    return f"{caption}\n\n" + markdown_table([["", *titles.values()], *lines])


def others(rows: Sequence[Row]) -> str:
    """Returns the balanced accuracies on the development tables, and in other regimes."""
    parts = []
    regimes = [regime for regime in REGIMES if regime != "100:10"]
    for regime, tables, kind in [("100:10", DEVELOPMENT, "development"), *((r, JUDGED, "judged") for r in regimes)]:
        results = Results(rows, tables, regime)
        if results.runs:
            what = f"{kind} tables, {regime} ({results.words}: {', '.join(results.tables)})"
            parts.append(f"Balanced accuracy over doing nothing, {what}:")
            parts.append(gains(results, "balanced_accuracy"))
    return "\n\n".join(parts)


def seconds(rows: Sequence[Row]) -> str:
    """Returns what the over-samplers cost in the judged runs, and how that grows."""
    results = Results(rows, JUDGED, "100:10")
    first = results.classifiers[0]
    seconds_of_methods = ", ".join(
        f"{method} {np.mean([s.mean() for s in results.scores(first, method, 'seconds').values()]):.2f} s"
        for method in ("SMOTE(NC)", *SPACES)
    )
    caption = f"CPU seconds to fit and fill 110 rows up to 200, mean over the judged tables: {seconds_of_methods}."
    return f"{caption}\n\n{imbalanced_speed.shown()}"


def updated(text: str, rows: Sequence[Row]) -> str:
    """Returns the text of the page with the results between its marks."""
    for part in PARTS:
        shown = OWN_ROWS[part]() if part in OWN_ROWS else globals()[part](rows)
        begin, end = f"<!-- {part}: python benchmarks/imbalanced_page.py -->", f"<!-- {part} end -->"
        marked = re.compile(re.escape(begin) + r"\n.*?" + re.escape(end), re.DOTALL)
        assert marked.search(text), begin
        text = marked.sub(lambda _, b=begin, s=shown, e=end: f"{b}\n\n{s}\n\n{e}", text)
    return text


def main() -> None:
    """Writes the page and the picture."""
    rows = read()
    PAGE.write_text(updated(PAGE.read_text(), rows))
    imbalanced_picture.draw(Results(rows, JUDGED, "100:10"))


if __name__ == "__main__":
    main()
