"""Rows: one per cell of the benchmark, kept on disk as they come."""

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
    """One cell of the benchmark.

    Arguments:
        data, regime, classifier, method, seed: What was run.
        kind: The kind of the method: `ours`, `baseline`, `control` or `generator`.
        accuracy, balanced_accuracy, macro_f1: On the test split, in 0..1.
        mcc: Matthews' correlation coefficient, in -1..1.
        steps: Optimiser steps of the classifier; 0 for scikit-learn.
        train_seconds: Training the classifier, augmentation included.
        vae_seconds: Training the VAE, which the arms of a seed share; 0 for arms without one.
        samples: The size of the training subset.
        subset: A hash of the training subset: alike in all arms of a seed.
        setup: A hash of the arm, the settings and the test split: rows of another setup are not taken for this one's.
        confusion: Counts on the test split, true classes in rows and found ones in columns: `50 2/1 47` for two classes.
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
    def cell(self) -> tuple[str, ...]:
        """What tells this row from all others."""
        return self.data, self.regime, self.classifier, self.method, str(self.seed), self.subset, self.setup


def read(path: str | Path) -> list[Result]:
    """Reads the rows that `compare` kept; a last line that was cut off is left out."""
    kinds = {field.name: {"int": int, "float": float}.get(str(field.type), str) for field in fields(Result)}
    with Path(path).open(newline="") as file:
        lines = [line for line in file if line.endswith("\n")]
    found = csv.DictReader(lines)
    if found.fieldnames is not None and list(found.fieldnames) != list(kinds):
        checks.refuse(f"rows of this version in '{path}'", f"columns {found.fieldnames}", "choose another folder")
    return [Result(**{name: kinds[name](value) for name, value in row.items()}) for row in found]


def append(path: Path, row: Result) -> None:
    """Adds a row to the file, on the disk at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.read_text() if path.exists() else ""
    # A last line that was cut off gives way to the new one.
    whole = kept[: kept.rfind("\n") + 1]
    with path.open("r+" if kept else "w", newline="") as file:
        file.seek(len(whole.encode()))
        file.truncate()
        file.write(as_csv([row], header=not whole))
        file.flush()
        os.fsync(file.fileno())


def as_csv(rows: Sequence[Result], header: bool = True) -> str:
    """Returns rows as comma-separated text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Result)], lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue()
