"""Which columns of a frame are numbers and which are categories: by their types, or as the user says."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np

from vaeaug.runtime import checks

AUTO = "auto"  # by the types of the columns
Kind = Literal["number", "category"]
DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
DATE_REMEDY = "turn it into a number, such as days since a date, or into parts such as the month; or drop the column"


def is_auto(categorical_features: Any) -> bool:
    """Returns whether the types of the columns decide which are categories."""
    return isinstance(categorical_features, str) and categorical_features == AUTO


def is_mixed(frame: Any) -> bool:
    """Returns whether a data frame is more than numbers: whether it has categories, words, dates or missing values."""
    return any(_is_more_than_numbers(frame.iloc[:, i]) for i in range(frame.shape[1]))


def _is_more_than_numbers(series: Any) -> bool:
    if hasattr(series.dtype, "categories") or series.dtype.kind not in "iufbO" or bool(series.isna().any()):
        return True
    return series.dtype.kind == "O" and not all(isinstance(value, Real) for value in series)


def kinds_of(frame: Any, categorical_features: Any = AUTO, name: str = "X") -> tuple[Kind, ...]:
    """Returns the kind of each column.

    Arguments:
        frame: A pandas data frame.
        categorical_features: As in imbalanced-learn's SMOTENC: "auto", or the columns of categories as indices, names or a
            mask of all columns. With "auto" columns of words, categories, booleans and objects are categories, and all
            others numbers.
        name: The name of the frame in messages.

    Raises:
        InputError: If a column holds dates, or anything else that is neither; if a column is not there; if one that is not
            named as categorical holds words.
    """
    by_type = [_kind(name, str(column), frame.iloc[:, i]) for i, column in enumerate(frame.columns)]
    if is_auto(categorical_features):
        return tuple(by_type)
    named = _indices(frame, categorical_features)
    for i, column in enumerate(frame.columns):
        if by_type[i] == "category" and i not in named and not _is_boolean(frame.iloc[:, i]):
            remedy = "name it in categorical_features, too, or leave the argument out"
            checks.refuse(f"numbers in column {str(column)!r} of {name}", "words or categories", remedy)
    return tuple("category" if i in named else "number" for i in range(frame.shape[1]))


def _kind(name: str, column: str, series: Any) -> Kind:
    where, dtype = f"column {column!r} of {name}", series.dtype
    if hasattr(dtype, "categories"):
        return "category"
    if dtype.kind in "Mm" or type(dtype).__name__ == "PeriodDtype":
        checks.refuse(f"numbers or categories in {where}", "dates or times", DATE_REMEDY)
    if dtype.kind == "b":
        return "category"
    if dtype.kind in "iuf":
        return "number"
    if dtype.kind == "O":
        return _kind_of_values(where, series.dropna())
    return _refuse_values(where, f"dtype {dtype}")


def _kind_of_values(where: str, series: Any) -> Kind:
    """Returns the kind of a column of objects or texts."""
    if type(series.dtype).__name__ == "StringDtype":
        return "category"
    types = set(map(type, series))
    if any(issubclass(t, DATES) for t in types):
        checks.refuse(f"numbers or categories in {where}", "dates or times", DATE_REMEDY)
    if types and all(issubclass(t, Real) and not issubclass(t, bool | np.bool_) for t in types):
        return "number"
    odd = sorted(t.__name__ for t in types if not issubclass(t, str | Real | np.bool_))
    return _refuse_values(where, f"values of type {odd[0]}") if odd else "category"


def _refuse_values(where: str, got: str) -> Kind:
    checks.refuse(f"numbers, words or truth values in {where}", got, "turn them into one of these, or drop the column")


def _is_boolean(series: Any) -> bool:
    return series.dtype.kind == "b" or (
        series.dtype.kind == "O" and all(isinstance(value, bool | np.bool_) for value in series.dropna())
    )


def _indices(frame: Any, features: Any) -> set[int]:
    """Returns the indices of the columns that the user names."""
    width, columns = frame.shape[1], list(frame.columns)
    named = [features] if isinstance(features, str | int) else list([] if features is None else features)
    remedy = 'pass "auto", or indices, names, or a mask of the columns'
    if named and all(isinstance(value, bool | np.bool_) for value in named):
        if len(named) != width:
            checks.refuse(f"a mask of {width} columns as categorical_features", f"one of {len(named)}", remedy)
        return set(np.flatnonzero(named).tolist())
    return {_index(value, columns, remedy) for value in named}


def _index(value: Any, columns: Sequence[Any], remedy: str) -> int:
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if -len(columns) <= value < len(columns):
            return int(value) % len(columns)
    elif value in columns:
        return columns.index(value)
    known = checks.join_names(list(map(str, columns)), 8)
    checks.refuse(f"columns of X in categorical_features ({known})", repr(value), remedy)
