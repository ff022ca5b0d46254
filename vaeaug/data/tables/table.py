"""A table as a tensor: fitted to a frame, it encodes frames like that one and gives the same kind of frame back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data import row_numbers
from vaeaug.data.frames import check_column_names, is_numbering
from vaeaug.data.scaling import Scaling
from vaeaug.data.tables.columns import CategoryColumn, Column, NumberColumn
from vaeaug.data.tables.kinds import AUTO, kinds_of
from vaeaug.data.tables.layout import Layout
from vaeaug.runtime import checks, limits
from vaeaug.runtime.errors import warn

LIKE_AN_ID = 0.5  # a column of words of which more than this share of the rows has one of its own
MANY_LEVELS = 50


@dataclass(frozen=True, eq=False)
class Table:
    """The schema of a table.

    Arguments:
        columns: The columns.
        template: A pandas data frame without rows: the labels, the order and the dtypes of the columns.
        decimals: The largest number of decimals of each column in a `.csv`, -1 for those without any; empty if it is unknown.
    """

    columns: tuple[Column, ...]
    template: Any
    decimals: tuple[int, ...] = ()

    @classmethod
    def fit(cls, frame: Any, categorical_features: Any = AUTO, name: str = "X") -> Table:
        """Creates the schema of a frame.

        Arguments:
            frame: A pandas data frame of numbers, words, categories, booleans and missing values.
            categorical_features: Which columns are categories; see `kinds_of`.
            name: The name of the frame in messages.

        Raises:
            InputError: If a column holds dates, infinity or objects, if two have one name, or if there are none.
        """
        names = tuple(map(str, frame.columns))
        check_column_names(names, name)
        if not names:
            checks.refuse(f"at least one column in {name}", "none", "pass data that is not empty")
        columns: list[Column] = []
        for i, kind in enumerate(kinds_of(frame, categorical_features, name)):
            series = frame.iloc[:, i]
            if kind == "number":
                columns.append(NumberColumn.fit(names[i], series, _where(names[i], name)))
            else:
                columns.append(CategoryColumn.fit(names[i], series))
                _warn_of_ids(columns[-1], len(frame))
        return cls(tuple(columns), frame.iloc[:0].copy())

    @cached_property
    def layout(self) -> Layout:
        """Which features of an encoded row belong to which column."""
        return Layout(tuple(column.block for column in self.columns))

    @cached_property
    def scaling(self) -> Scaling:
        """The range of the encoded rows, which are scaled already."""
        low, high = np.zeros(self.layout.width), np.ones(self.layout.width)
        for column, part in zip(self.columns, self.layout.slices, strict=True):
            if isinstance(column, NumberColumn):
                ends = column.scaled if len(column.scaled) else np.zeros(1)
                low[part.start], high[part.start] = min(0.0, *ends[[0, -1]]), max(0.0, *ends[[0, -1]])
        zeros = (0.0,) * self.layout.width
        return Scaling(zeros, (1.0,) * self.layout.width, tuple(low.tolist()), tuple(high.tolist()))

    @cached_property
    def observed(self) -> tuple[Tensor, ...]:
        """The scaled values seen in each column of numbers, sorted."""
        return tuple(torch.from_numpy(c.scaled) for c in self.columns if isinstance(c, NumberColumn))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each feature of an encoded row, such as `city=Rome`."""
        levels = [tuple(map(str, c.levels)) if isinstance(c, CategoryColumn) else () for c in self.columns]
        return self.layout.feature_names([column.name for column in self.columns], levels)

    def warn_of_row_numbers(self, size: int) -> None:
        """Warns of columns of numbers that count the rows, which may tell the label.

        Arguments:
            size: The number of rows at fit.
        """
        for column in self.columns:
            if not isinstance(column, NumberColumn) or column.has_missing or len(column.values) < size:
                continue
            if row_numbers.is_name(column.name) or row_numbers.counts(column.values):
                got = f"column {column.name!r} of x seems to number the samples, which may tell the label"
                warn(f"{got}; it is kept; if it is no measurement, drop it")

    def indices(self, kind: str) -> list[int]:
        """Returns the indices of the columns of a kind, `number` or `category`."""
        return [i for i, block in enumerate(self.layout.blocks) if block.kind == kind]

    def like(self, frame: Any, name: str = "near") -> Any:
        """Returns the columns of this table of a frame, in their order.

        Raises:
            InputError: If a column is lacking.
        """
        names, wanted = list(map(str, frame.columns)), [column.name for column in self.columns]
        check_column_names(tuple(names), name)
        if is_numbering(names) and len(names) == len(wanted):
            return frame
        lacking = [column for column in wanted if column not in names]
        if lacking:
            got = f"none called {checks.join_names(lacking, 5)}"
            checks.refuse(f"the columns seen at fit in {name}", got, "name the columns as in that data")
        return frame.iloc[:, [names.index(column) for column in wanted]]

    def encode(self, frame: Any, name: str = "X") -> Tensor:
        """Returns the rows of a frame as samples, `(N, D)`, float32.

        Arguments:
            frame: A data frame with the columns of this table.
            name: Its name in messages.

        Raises:
            InputError: If a column is lacking, or holds a category, or a missing value, that it did not at fit.
        """
        frame = self.like(frame, name)
        remedy = "leave out columns of words that are all different"
        limits.check_memory(f"a table of {self.layout.width} features", 4 * len(frame) * self.layout.width, remedy)
        parts = [c.encode(frame.iloc[:, i], _where(c.name, name)) for i, c in enumerate(self.columns)]
        return torch.from_numpy(np.concatenate(parts, axis=1))

    def decode(self, x: Tensor, parents: Any = None) -> Any:
        """Returns samples as a data frame with the columns, order and dtypes of the one seen at fit.

        Arguments:
            x: Encoded rows, `(N, D)`.
            parents: The real rows that they were made from, a data frame of as many rows: cells that encode the same are
                taken from it, so that a number that was not seen at fit, and the mark of a missing value, stay as they are.
        """
        import pandas

        known = None if parents is None else self.encode(self.like(parents)).numpy()
        values, data = x.detach().cpu().float().numpy(), {}
        for i, (column, part) in enumerate(zip(self.columns, self.layout.slices, strict=True)):
            series = _as_series(*column.decode(values[:, part]), self.template.dtypes.iloc[i])
            if known is not None:
                same = (values[:, part] == known[:, part]).all(1)
                series = _with_cells(self.like(parents).iloc[:, i].reset_index(drop=True), same, series)
            data[i] = series
        frame = pandas.DataFrame(data)
        frame.columns = self.template.columns
        return frame

    def texts(self, x: Tensor) -> list[tuple[str, ...]]:
        """Returns samples as the fields of a `.csv`, one tuple for each row; missing values are empty.

        Arguments:
            x: Encoded rows, `(N, D)`.
        """
        values, columns = x.detach().cpu().float().numpy(), []
        decimals = self.decimals or (-1,) * len(self.columns)
        for column, part, digits in zip(self.columns, self.layout.slices, decimals, strict=True):
            cells, missing = column.decode(values[:, part])
            pairs = zip(cells.tolist(), missing.tolist(), strict=True)
            columns.append(["" if gap else _text(value, digits) for value, gap in pairs])
        return list(zip(*columns, strict=True))


def as_frame(values: np.ndarray, columns: Sequence[Any] | None = None) -> Any:
    """Returns an array `(N, features)` as a data frame whose columns have the types of their values.

    Raises:
        InputError: If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        checks.refuse("pandas, for tables with categories or missing values", "none", "run: pip install pandas")
    frame = pandas.DataFrame(values, columns=columns)
    return frame.infer_objects() if values.dtype.kind == "O" else frame


def _as_series(values: np.ndarray, missing: np.ndarray, dtype: Any) -> Any:
    """Returns values, of which some are missing, as a pandas column of a dtype."""
    import pandas

    if hasattr(dtype, "categories"):
        return pandas.Series(
            pandas.Categorical(
                [None if gap else value for gap, value in zip(missing, values, strict=True)], dtype=dtype
            )
        )
    if not missing.any():
        plain = values.tolist() if values.dtype.kind == "O" else values
        return pandas.Series(plain, dtype=object if dtype.kind == "O" else None).astype(dtype)
    objects = values.astype(object)
    objects[missing] = np.nan if dtype.kind in "fO" and isinstance(dtype, np.dtype) else pandas.NA
    return pandas.Series(objects).astype(dtype)


def _with_cells(own: Any, same: np.ndarray, series: Any) -> Any:
    """Returns a column with those cells of its parents that are the same, in its own dtype if that can hold them."""
    try:
        cells = own.astype(series.dtype)
        fits = bool(((cells.astype(object) == own.astype(object)) | own.isna()).all())
    except (TypeError, ValueError):
        fits = False
    if fits:
        return cells.where(same, series)
    return own.astype(object).where(same, series.astype(object)).infer_objects()


def _text(value: Any, decimals: int) -> str:
    return f"{value:.{decimals}f}" if isinstance(value, float) and decimals >= 0 else str(value)


def _where(column: str, name: str) -> str:
    return f"column {column!r} of {name}"


def _warn_of_ids(column: Column, rows: int) -> None:
    size = column.block.size
    if size > MANY_LEVELS and size > LIKE_AN_ID * rows:
        got = f"column {column.name!r} has {size} different values in {rows} rows"
        warn(f"{got}, as names and IDs have; leave it out if it says nothing of the class")
