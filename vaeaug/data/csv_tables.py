"""Tabular data in a `.csv`: numeric features and a label column."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaeaug.runtime import checks


class Table(NamedTuple):
    """A table read from a file.

    Arguments:
        x: The features, `(N, features)`.
        y: The labels, `(N,)`, as indices into `names`.
        names: The class names, sorted.
        columns: The names of the features and, last, of the label.
    """

    x: np.ndarray
    y: np.ndarray
    names: list[str]
    columns: list[str]


CsvLine = tuple[int, list[str]]  # the number of the line in the file, and its fields


def read(path: Path, label_column: str | None = None) -> Table:
    """Reads a `.csv` with a label column.

    Arguments:
        path: The file: UTF-8 text, separated by commas. The first line names the columns. If it looks like all other lines,
            it is data, and the columns are named 0, 1, 2 and so on.
        label_column: The label column; by default the last column.

    Raises:
        InputError: If the file cannot be read, if a feature is missing or not a finite number, or if almost every label is
            different. The message names the line and the column.
    """
    lines = _lines(path)
    header, lines = _header(path, lines, label_column)
    if label_column is not None and label_column not in header:
        checks.refuse(
            f"a column {label_column!r} in {path}", f"columns {checks.join_names(header)}", "name the label column"
        )
    column = header.index(label_column) if label_column is not None else len(header) - 1
    for number, fields in lines:
        if len(fields) != len(header):
            remedy = "correct or drop the line; a comma inside a field needs quotes"
            checks.refuse(f"{len(header)} fields in every line of {path}", f"{len(fields)} in line {number}", remedy)
        if not fields[column]:
            remedy = "fill it in or drop the line"
            checks.refuse(f"a label in every line of {path}", f"none in line {number}", remedy)
    labels = [fields[column] for _, fields in lines]
    # Whole numbers by their length first: 2 before 10.
    names = sorted(set(labels), key=lambda name: (len(name), name) if name.lstrip("-").isdigit() else (0, name))
    if len(names) > max(4, len(labels) / 2):
        got = f"{len(names)} different labels in {len(labels)} lines of column {header[column]!r}"
        remedy = "name the label column: for example label_column='kind' in Python, --label kind on the command line"
        checks.refuse(f"labels in {path} that repeat", got, remedy)
    columns = [*header[:column], *header[column + 1 :], header[column]]
    y = np.array([names.index(label) for label in labels])
    return Table(_features(path, header, lines, column), y, names, columns)


def _lines(path: Path) -> list[CsvLine]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [field.strip() for field in fields]) for fields in reader if fields]
    except (ValueError, csv.Error, OSError) as error:
        checks.refuse(f"comma-separated UTF-8 text in {path}", f"'{error}'", "save it in this form")
    if len(lines) < 2:
        checks.refuse(f"a header and data in {path}", f"{len(lines)} lines", "check the file")
    width = len(lines[0][1])
    if width < 2:
        got = f"one column, {lines[0][1][0][:60]!r}"
        checks.refuse(f"two columns or more in {path}", got, "separate them with commas, not with semicolons or tabs")
    return lines


def _header(path: Path, lines: list[CsvLine], label_column: str | None) -> tuple[list[str], list[CsvLine]]:
    """Returns the names of the columns, and the lines of data."""
    header = lines[0][1]
    numbers = list(map(str, range(len(header))))
    # The unnamed column that pandas writes first is the row index, which leaks the label if the file is sorted by class.
    if "" in header and (header[1:] == numbers[:-1] or not any(map(_is_numeric_or_missing, filter(None, header)))):
        remedy = "name it; if it is only the row index, leave it out (to_csv(index=False) in pandas)"
        got = f"none for column {header.index('') + 1}"
        checks.refuse(f"a name for every column in {path}", got, remedy)
    # pandas numbers columns without names from 0; people also number them from 1.
    if header in (numbers, [str(i + 1) for i in range(len(header))]):
        return header, lines[1:]
    if label_column is None or label_column in numbers:
        column = len(header) - 1 if label_column is None else int(label_column)
        if _is_data_line(header, column, lines):
            return numbers, lines
    if label_column is None and all(map(_is_numeric_or_missing, header)):
        got = f"only numbers: {checks.join_names(header, 5)}"
        checks.refuse(f"names of columns in the first line of {path}", got, "write a header above it")
    return header, lines[1:]


def _is_data_line(header: list[str], column: int, lines: Sequence[CsvLine]) -> bool:
    """Returns whether the first line is data: its features are numbers, and its label occurs again below."""
    if not all(_is_numeric_or_missing(field) for i, field in enumerate(header) if i != column):
        return False
    return any(fields[column : column + 1] == [header[column]] for _, fields in lines[1:])


def _features(path: Path, header: list[str], lines: Sequence[CsvLine], label_index: int) -> np.ndarray:
    x = np.empty((len(lines), len(header) - 1))
    for i, (number, fields) in enumerate(lines):
        features = fields[:label_index] + fields[label_index + 1 :]
        try:
            x[i] = [float(feature) for feature in features]
        except ValueError:
            x[i] = math.nan
        if not np.isfinite(x[i]).all():
            column = next(c for c, field in enumerate(fields) if c != label_index and not _is_number(field))
            got = f"{fields[column]!r} in line {number}, column {header[column]!r}"
            remedy = "encode words as numbers, and drop or impute missing values"
            checks.refuse(f"finite numbers in every column of {path} except the label", got, remedy)
    return x


def _is_numeric_or_missing(field: str) -> bool:
    return field == "" or _is_number(field) or field.lower().lstrip("+-") in ("nan", "inf", "infinity")


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False
