"""The columns of tables, as they are compared: numbers and categories, the same in all sets of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from vaeaug.data.frames import is_numbering
from vaeaug.data.samples import Samples
from vaeaug.data.tables.columns import CategoryColumn
from vaeaug.runtime import checks


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of one set.

    Arguments:
        number_names: The names of the columns of numbers.
        numbers: Their values, `(N, A)`, float64, NaN where they are missing.
        category_names: The names of the columns of categories.
        categories: Their values as indices into the levels, `(N, B)`, int64, -1 where they are missing.
        levels: The levels of each column of categories, those of all sets together.
        with_gaps: Which columns of numbers have missing values in any set, booleans `(A,)`.
    """

    number_names: tuple[str, ...]
    numbers: np.ndarray
    category_names: tuple[str, ...]
    categories: np.ndarray
    levels: tuple[tuple[str, ...], ...]
    with_gaps: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, index: np.ndarray) -> Columns:
        """Returns the rows at an index."""
        return replace(self, numbers=self.numbers[index], categories=self.categories[index])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, numbers first."""
        return (*self.number_names, *self.category_names)

    @property
    def is_mixed(self) -> bool:
        """Whether there are categories or missing values."""
        return bool(self.category_names) or bool(self.with_gaps.any())

    def content(self) -> np.ndarray:
        """Returns all values of each row as float64, `(N, A + B)`; missing ones are the same NaN."""
        numbers = np.where(np.isnan(self.numbers), np.nan, self.numbers) + 0.0  # -0.0 is 0.0
        return np.concatenate([numbers, self.categories.astype(float)], axis=1)

    def texts(self, row: int) -> tuple[str, ...]:
        """Returns the cells of a row as texts, in the order of `names`; missing ones are empty."""
        numbers = ["" if np.isnan(value) else f"{value:.6g}" for value in self.numbers[row]]
        categories = [self.levels[j][code] if code >= 0 else "" for j, code in enumerate(self.categories[row])]
        return (*numbers, *categories)

    def encoded(self) -> np.ndarray:
        """Returns the rows as features for classifiers, `(N, D)`, float32.

        Numbers stay as they are, with 0 and a flag where they are missing; categories are one-hot.
        """
        flags = np.isnan(self.numbers)
        parts = [np.where(flags, 0, self.numbers), flags[:, self.with_gaps]]
        for j, levels in enumerate(self.levels):
            parts.append(self.categories[:, j][:, None] == np.arange(len(levels)))
        return np.concatenate(parts, axis=1).astype(np.float32)


class _Raw(NamedTuple):
    """A column before all sets agree: its values, where they are missing, and whether it holds categories or truth values."""

    values: np.ndarray
    missing: np.ndarray
    is_category: bool
    is_boolean: bool


def common_columns(sets: Sequence[Samples], names: Sequence[str]) -> list[Columns]:
    """Returns the columns of tables, those of the first one in each.

    A column that holds categories in any of them holds categories in all. Truth values are categories.

    Arguments:
        sets: The tables, the real one first.
        names: What they are called in messages.

    Raises:
        InputError: If a column is lacking.
    """
    raw = [_raw_columns(samples) for samples in sets]
    wanted = list(raw[0])
    for i, columns in enumerate(raw):
        raw[i] = _with_names(columns, wanted, names[i])
    kinds = {name: any(columns[name].is_category for columns in raw) for name in wanted}
    number_names = tuple(name for name in wanted if not kinds[name])
    category_names = tuple(name for name in wanted if kinds[name])
    # float32 is what an array or a file of numbers alone is read as.
    single = any(samples.table is None for samples in sets)
    numbers = [[_as_numbers(columns[name], single) for name in number_names] for columns in raw]
    texts = [{name: _as_texts(columns[name], _booleans(raw, name)) for name in category_names} for columns in raw]
    levels = tuple(
        tuple(sorted({text for own in texts for text in own[name] if text is not None})) for name in category_names
    )
    with_gaps = np.array([any(columns[name].missing.any() for columns in raw) for name in number_names], dtype=bool)
    result = []
    for samples, own_numbers, own_texts in zip(sets, numbers, texts, strict=True):
        codes = [
            np.array([-1 if text is None else code[text] for text in own_texts[name]], dtype=np.int64)
            for name, code in zip(category_names, map(_codes, levels), strict=True)
        ]
        size = len(samples)
        result.append(
            Columns(
                number_names,
                np.stack(own_numbers, 1) if own_numbers else np.empty((size, 0)),
                category_names,
                np.stack(codes, 1) if codes else np.empty((size, 0), dtype=np.int64),
                levels,
                with_gaps,
            )
        )
    return result


def _codes(levels: Sequence[str]) -> dict[str, int]:
    return {level: i for i, level in enumerate(levels)}


def _booleans(raw: Sequence[dict[str, _Raw]], name: str) -> bool:
    return any(columns[name].is_boolean for columns in raw)


def _raw_columns(samples: Samples) -> dict[str, _Raw]:
    x = samples.x.numpy()
    if samples.table is not None:
        result = {}
        for column, part in zip(samples.table.columns, samples.table.layout.slices, strict=True):
            values, missing = column.decode(x[:, part])
            is_category = isinstance(column, CategoryColumn)
            levels = column.levels if isinstance(column, CategoryColumn) else ()
            is_boolean = bool(levels) and all(isinstance(level, bool) for level in levels)
            result[column.name] = _Raw(values, missing, is_category, is_boolean)
        return result
    names = samples.columns[:-1] or tuple(map(str, range(x.shape[1])))
    booleans = [j in samples.boolean_columns for j in range(x.shape[1])]
    gaps = np.zeros(len(x), dtype=bool)
    return {name: _Raw(x[:, j], gaps, booleans[j], booleans[j]) for j, name in enumerate(names)}


def _with_names(columns: dict[str, _Raw], wanted: Sequence[str], name: str) -> dict[str, _Raw]:
    own = list(columns)
    if own == list(wanted):
        return columns
    if len(own) == len(wanted) and (is_numbering(own) or is_numbering(wanted)):
        return dict(zip(wanted, columns.values(), strict=True))
    lacking = [column for column in wanted if column not in columns]
    if lacking:
        got = f"none called {checks.join_names(lacking, 5)}"
        checks.refuse(f"the columns of the real samples in {name}", got, "name the columns alike")
    return {column: columns[column] for column in wanted}


def _as_numbers(column: _Raw, single: bool) -> np.ndarray:
    values = column.values.astype(float)
    values = values.astype(np.float32).astype(float) if single else values
    return np.where(column.missing, np.nan, values)


def _as_texts(column: _Raw, boolean: bool) -> list[str | None]:
    cells = zip(column.values.tolist(), column.missing.tolist(), strict=True)
    return [None if gap else _text(value, boolean) for value, gap in cells]


def _text(value: Any, boolean: bool) -> str:
    if isinstance(value, bool) or (boolean and value in (0, 1)):
        return str(bool(value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
