"""Results: one per run of the benchmark, kept on disk as soon as it is there."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

from vaeaug.runtime import checks, files, schema
from vaeaug.runtime.spreadsheets import escape, unescape

EQUAL_TIME = "equal time"  # the kind of a baseline that is trained for as many seconds as ours, so with more steps
KINDS = ("ours", "baseline", "control", "generator", EQUAL_TIME)
COUNT = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Result:
    """The result of one run.

    Arguments:
        data, regime, classifier, method, seed: What was run.
        kind: The kind of the method, one of `KINDS`; see `vaeaug.bench.stages.method.Method`.
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
            https://arxiv.org/abs/1706.04599). These three are NaN where the classifier gives no probabilities (auc: no
            scores), and in results of older versions.
        data_kind: The kind of the samples: `images`, `signals` or `tabular`.
        frame, scheme, space: What tells which controls a method has; see `Method.frame`, `Method.scheme` and
            `Method.sample_space`. These four are empty in results of older versions; `vaeaug.bench.relations.completed` fills
            them in.
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
    auc: Annotated[float, schema.MAY_BE_NAN] = math.nan
    log_loss: Annotated[float, schema.MAY_BE_NAN] = math.nan
    calibration_error: Annotated[float, schema.MAY_BE_NAN] = math.nan
    data_kind: str = ""
    frame: str = ""
    scheme: str = ""
    space: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the run."""
        return self.data, self.regime, self.classifier, self.method, str(self.seed), self.subset, self.setup


TEXTS = tuple(field.name for field in fields(Result) if str(field.type) == "str")
REQUIRED = tuple(field.name for field in fields(Result) if field.default is MISSING)
NAMES = tuple(field.name for field in fields(Result))
REMEDY = "correct the line or remove it: its run is then done again"


def read(path: str | Path) -> list[Result]:
    """Returns the results in a file that `compare` wrote; an incomplete last line is ignored.

    Raises:
        InputError: If the file is of something else, or has a line that is no result.
    """
    return _parse(_read_text(Path(path)), path)


def _read_text(path: Path) -> str:
    """Returns the complete lines of a file."""
    if not files.is_regular_file(path):
        checks.refuse("a file of results", f"'{path}', which is no file", "check the path")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        checks.refuse(f"results in UTF-8 in '{path}'", f"'{error}'", "choose another folder")
    return text[: text.rfind("\n") + 1]


def _parse(text: str, path: str | Path) -> list[Result]:
    limit = csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # many classes make a long confusion matrix
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        checks.refuse(f"results of this version in '{path}'", f"'{error}'", "choose another folder")
    finally:
        csv.field_size_limit(limit)
    columns = lines[0] if lines else []
    # Columns with a default came later, so an older file may lack them.
    older = [name for name in NAMES if name in columns or name in REQUIRED]
    if columns and columns != older:
        got = f"columns {columns}" if len(str(columns)) < 1000 else f"{len(columns)} other columns"
        checks.refuse(f"results of this version in '{path}'", got, "choose another folder")
    return [_parse_line(columns, line, f"line {i} of '{path}'") for i, line in enumerate(lines[1:], 2) if line]


def _parse_line(columns: Sequence[str], line: Sequence[str], place: str) -> Result:
    if len(line) != len(columns):
        checks.refuse(f"{len(columns)} fields in {place}", len(line), REMEDY)
    row = {name: unescape(text) if name in TEXTS else text for name, text in zip(columns, line, strict=True)}
    result = schema.read_text(Result, row, place, REMEDY)
    _check_confusion(result.confusion, place)
    return result


def _check_confusion(confusion: str, place: str) -> None:
    counts = [line.split(" ") for line in confusion.split("/")]
    is_square = all(len(line) == len(counts) for line in counts)
    if not is_square or not all(COUNT.fullmatch(count) for line in counts for count in line):
        checks.refuse(f"a confusion matrix in {place}", repr(confusion[:60]), REMEDY)


def append(path: Path, result: Result) -> None:
    """Appends a result to the file and flushes it to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exists = path.exists() and path.stat().st_size > 0
    complete = _read_text(path) if exists else ""
    if complete and complete.split("\n", 1)[0] != as_csv([]).strip():
        # A file of an older version gets today's columns first.
        with files.atomic_write(path, overwrite=True) as new:
            new.write_text(as_csv(_parse(complete, path)))
        complete = _read_text(path)
    try:
        with path.open("r+b" if exists else "wb") as file:
            # An incomplete last line is overwritten.
            file.seek(len(complete.encode()))
            file.truncate()
            file.write(as_csv([result], header=not complete).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        files.refuse_os_error(path, error)


def as_csv(results: Sequence[Result], header: bool = True) -> str:
    """Returns results as comma-separated text; a name that begins like a formula is escaped for spreadsheets."""
    out = io.StringIO()
    writer = csv.DictWriter(out, NAMES, lineterminator="\n")
    if header:
        writer.writeheader()
    for result in results:
        row = asdict(result)
        writer.writerow(row | {name: escape(row[name]) for name in TEXTS})
    return out.getvalue()
