"""Results: one per run of the benchmark, kept on disk as soon as it is there."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from vaeaug.runtime import checks


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

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the run."""
        return self.data, self.regime, self.classifier, self.method, str(self.seed), self.subset, self.setup


def read(path: str | Path) -> list[Result]:
    """Returns the results in a file that `compare` wrote; an incomplete last line is ignored."""
    types = {field.name: {"int": int, "float": float}.get(str(field.type), str) for field in fields(Result)}
    with Path(path).open(newline="") as file:
        lines = [line for line in file if line.endswith("\n")]
    reader = csv.DictReader(lines)
    if reader.fieldnames is not None and list(reader.fieldnames) != list(types):
        checks.refuse(f"results of this version in '{path}'", f"columns {reader.fieldnames}", "choose another folder")
    return [Result(**{name: types[name](value) for name, value in row.items()}) for row in reader]


def append(path: Path, result: Result) -> None:
    """Appends a result to the file and flushes it to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text() if path.exists() else ""
    # An incomplete last line is overwritten.
    complete = text[: text.rfind("\n") + 1]
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
