"""One column of a table: its values as features of a sample, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data.tables.layout import Block
from vaeaug.runtime import checks


class Column(ABC):
    """Abstract: a column. Concrete ones are frozen dataclasses with a `name` and `has_missing`."""

    name: str
    has_missing: bool

    @property
    @abstractmethod
    def block(self) -> Block:
        """The features that it takes."""

    @abstractmethod
    def encode(self, series: Any, where: str) -> np.ndarray:
        """Returns a pandas column as features, `(N, size)`, float32.

        Raises:
            InputError: If it holds a value that this column cannot have.
        """

    @abstractmethod
    def decode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the values of features, `(N, size)`, and where they are missing, each `(N,)`."""

    def _missing(self, series: Any, where: str) -> np.ndarray:
        missing = series.isna().to_numpy(dtype=bool)
        if missing.any() and not self.has_missing:
            got = f"{int(missing.sum())} missing of {len(series)}, and none at fit"
            checks.refuse(f"no missing values in {where}", got, "fit with rows that have some, or fill them in")
        return missing


@dataclass(frozen=True, eq=False)
class NumberColumn(Column):
    """A column of numbers.

    Arguments:
        name: The name of the column.
        values: The distinct values seen at fit, sorted: int64, uint64 or float64, so that no digit is lost.
        scaled: The scaled value of each, float32.
        has_missing: Whether values are missing.
    """

    name: str
    values: np.ndarray
    scaled: np.ndarray
    has_missing: bool

    @classmethod
    def fit(cls, name: str, series: Any, where: str) -> NumberColumn:
        """Creates the column of training data.

        Each value becomes the normal score of its rank (Blom, "Statistical estimates and transformed beta-variables", 1958),
        so that neither few far values (incomes, -9999 for none) nor a common one (zeros) flattens all others. On the tables
        of benchmarks/imbalanced.py this gains some 0.2 points over mean 0 and standard deviation 1.

        Raises:
            InputError: If a value is infinite.
        """
        numbers = _numbers(series.dropna(), where)
        values, counts = np.unique(numbers, return_counts=True)
        return cls(name, values, _scaled(counts), bool(series.isna().any()))

    @property
    def block(self) -> Block:
        return Block("number", 1 + self.has_missing, self.has_missing)

    def encode(self, series: Any, where: str) -> np.ndarray:
        missing = self._missing(series, where)
        x = np.zeros((len(series), self.block.size), dtype=np.float32)
        numbers = _numbers(series[~missing], where)
        if len(self.values) and len(numbers):
            index = np.searchsorted(self.values, numbers).clip(max=len(self.values) - 1)
            between = np.interp(numbers.astype(float), self.values.astype(float), self.scaled)
            x[~missing, 0] = np.where(self.values[index] == numbers, self.scaled[index], between)
        if self.has_missing:
            x[:, 1] = missing
        return x

    def decode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Synthetic numbers were seen, those of a user's own rows may lie between.
        missing = x[:, 1] > 0.5 if self.has_missing else np.zeros(len(x), dtype=bool)
        if not len(self.values):
            return np.zeros(len(x)), np.ones(len(x), dtype=bool)
        index = nearest(torch.from_numpy(self.scaled), torch.from_numpy(x[:, 0])).numpy()
        values, unseen = self.values[index], self.scaled[index] != x[:, 0]
        if unseen.any():
            between = np.interp(x[unseen, 0], self.scaled, self.values.astype(float))
            values[unseen] = np.rint(between) if values.dtype.kind in "iu" else between
        return values, missing


@dataclass(frozen=True, eq=False)
class CategoryColumn(Column):
    """A column of categories.

    Arguments:
        name: The name of the column.
        levels: The distinct values seen at fit.
        has_missing: Whether values are missing.
    """

    name: str
    levels: tuple[Any, ...]
    has_missing: bool

    @classmethod
    def fit(cls, name: str, series: Any) -> CategoryColumn:
        """Creates the column of training data. Categories that no row has are no levels."""
        levels = _plain(series.dropna().unique())
        levels.sort(
            key=lambda level: (type(level).__name__, level if isinstance(level, str | int | float) else str(level))
        )
        has_missing = bool(series.isna().any())
        return cls(name, tuple(levels), has_missing)

    @property
    def block(self) -> Block:
        return Block("category", len(self.levels) + self.has_missing, self.has_missing)

    def encode(self, series: Any, where: str) -> np.ndarray:
        import pandas

        missing = self._missing(series, where)
        codes, distinct = pandas.factorize(series)
        level_of = {level: i for i, level in enumerate(self.levels)}
        distinct = _plain(distinct)
        unseen = [level for level in distinct if level not in level_of]
        if unseen:
            known = checks.join_names(list(map(str, self.levels)), 8)
            checks.refuse(f"categories seen at fit in {where} ({known})", repr(unseen[0]), "fit with rows that have it")
        # The code -1 of a missing value is the last entry: the level of missing values.
        level_of_code = np.array([*(level_of[level] for level in distinct), len(self.levels)], dtype=np.int64)
        x = np.zeros((len(series), self.block.size), dtype=np.float32)
        x[np.arange(len(series)), level_of_code[np.where(missing, -1, codes)]] = 1
        return x

    def decode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        code = x.argmax(1)
        missing = code == len(self.levels)
        levels = np.empty(len(self.levels) + 1, dtype=object)
        levels[:-1] = self.levels
        return levels[code], missing


def nearest(candidates: Tensor, values: Tensor) -> Tensor:
    """Returns the index of the nearest candidate for each value, `(N,)`; of two, the smaller one.

    Arguments:
        candidates: One number or more, sorted, `(C,)`.
        values: The values, `(N,)`.
    """
    above = torch.searchsorted(candidates, values.contiguous()).clamp(max=len(candidates) - 1)
    below = (above - 1).clamp(min=0)
    return torch.where(values - candidates[below] <= candidates[above] - values, below, above)


def _numbers(series: Any, where: str) -> np.ndarray:
    """Returns a column without missing values as int64, uint64 or float64."""
    values = series.to_numpy()
    if values.dtype.kind == "O":
        whole = all(isinstance(value, int | np.integer) for value in values)
        try:
            values = values.astype(np.int64 if whole else np.float64)
        except OverflowError:
            values = values.astype(np.float64)
    values = values.astype({"b": np.int64, "i": np.int64, "u": np.uint64}.get(values.dtype.kind, np.float64))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        got = f"infinity in {int((~np.isfinite(values)).sum())} of {len(values)} rows"
        checks.refuse(f"finite numbers in {where}", got, "replace it, or mark it as missing")
    return values


def _scaled(counts: np.ndarray) -> np.ndarray:
    """Returns the scaled value of each distinct value, float32, from how often each occurs."""
    ranks = torch.from_numpy((counts.cumsum() - counts / 2) / counts.sum())
    return torch.special.ndtri(ranks).numpy().astype(np.float32)


def _plain(levels: Any) -> list[Any]:
    """Returns levels as Python's own words, numbers and truth values."""
    return [level.item() if isinstance(level, np.generic) else level for level in levels]
