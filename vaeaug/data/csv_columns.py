"""What the fields of a `.csv` mean: numbers, truth values, or labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaeaug.data import row_numbers
from vaeaug.data.label_values import is_missing
from vaeaug.data.labels import is_number
from vaeaug.runtime import checks

LABEL_NAMES = frozenset(("label", "labels", "class", "classes", "target", "targets"))
TRUTH = {"True": 1.0, "TRUE": 1.0, "true": 1.0, "False": 0.0, "FALSE": 0.0, "false": 0.0}
FEWEST_PAIRS = 10  # in fewer rows, a feature tells the label by chance
MOST_CLASSES = 30  # a column with more different whole numbers does not look like the labels of a file without names
MOST_DECIMALS = 17  # a float has no more that mean anything
INFINITE = ("inf", "infinity")

CsvLine = tuple[int, list[str]]  # the number of the line in the file, and its fields


class Parsed(NamedTuple):
    """The features of a table; see `csv_tables.Table`."""

    x: np.ndarray
    integer_columns: tuple[int, ...]
    boolean_columns: tuple[int, ...]
    decimals: tuple[int, ...]


def parse(path: Path, header: Sequence[str], lines: Sequence[CsvLine], features: Sequence[int]) -> Parsed:
    """Returns the features of a table.

    Arguments:
        path: The file, for messages.
        header: The names of the columns.
        lines: The lines of data.
        features: The indices of the features among the columns.

    Raises:
        InputError: If a field is not a finite number; the message names its line and column.
    """
    x = np.empty((len(lines), len(features)))
    integers, booleans, decimals = [], [], []
    columns = transposed(lines)
    for j, column in enumerate(features):
        fields = columns[column]
        if fields[0] in TRUTH and set(fields) <= TRUTH.keys():
            x[:, j] = [TRUTH[field] for field in fields]
            booleans.append(j)
            integers.append(j)
            decimals.append(0)
            continue
        together = "".join(fields)
        values = _numbers(fields, together)
        if values is None:
            number, field = next((n, line[column]) for n, line in lines if not is_number(line[column]))
            got = f"{field!r} in line {number}, column {header[column]!r}"
            remedy = "encode words as numbers, and drop or impute missing values"
            checks.refuse(f"finite numbers in every column of {path} except the label", got, remedy)
        x[:, j] = values
        has_exponents = "e" in together or "E" in together
        # Some programs write whole numbers as 45.0, for example pandas if one is missing.
        if (values == np.round(values)).all():
            integers.append(j)
        largest = max(map(_decimals_with_exponent if has_exponents else _decimals, fields))
        decimals.append(min(MOST_DECIMALS, largest))
    return Parsed(x, tuple(integers), tuple(booleans), tuple(decimals))


def transposed(lines: Sequence[CsvLine]) -> list[tuple[str, ...]]:
    """Returns the columns of lines of one length."""
    return list(zip(*(fields for _, fields in lines), strict=True))


def _numbers(fields: Sequence[str], together: str) -> np.ndarray | None:
    """Returns fields as numbers; None if any is not a finite number. `together` are all fields, joined."""
    if "_" in together or not together.isascii():  # which float() would read
        return None
    try:
        values = np.array(list(map(float, fields)))
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def is_value(field: str) -> bool:
    """Returns whether a field of the first line is a value, not a name: a number, a truth value, or missing."""
    return is_number(field) or is_missing(field) or field in TRUTH or field.lower().lstrip("+-") in INFINITE


def named_labels(header: Sequence[str]) -> list[str]:
    """Returns the columns that are called as labels are; `y` is one unless there is an `x` beside it, or another name."""
    lower = {name.lower(): name for name in header}
    named = [name for name in header if name.lower() in LABEL_NAMES]
    return named or ([lower["y"]] if "y" in lower and "x" not in lower else [])


def looks_like_labels(lines: Sequence[CsvLine], column: int) -> bool:
    """Returns whether a column of a table without names has a few words or whole numbers that repeat."""
    fields = [line[column] for _, line in lines if column < len(line)]
    different = set(fields)
    whole = all(field.lstrip("+-").isdigit() or not is_number(field) for field in different)
    return whole and 2 <= len(different) <= min(MOST_CLASSES, len(fields) / 3)


def tells_labels(values: Sequence[str], words: Sequence[str]) -> bool:
    """Returns whether each value of a column belongs to one class, and each class has one value."""
    classes = len(set(words))
    # Most columns are done with after a few rows.
    if len(words) < FEWEST_PAIRS or len(set(values[: 2 * classes + 2])) > classes or len(set(values)) != classes:
        return False
    return len(set(zip(values, words, strict=True))) == classes > 1


def numbers_rows(name: str, values: Sequence[str]) -> bool:
    """Returns whether a column numbers the rows, by its name or its values; see `row_numbers`."""
    if row_numbers.is_name(name):
        return True
    if not all(v.isdecimal() and v.isascii() and len(v) < 19 for v in values):
        return False
    return row_numbers.counts(np.array(list(map(int, values))))


def _decimals(field: str) -> int:
    """Returns the number of decimals of a number without an exponent: 2 of `1.25`."""
    return len(field.partition(".")[2])


def _decimals_with_exponent(field: str) -> int:
    """Returns the number of decimals of a number: 3 of `12e-3`."""
    mantissa, _, exponent = field.lower().partition("e")
    return max(0, _decimals(mantissa) - int(exponent or 0))
