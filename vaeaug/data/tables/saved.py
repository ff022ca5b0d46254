"""What is saved of the schema of a table: words and whole numbers as JSON, the values of columns of numbers as tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from vaeaug.data.tables.columns import CategoryColumn, Column, NumberColumn
from vaeaug.data.tables.table import Table
from vaeaug.runtime import checks, schema

PREFIX = "table."  # of the names of the tensors
Level = str | int | bool | float
NUMBERS = {f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)} - {"float8"}
ARROW = {f"{name}[pyarrow]" for name in (*NUMBERS, "double", "float", "bool", "string")}
DTYPES = {*NUMBERS, *(name.replace("i", "I", 1).replace("uI", "UI") for name in NUMBERS), "Float32", "Float64", *ARROW}
DTYPES |= {"bool", "boolean", "object", "str", "string", "category"}


@dataclass(frozen=True)
class SavedColumn:
    """A column.

    Arguments:
        label: Its label in the frame.
        kind, has_missing: See `vaeaug.data.tables.layout.Block`.
        dtype: Its dtype in pandas.
        levels: The values seen at fit, of a column of categories.
        categories: All categories of a `category` dtype, in their order, with those that no row had.
        categories_dtype: Their dtype.
        ordered: Whether their order has a meaning.
        decimals: See `Table`.
        unsigned: Whether the values of a column of numbers are unsigned whole numbers of 64 bits.
    """

    label: str | int
    kind: Literal["number", "category"]
    has_missing: bool
    dtype: str
    levels: tuple[Level, ...] = ()
    categories: tuple[Level, ...] = ()
    categories_dtype: str = ""
    ordered: bool = False
    unsigned: bool = False
    decimals: Annotated[int, schema.Between(-1, 400)] = -1


def describe(table: Table) -> tuple[SavedColumn, ...]:
    """Returns what is written of a table as JSON.

    Raises:
        InputError: If a category or a label is neither a word, a number nor a truth value, so that JSON cannot hold it.
    """
    decimals = table.decimals or (-1,) * len(table.columns)
    pairs = zip(table.columns, table.template.columns, table.template.dtypes, strict=True)
    return tuple(replace(_describe(*pair), decimals=n) for pair, n in zip(pairs, decimals, strict=True))


def _describe(column: Column, label: Any, dtype: Any) -> SavedColumn:
    where = f"column {column.name!r}"
    label = label.item() if isinstance(label, np.generic) else label
    if not isinstance(label, str | int):
        remedy = "rename the columns before fit"
        checks.refuse("labels of columns that are text or whole numbers, to be saved", repr(label), remedy)
    name = "category" if hasattr(dtype, "categories") else str(dtype)
    if name not in DTYPES:
        checks.refuse(f"a dtype that can be saved in {where}", name, "convert it with astype before fit")
    levels = column.levels if isinstance(column, CategoryColumn) else ()
    categories, categories_dtype, ordered = (), "", False
    if hasattr(dtype, "categories"):
        categories = tuple(level.item() if isinstance(level, np.generic) else level for level in dtype.categories)
        categories_dtype, ordered = str(dtype.categories.dtype), bool(dtype.ordered)
    for level in (*levels, *categories):
        if not isinstance(level, Level):
            got = f"{type(level).__name__} {level}"
            checks.refuse(f"categories that are words, numbers or truth values in {where}", got, "use astype(str)")
    unsigned = isinstance(column, NumberColumn) and column.values.dtype == np.uint64
    kind = column.block.kind
    return SavedColumn(label, kind, column.has_missing, name, levels, categories, categories_dtype, ordered, unsigned)


def tensors_of(table: Table) -> dict[str, Tensor]:
    """Returns the values of the columns of numbers by their names in the file."""
    tensors = {}
    for i, column in enumerate(table.columns):
        if isinstance(column, NumberColumn):
            values = column.values.view(np.int64) if column.values.dtype == np.uint64 else column.values
            tensors[f"{PREFIX}{i}.values"] = torch.from_numpy(values.copy())
            tensors[f"{PREFIX}{i}.scaled"] = torch.from_numpy(column.scaled.copy())
    return tensors


def restore(saved: tuple[SavedColumn, ...], tensors: dict[str, Tensor], width: int) -> Table | None:
    """Returns the table that `describe` and `tensors_of` tell of; None if they do not fit each other.

    Arguments:
        saved: What JSON says.
        tensors: The tensors in the file.
        width: The number of features of the encoded rows.

    Raises:
        InputError: If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        checks.refuse("pandas, for tables with categories or missing values", "none", "run: pip install pandas")
    columns, parts = [], []
    for i, of_column in enumerate(saved):
        column = _column(of_column, tensors.get(f"{PREFIX}{i}.values"), tensors.get(f"{PREFIX}{i}.scaled"))
        if column is None or not _dtypes_known(of_column):
            return None
        columns.append(column)
        try:
            parts.append(pandas.Series([], dtype=_dtype(of_column)))
        except (TypeError, ValueError, ImportError):
            return None
    template = pandas.concat(parts, axis=1) if parts else pandas.DataFrame()
    labels = [of_column.label for of_column in saved]
    template.columns = pandas.RangeIndex(len(labels)) if labels == list(range(len(labels))) else labels
    table = Table(tuple(columns), template, tuple(of_column.decimals for of_column in saved))
    return table if table.layout.width == width else None


def _dtypes_known(saved: SavedColumn) -> bool:
    return saved.dtype in DTYPES and (saved.categories_dtype in DTYPES - {"category"}) == (saved.dtype == "category")


def _dtype(saved: SavedColumn) -> Any:
    import pandas

    if saved.dtype != "category":
        return saved.dtype
    return pandas.CategoricalDtype(pandas.Index(list(saved.categories), dtype=saved.categories_dtype), saved.ordered)


def _column(saved: SavedColumn, values: Tensor | None, scaled: Tensor | None) -> Column | None:
    name = str(saved.label)
    if saved.kind == "category":
        return CategoryColumn(name, saved.levels, saved.has_missing) if saved.levels or saved.has_missing else None
    if values is None or scaled is None or values.ndim != 1 or values.shape != scaled.shape:
        return None
    if values.dtype not in (torch.int64, torch.float64) or scaled.dtype != torch.float32:
        return None
    if not scaled.isfinite().all() or (scaled.diff() < 0).any():
        return None
    numbers = values.numpy().copy()
    numbers = numbers.view(np.uint64) if saved.unsigned and numbers.dtype == np.int64 else numbers
    return NumberColumn(name, numbers, scaled.numpy().copy(), saved.has_missing)
