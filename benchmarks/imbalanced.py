"""Imbalanced tables with categories: what helps a classifier that sees few rows of one class and many of the other?

    python benchmarks/imbalanced.py --judged                  runs what is missing of the judged tables, at 100:10, ten seeds
    python benchmarks/imbalanced.py --seeds 4                 the same of the tables that the scheme was chosen on
    python benchmarks/imbalanced.py --regimes 300:30 natural --classifiers forest --tables hmda    a part
    python benchmarks/imbalanced_page.py                      writes docs/imbalanced.md and its picture from the rows

From each table rows of both classes are drawn by seed, such as 100 of the larger and 10 of the smaller one; the others judge.
Rows are appended to results/imbalanced.csv one by one: an interrupted run goes on where it stopped.

The recipe was frozen on 2026-11-25: `VAEOverSampler` with its defaults. So were the other methods, their settings and the
judged tables (`JUDGED` of imbalanced_tables.py), before any of them had been run on these tables. The tables of `DEVELOPMENT`
chose the scheme: no number there is a claim for others. Once, SMOTE(NC) ran with a fault of this benchmark (its rows were not
scaled back), to its disadvantage; those rows were thrown away, and it ran again after all others, on the same splits.
"""

# ruff: noqa: N806 (X is what scikit-learn calls it)

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from imbalanced_methods import BALANCING, CLASSIFIERS, EXTRAS, METHODS, ON_TABLES, THRESHOLDS, Fills, fit
from imbalanced_tables import DEVELOPMENT, JUDGED, REGIMES, TABLES, WEKA, fits, halves, load
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss, roc_auc_score

ROWS = Path(__file__).parent / "results" / "imbalanced.csv"
BINS = 10  # of the calibration error
SMALLEST = 1e-3  # probabilities are clipped, so that one row of a forest does not cost an infinite log-loss
Key = tuple[str, str, int, str, str]


@dataclass(frozen=True)
class Row:
    """The scores of one method, classifier, table, regime and seed. Probabilities are of the smaller class; NaN for SVC.

    Arguments:
        balanced_log_loss: The mean of the log-losses of the two classes.
        log_loss, calibration: Log-loss and expected calibration error in a population with the training rows' proportions.
        corrected_log_loss, corrected_calibration: The same after the odds were multiplied by these proportions, for methods
            after which a classifier sees both classes equally often.
        seconds: CPU seconds of the over-sampler, once for all classifiers.
    """

    table: str
    regime: str
    seed: int
    classifier: str
    method: str
    balanced_accuracy: float
    auc: float
    average_precision: float
    balanced_log_loss: float
    log_loss: float
    calibration: float
    corrected_log_loss: float
    corrected_calibration: float
    seconds: float

    @property
    def key(self) -> Key:
        return self.table, self.regime, self.seed, self.classifier, self.method


def calibration_error(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> float:
    """Returns the expected calibration error: the mean of |share of ones - mean of p| over 10 equal bins of p, weighted.

    Arguments:
        y: Labels 0 and 1, `(N,)`.
        p: The probabilities of 1, `(N,)`.
        weights: The weights of the rows, `(N,)`.
    """
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights * (y - p), BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def with_share(p: np.ndarray, share: float) -> np.ndarray:
    """Returns probabilities of a balanced population as those of one with this share of ones."""
    return share * p / (share * p + (1 - share) * (1 - p))


def scores(
    y: np.ndarray, predicted: np.ndarray, ranks: np.ndarray, p: np.ndarray | None, share: float, corrects: bool
) -> Any:
    """Returns the scores of a row, by their names.

    Arguments:
        y: The labels of the test rows, `(N,)`.
        predicted: The predicted ones.
        ranks: What orders the rows, larger for 1.
        p: The probabilities of 1, or None.
        share: The share of ones among the training rows.
        corrects: Whether the classifier has seen both classes equally often.
    """
    values = {
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "auc": roc_auc_score(y, ranks),
        "average_precision": average_precision_score(y, ranks),
    }
    names = ("balanced_log_loss", "log_loss", "calibration", "corrected_log_loss", "corrected_calibration")
    if p is None:
        return values | dict.fromkeys(names, float("nan"))
    p = np.clip(p, SMALLEST, 1 - SMALLEST)
    corrected = with_share(p, share) if corrects else p
    equal, own = (np.where(y == 1, s / y.mean(), (1 - s) / (1 - y.mean())) for s in (0.5, share))
    losses = log_loss(y, p, sample_weight=equal), log_loss(y, p, sample_weight=own), calibration_error(y, p, own)
    after = log_loss(y, corrected, sample_weight=own), calibration_error(y, corrected, own)
    return values | dict(zip(names, (*losses, *after), strict=True))


def run(table: str, regime: str, seed: int, cases: Sequence[tuple[str, str]], weka: Path) -> Iterator[Row]:
    """Yields the rows of a table, a regime and a seed.

    Arguments:
        table, regime, seed: What to run.
        cases: The method and classifier of each row.
        weka: The folder of Debian's files.
    """
    X, y, X_test, y_test = halves(*load(table, weka), seed, regime)
    fills = Fills(seed)
    for method in dict.fromkeys(method for method, _ in cases):
        start = time.process_time()
        if THRESHOLDS.get(method, method) in ON_TABLES:
            fills(THRESHOLDS.get(method, method), X, y)
        seconds = time.process_time() - start if method in ON_TABLES else 0.0
        for classifier in [classifier for case, classifier in cases if case == method]:
            model = fit(method, classifier, X, y, fills)
            p = model.predict_proba(X_test)[:, 1] if classifier != "SVC" else None
            ranks = model.decision_function(X_test) if p is None else p
            values = scores(y_test, model.predict(X_test), ranks, p, y.mean(), method in BALANCING)
            rounded = {name: round(float(value), 5) for name, value in values.items()}
            yield Row(table, regime, seed, classifier, method, **rounded, seconds=round(seconds, 3))


def read(path: Path = ROWS) -> list[Row]:
    """Returns the rows so far; a line that was cut off is left out."""
    if not path.exists():
        return []
    types = {field.name: {"int": int, "float": float, "str": str}[str(field.type)] for field in fields(Row)}
    with path.open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if None not in line.values() and "" not in line.values()]
    return [Row(**{name: types[name](value) for name, value in line.items()}) for line in lines]


def append(row: Row, path: Path = ROWS) -> None:
    """Writes a row at the end of the file."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def arguments() -> argparse.Namespace:
    """Returns what the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judged", action="store_true", help="the judged tables, ten seeds")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--tables", nargs="*", choices=TABLES)
    parser.add_argument("--regimes", nargs="*", choices=REGIMES, default=["100:10"])
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    standard = [name for name in CLASSIFIERS if name not in EXTRAS]
    parser.add_argument("--classifiers", nargs="*", choices=CLASSIFIERS, default=standard)
    parser.add_argument("--weka", type=Path, default=WEKA, help="the folder of the .arff files")
    return parser.parse_args()


def main() -> None:
    """Runs what is missing, seed after seed."""
    options = arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)
    done = {row.key for row in read()}
    seeds = options.seeds or (10 if options.judged else 4)
    for regime in options.regimes:
        for seed in range(seeds):
            for table in options.tables or list(JUDGED if options.judged else DEVELOPMENT):
                wanted = [(m, c) for m in options.methods for c in options.classifiers]
                cases = [(m, c) for m, c in wanted if (table, regime, seed, c, m) not in done]
                if cases and fits(load(table, options.weka)[1], regime):
                    for row in run(table, regime, seed, cases, options.weka):
                        append(row)
                        print(*row.key, row.balanced_accuracy, flush=True)


if __name__ == "__main__":
    main()
