"""Published generators of rows beside ours: TVAE and CTGAN of `ctgan`.

    pip install ctgan; python benchmarks/imbalanced_peers.py     writes results/imbalanced_peers.csv

Development tables, 100:10, two seeds. TVAE and CTGAN, with their defaults, learn from all training rows and the label, after
missing values were filled in; CTGAN draws rows of the smaller class by condition, and TVAE rows until enough are of it.
smote-variants 1.0.1 could not be installed: its dependencies minisom and statistics do not build.
"""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)

from __future__ import annotations

import argparse
import csv
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from imbalanced_methods import CLASSIFIERS, Fills, fit, preprocess, words_of
from imbalanced_tables import WEKA, halves, load
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from vaeaug.bench.markdown import markdown_table

ROWS = Path(__file__).parent / "results" / "imbalanced_peers.csv"
FIELDS = ("table", "seed", "method", "classifier", "balanced_accuracy", "auc", "seconds")
TABLES, SEEDS = ("credit_data", "hmda", "wa_churn"), 2
USED = ("forest", "boosting", "logistic")
PEERS = ("TVAE", "CTGAN")
LABEL, MOST_DRAWS = "smaller_class", 20


def generated(method: str, X: Any, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """Returns the rows of a table and those of TVAE or CTGAN."""
    import ctgan
    import torch

    np.random.seed(seed)
    torch.manual_seed(seed)
    filled = X.fillna(X.median(numeric_only=True)).fillna("missing")
    words, missing = [*words_of(X), LABEL], int((y == 0).sum() - y.sum())
    model = getattr(ctgan, method)(enable_gpu=False)
    model.fit(filled.assign(**{LABEL: np.where(y == 1, "yes", "no")}), words)
    parts: list[Any] = []
    for _ in range(MOST_DRAWS):
        condition = {"condition_column": LABEL, "condition_value": "yes"} if method == "CTGAN" else {}
        drawn = model.sample(10 * missing, **condition)
        parts.append(drawn[drawn[LABEL] == "yes"])
        if sum(map(len, parts)) >= missing:
            break
    more = pd.concat(parts, ignore_index=True).iloc[:missing].drop(columns=LABEL)
    return pd.concat([filled, more], ignore_index=True), np.concatenate([y, np.ones(len(more), dtype=int)])


def models(method: str, X: Any, y: np.ndarray, seed: int) -> tuple[dict[str, Any], float]:
    """Returns the fitted classifiers of a method, and the CPU seconds of its generator."""
    start = time.process_time()
    if method in PEERS:
        more = generated(method, X, y, seed)
        seconds = time.process_time() - start
        return {name: make_pipeline(preprocess(), CLASSIFIERS[name](seed)).fit(*more) for name in USED}, seconds
    fills = Fills(seed)
    if method == "ours":
        fills(method, X, y)
    seconds = time.process_time() - start
    return {name: fit(method, name, X, y, fills) for name in USED}, seconds


def shown() -> str:
    """Returns the rows as a table: means over tables and seeds, points over doing nothing."""
    rows = pd.read_csv(ROWS)
    key = ["table", "seed", "classifier"]
    lines = [["", *USED, "AUC", "seconds"]]
    by_method = {method: own.set_index(key) for method, own in rows.groupby("method")}
    for method in (*PEERS, "ours"):
        own, none = by_method[method], by_method["none"]
        gains = 100 * (own["balanced_accuracy"] - none["balanced_accuracy"]).groupby("classifier").mean()
        auc = 100 * (own["auc"] - none["auc"]).mean()
        lines.append([method, *(f"{gains[name]:+.1f}" for name in USED), f"{auc:+.1f}", f"{own['seconds'].mean():.1f}"])
    caption = (
        "Published generators on three development tables, 100:10, two seeds: points of balanced accuracy over doing"
    )
    caption += " nothing, AUC as the mean of the three classifiers, CPU seconds of the generator:"
    return f"{caption}\n\n{markdown_table(lines)}"


def main() -> None:
    """Runs what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weka", type=Path, default=WEKA)
    weka = parser.parse_args().weka
    warnings.simplefilter("ignore")
    done = (
        set(pd.read_csv(ROWS)[["table", "seed", "method"]].itertuples(index=False, name=None))
        if ROWS.exists()
        else set()
    )
    for seed in range(SEEDS):
        for table in TABLES:
            X, y, X_test, y_test = halves(*load(table, weka), seed, "100:10")
            for method in ("none", "ours", *PEERS):
                if (table, seed, method) in done:
                    continue
                fitted, seconds = models(method, X, y, seed)
                is_new = not ROWS.exists()
                with ROWS.open("a", newline="") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    writer.writerows([FIELDS] if is_new else [])
                    for name, model in fitted.items():
                        scores = (
                            balanced_accuracy_score(y_test, model.predict(X_test)),
                            roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]),
                        )
                        writer.writerow([table, seed, method, name, *(round(s, 5) for s in scores), round(seconds, 2)])
                print(table, seed, method, round(seconds, 1), flush=True)
    print(shown())


if __name__ == "__main__":
    main()
