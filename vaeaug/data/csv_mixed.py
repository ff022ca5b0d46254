"""Columns of a `.csv` with words and empty cells, as a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaeaug.data.csv_columns import TRUTH, CsvLine, transposed
from vaeaug.data.label_values import is_missing
from vaeaug.data.labels import is_number
from vaeaug.data.tables import Table
from vaeaug.data.tables.columns import CategoryColumn
from vaeaug.runtime import checks

LARGEST_WHOLE = 2**63


def is_mixed(lines: Sequence[CsvLine], features: Sequence[int]) -> bool:
    """Returns whether a feature has anything but numbers alone, or truth values alone."""
    columns = transposed(lines)
    return not all(all(map(is_number, columns[i])) or set(columns[i]) <= TRUTH.keys() for i in features)


def read(
    path: Path, header: Sequence[str], lines: Sequence[CsvLine], features: Sequence[int], like: Table | None = None
) -> tuple[Any, tuple[int, ...]]:
    """Returns features as a pandas data frame, and the largest number of decimals of each, -1 for those without any.

    Empty cells, `NA`, `nan`, `NULL` and the like are missing values. A column holds numbers, truth values, or words.

    Arguments:
        path: The file, for messages.
        header: The names of the columns.
        lines: The lines of data.
        features: The indices of the features among the columns.
        like: The schema of data seen before, whose columns decide what each of these holds.

    Raises:
        InputError: If a column of numbers has a few fields that are none, which the message names, or without pandas.
    """
    try:
        import pandas
    except ImportError:
        got = f"words or empty cells in '{path}'"
        checks.refuse("pandas, to read tables with words or empty cells", got, "run: pip install pandas")
    columns, data, decimals = transposed(lines), {}, []
    for j, column in enumerate(features):
        fields = columns[column]
        holds = _kind(path, header[column], lines, column) if like is None else _kind_like(like, j)
        values = [None if is_missing(field) else field for field in fields]
        data[j] = _series(path, header[column], lines, values, holds)
        decimals.append(max(map(_decimals, filter(None, values)), default=-1) if holds == "numbers" else -1)
    frame = pandas.DataFrame(data)
    frame.columns = [header[i] for i in features]
    return frame, tuple(decimals)


def _kind(path: Path, name: str, lines: Sequence[CsvLine], column: int) -> str:
    """Returns what a column holds: `numbers`, `truth` or `words`."""
    there = [(number, fields[column]) for number, fields in lines if not is_missing(fields[column])]
    if there and all(field in TRUTH for _, field in there):
        return "truth"
    others = [(number, field) for number, field in there if not is_number(field)]
    if len(others) <= len(there) / 2:
        # Not words with a few numbers among them, but numbers with a few slips.
        if others:
            _refuse(path, name, *others[0])
        return "numbers"
    return "words"


def _kind_like(like: Table, index: int) -> str:
    column = like.columns[index]
    if not isinstance(column, CategoryColumn):
        return "numbers"
    return "truth" if column.levels and all(isinstance(level, bool) for level in column.levels) else "words"


def _series(path: Path, name: str, lines: Sequence[CsvLine], values: Sequence[str | None], holds: str) -> Any:
    import pandas

    has_gaps = None in values
    if holds == "words":
        return pandas.Series(values, dtype=object)
    for (number, _), value in zip(lines, values, strict=True):
        if value is not None and not (value in TRUTH if holds == "truth" else is_number(value)):
            _refuse(path, name, number, value)
    if holds == "truth":
        truths = [None if value is None else bool(TRUTH[value]) for value in values]
        return pandas.Series(pandas.array(truths, dtype="boolean") if has_gaps else truths)
    if all(value is None or (value.lstrip("+-").isdecimal() and abs(int(value)) < LARGEST_WHOLE) for value in values):
        whole = [None if value is None else int(value) for value in values]
        return pandas.Series(pandas.array(whole, dtype="Int64") if has_gaps else whole)
    return pandas.Series([np.nan if value is None else float(value) for value in values], dtype=float)


def _decimals(field: str) -> int:
    """Returns the number of decimals of a number: 2 of `1.25`, and -1 if an exponent hides it."""
    return -1 if "e" in field.lower() else len(field.partition(".")[2])


def _refuse(path: Path, name: str, number: int, field: str) -> None:
    got = f"{field!r} in line {number}, column {name!r}"
    remedy = "correct it, or leave the cell empty if the value is missing"
    checks.refuse(f"finite numbers in every column of {path} that has any, except the label", got, remedy)
