"""Data frames as numbers: pandas frames with columns of numbers, booleans and nullable numbers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from vaeaug.runtime import checks


class Frame(NamedTuple):
    """A frame of numbers.

    Arguments:
        x: The values, `(N, features)`.
        columns: The names of the features.
        integers: The indices of the features that are whole numbers or booleans by their type.
        booleans: The indices of the features that are booleans by their type.
    """

    x: np.ndarray
    columns: tuple[str, ...]
    integers: tuple[int, ...]
    booleans: tuple[int, ...]


def is_frame(value: Any) -> bool:
    """Returns whether `value` is a data frame, without importing the library that it comes from."""
    return all(hasattr(value, name) for name in ("columns", "dtypes", "iloc"))


def read(name: str, frame: Any, like: Sequence[str] = ()) -> Frame:
    """Reads a data frame.

    Arguments:
        name: The name of the frame in messages.
        frame: The frame.
        like: The columns of a frame seen before: these are read, in their order, wherever they stand. By default all columns.

    Raises:
        InputError: If a column is lacking, if two have one name, or if one holds words, dates or missing values; the message
            names it.
    """
    columns = tuple(map(str, frame.columns))
    check_column_names(columns, name)
    order = list(range(len(columns)))
    if like and not is_numbering(columns):
        lacking = [column for column in like if column not in columns]
        if lacking:
            got = f"none called {checks.join_names(lacking, 5)}"
            checks.refuse(f"the columns seen at fit in {name}", got, "name the columns as in that data")
        order, columns = [columns.index(column) for column in like], tuple(like)
    values, integers, booleans = [], [], []
    for i, (column, index) in enumerate(zip(columns, order, strict=True)):
        numbers = _column(name, column, frame.iloc[:, index])
        if numbers.dtype.kind in "iub":
            integers.append(i)
        if numbers.dtype.kind == "b":
            booleans.append(i)
        values.append(numbers)
    x = np.stack(values, axis=1) if values else np.empty((len(frame), 0))
    return Frame(x, columns, tuple(integers), tuple(booleans))


def is_numbering(columns: Sequence[str]) -> bool:
    """Returns whether columns are called 0, 1, 2 and so on, as pandas does, or 1, 2, 3, as people do."""
    return any(list(columns) == [str(i + first) for i in range(len(columns))] for first in (0, 1))


def check_column_names(columns: Sequence[str], name: str) -> None:
    """Refuses columns of which two have one name.

    Raises:
        InputError: If they have.
    """
    if len(set(columns)) < len(columns):
        twice = next(column for i, column in enumerate(columns) if column in columns[:i])
        checks.refuse(f"a name of its own for every column of {name}", f"two columns {twice!r}", "rename or drop one")


def _column(name: str, column: str, series: Any) -> np.ndarray:
    """Returns a column as numbers or booleans."""
    where = f"column {column!r} of {name}"
    if hasattr(series.dtype, "categories"):
        checks.refuse(f"numbers in {where}", "categories", "encode them as numbers first, or drop the column")
    missing = int(series.isna().sum())
    if missing:
        remedy = "drop these samples, or impute the values first"
        checks.refuse(f"finite numbers in {where}", f"{missing} missing of {len(series)}", remedy)
    values = np.asarray(series)
    if values.dtype.kind == "O":
        values = _from_objects(values)
    if values.dtype.kind not in "iufb":
        got = f"dtype {series.dtype}"
        checks.refuse(f"numbers in {where}", got, "encode words and objects as numbers first, or drop the column")
    return values


def _from_objects(values: np.ndarray) -> np.ndarray:
    """Returns objects as the numbers or booleans that they are: so does pandas hold columns that can have missing values."""
    flat = values.tolist()
    for kind, dtype in ((bool, np.bool_), (int, np.int64), (Real, np.float64)):
        if all(isinstance(v, kind) and (kind is bool or not isinstance(v, bool)) for v in flat):
            try:
                return np.array(flat, dtype=dtype)
            except OverflowError:
                continue
    return values
