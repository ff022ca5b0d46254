"""Data frames of other libraries than pandas: polars and what else narwhals reads, to pandas and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vaeaug.runtime import checks


def is_other_frame(value: Any) -> bool:
    """Returns whether `value` is a data frame, but none of pandas, without importing the library that it comes from."""
    # Of the type, because the columns of a lazy frame may take long to find.
    kind = type(value)
    has_columns = hasattr(kind, "columns") or hasattr(kind, "column_names")
    return has_columns and hasattr(kind, "schema") and not hasattr(kind, "iloc")


def to_pandas(value: Any, name: str = "X") -> Any:
    """Returns a data frame of another library as one of pandas; all other values as they are.

    Whole numbers and truth values with missing ones get pandas' nullable types, and columns of an `Enum` all its categories.
    Missing values and NaN of floats are both missing. The table is copied, and needs no pyarrow.

    Arguments:
        value: What the user passed.
        name: Its name in messages.

    Raises:
        InputError: If narwhals or pandas is not installed, or for a frame that has not been computed yet.
    """
    if not is_other_frame(value):
        return value
    frame, pandas = _narwhals(value, name), _pandas()
    columns = {i: _to_pandas(frame[column]) for i, column in enumerate(frame.columns)}
    read = pandas.DataFrame(columns, index=pandas.RangeIndex(len(frame)))
    read.columns = pandas.Index(list(frame.columns), dtype=object)
    return read


@dataclass(frozen=True, eq=False)
class OtherFrame:
    """What is needed to give back a frame of the kind that was passed.

    Arguments:
        frame: The frame, of narwhals; it may be empty.
        with_nulls: The columns in which values are missing, rather than NaN.
    """

    frame: Any
    with_nulls: frozenset[str]

    @classmethod
    def of(cls, value: Any, name: str = "X", keep: bool = True) -> OtherFrame | None:
        """Returns the kind of a frame; None for frames of pandas and all other values.

        Arguments:
            value: What the user passed.
            name: Its name in messages.
            keep: Whether to keep the rows, for `append`.
        """
        if not is_other_frame(value):
            return None
        frame = _narwhals(value, name)
        with_nulls = frozenset(column for column in frame.columns if frame[column].is_null().any())
        return cls(frame if keep else frame.head(0), with_nulls)

    def like(self, frame: Any) -> Any:
        """Returns a data frame of pandas as one of this kind, with its columns, their order and types."""
        return self._like(frame).to_native()

    def append(self, frame: Any) -> Any:
        """Returns the rows of this frame, unchanged, followed by those of a data frame of pandas."""
        import narwhals

        return narwhals.concat([self.frame, self._like(frame)]).to_native()

    def _like(self, frame: Any) -> Any:
        import narwhals

        backend, schema = self.frame.implementation, self.frame.schema
        series = {}
        for i, (column, dtype) in enumerate(schema.items()):
            cells, missing = frame.iloc[:, i], frame.iloc[:, i].isna().to_numpy(dtype=bool)
            mark = float("nan") if dtype.is_float() and column not in self.with_nulls else None
            values = [mark if gap else value for gap, value in zip(missing, cells.tolist(), strict=True)]
            series[column] = narwhals.new_series(column, values, dtype, backend=backend)
        return narwhals.from_dict(series) if series else self.frame.head(0)


def is_other_series(y: Any) -> bool:
    """Returns whether `y` is a series of polars."""
    return type(y).__module__.split(".")[0] == "polars" and type(y).__name__ == "Series"


def series_like(labels: Any, y: Any) -> Any:
    """Returns labels as a series with the name and type of y, if y is a series of polars; else as they are."""
    if not is_other_series(y):
        return labels
    import narwhals

    like = narwhals.from_native(y, series_only=True, allow_series=True)
    series = narwhals.new_series(like.name, np.asarray(labels).tolist(), like.dtype, backend=like.implementation)
    return series.to_native()


def _to_pandas(series: Any) -> Any:
    """Returns a column as one of pandas."""
    import narwhals

    pandas, dtype = _pandas(), series.dtype
    missing = series.is_null().to_numpy().astype(bool)
    if dtype.is_float():
        return pandas.Series(series.fill_null(float("nan")).to_numpy() if missing.any() else series.to_numpy())
    if dtype.is_integer() or dtype == narwhals.Boolean:
        values = (series.fill_null(False if dtype == narwhals.Boolean else 0) if missing.any() else series).to_numpy()
        if not missing.any():
            return pandas.Series(values)
        array = pandas.arrays.BooleanArray if values.dtype.kind == "b" else pandas.arrays.IntegerArray
        return pandas.Series(array(values, missing))
    values = series.to_list()
    if dtype in (narwhals.Categorical, narwhals.Enum):
        is_enum = dtype == narwhals.Enum
        categories = list(dtype.categories) if is_enum else sorted({value for value in values if value is not None})
        return pandas.Series(pandas.Categorical(values, categories=categories))
    return pandas.Series(values, dtype=object)


def _narwhals(value: Any, name: str) -> Any:
    library = type(value).__module__.split(".")[0]
    try:
        import narwhals
    except ImportError:
        got, remedy = f"{library}.{type(value).__name__}", "run: pip install 'vaeaug[polars]', or pass X.to_pandas()"
        checks.refuse(f"narwhals, to read {name}", f"none for {got}", remedy)
    try:
        return narwhals.from_native(value, eager_only=True)
    except TypeError:
        got = f"{library}.{type(value).__name__}"
        checks.refuse(
            f"{name} as an array or a data frame", got, f"pass {name}.collect(), or a frame of pandas or polars"
        )


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        checks.refuse("pandas, for data frames of other libraries", "none", "run: pip install pandas")
    return pandas
