"""Results: one per run of the benchmark, kept on disk as soon as it is there."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vaeaug.runtime import checks, files


@dataclass(frozen=True)
class Result:
    """The result of one run.

    Arguments:
        data, regime, classifier, method, seed: What was run.
        kind: The kind of the method: `ours`, `baseline`, `control` or `generator`.
        accuracy, balanced_accuracy, macro_f1: On the test split, in 0..1.
        mcc: Matthews' correlation coefficient, in -1..1.
        steps: Optimiser steps of the classifier; 0 for an estimator.
        train_seconds: Training the classifier, including augmentation.
        vae_seconds: Training generative models, which the methods of a seed share; 0 for methods without one.
        samples: The size of the training subset.
        subset: A hash of the training subset: the same for all methods of a seed.
        setup: A hash of the method, the settings and the test split; see `vaeaug.bench.keys`.
        confusion: Counts on the test split, one row per true class, one column per predicted class: `50 2/1 47` for two
            classes.
        auc: The area under the ROC curve, one class against the rest, mean over the classes; in 0..1.
        log_loss: The mean negative log-probability of the true class, in nats.
        calibration_error: The expected calibration error with 15 bins, in 0..1 (Guo et al., 2017,
            https://arxiv.org/abs/1706.04599).

    The last three are NaN where the classifier gives no probabilities (auc: no scores), and in results of older versions.
    """

    data: str
    regime: str
    classifier: str
    method: str
    kind: str
    seed: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    mcc: float
    steps: int
    train_seconds: float
    vae_seconds: float
    samples: int
    subset: str
    setup: str
    confusion: str
    auc: float = math.nan
    log_loss: float = math.nan
    calibration_error: float = math.nan

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the run."""
        return self.data, self.regime, self.classifier, self.method, str(self.seed), self.subset, self.setup


TYPES: dict[str, Any] = {field.name: {"int": int, "float": float}.get(str(field.type), str) for field in fields(Result)}
REQUIRED = tuple(field.name for field in fields(Result) if field.default is MISSING)


def read(path: str | Path) -> list[Result]:
    """Returns the results in a file that `compare` wrote; an incomplete last line is ignored."""
    with Path(path).open(newline="") as file:
        lines = [line for line in file if line.endswith("\n")]
    reader = csv.DictReader(lines)
    columns = list(reader.fieldnames or ())
    # Columns with a default came later, so an older file may lack them.
    older = [name for name in TYPES if name in columns or name in REQUIRED]
    if columns and columns != older:
        checks.refuse(f"results of this version in '{path}'", f"columns {columns}", "choose another folder")
    return [Result(**{name: TYPES[name](value) for name, value in row.items()}) for row in reader]


def append(path: Path, result: Result) -> None:
    """Appends a result to the file and flushes it to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text() if path.exists() else ""
    # An incomplete last line is overwritten.
    complete = text[: text.rfind("\n") + 1]
    if complete and complete.split("\n", 1)[0] != as_csv([]).strip():
        # A file of an older version gets today's columns first.
        with files.atomic_write(path) as new:
            new.write_text(as_csv(read(path)))
        complete = path.read_text()
    with path.open("r+" if text else "w", newline="") as file:
        file.seek(len(complete.encode()))
        file.truncate()
        file.write(as_csv([result], header=not complete))
        file.flush()
        os.fsync(file.fileno())


def as_csv(results: Sequence[Result], header: bool = True) -> str:
    """Returns results as comma-separated text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Result)], lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(asdict(result) for result in results)
    return out.getvalue()
