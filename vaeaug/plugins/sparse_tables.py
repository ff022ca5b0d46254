"""Sparse matrices, as a `OneHotEncoder` makes them, at the doors of scikit-learn and imbalanced-learn."""

# ruff: noqa: N803 (X is what scikit-learn calls it)
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from vaeaug.data.tables.kinds import AUTO, is_auto
from vaeaug.runtime import limits


@dataclass(frozen=True, eq=False)
class SparseTable:
    """A sparse matrix as a table.

    Neighbouring columns of zeros and ones of which every row has exactly one 1 are a category together, so that synthetic
    rows have exactly one 1 in them, too. Other columns of zeros and ones are categories each, and all others numbers.

    Arguments:
        X: The matrix, `(N, features)`.
        parts: The columns that become one column of the table, `(first, last + 1)`.
        frame: The table, a data frame of pandas; None if all columns are numbers, without missing ones.
    """

    X: Any
    parts: tuple[tuple[int, int], ...]
    frame: Any

    @classmethod
    def of(cls, X: Any, categorical_features: Any = AUTO) -> SparseTable | None:
        """Returns a sparse matrix or array as a table; None if X is no such matrix.

        Arguments:
            X: What the user passed.
            categorical_features: The columns that are categories, by themselves; "auto" finds them as above.
        """
        if not scipy.sparse.issparse(X):
            return None
        columns = X.tocsc()
        limits.check_memory(f"a dense table of {X.shape[1]} columns", 8 * X.shape[0] * X.shape[1], "pass fewer columns")
        if not is_auto(categorical_features):
            parts = tuple((i, i + 1) for i in range(X.shape[1]))
            return cls(X, parts, _frame(columns, parts, frozenset()))
        binary = _binary(columns)
        parts = _parts(columns, binary)
        is_numeric = not binary and not np.isnan(columns.data).any()
        return cls(X, parts, None if is_numeric else _frame(columns, parts, binary))

    @property
    def categorical_features(self) -> np.ndarray:
        """The indices of the columns of X that are categories, or parts of one."""
        spans = [range(*part) for i, part in enumerate(self.parts) if hasattr(self.frame.dtypes.iloc[i], "categories")]
        return np.array([column for span in spans for column in span], dtype=int)

    def append(self, synthetic: Any) -> Any:
        """Returns X followed by synthetic rows, in its format.

        Arguments:
            synthetic: A data frame like `frame`, or an array `(n, features)` if there is none.
        """
        size, width = len(synthetic), self.X.shape[1]
        dense = np.zeros((size, width), dtype=self.X.dtype)
        if self.frame is None:
            dense[:] = synthetic
        else:
            for i, (first, end) in enumerate(self.parts):
                values = synthetic.iloc[:, i].to_numpy()
                if end - first > 1:
                    dense[np.arange(size), first + values.astype(int)] = 1
                else:
                    dense[:, first] = values
        kind = scipy.sparse.csr_array if isinstance(self.X, scipy.sparse.sparray) else scipy.sparse.csr_matrix
        return scipy.sparse.vstack([self.X, kind(dense)], format=self.X.format, dtype=self.X.dtype)


def _binary(columns: Any) -> frozenset[int]:
    """Returns the columns of zeros and ones, of which at least one is a 1."""
    found = []
    for i in range(columns.shape[1]):
        values = columns.data[columns.indptr[i] : columns.indptr[i + 1]]
        if values.any() and ((values == 0) | (values == 1)).all():
            found.append(i)
    return frozenset(found)


def _parts(columns: Any, binary: frozenset[int]) -> tuple[tuple[int, int], ...]:
    """Returns the columns that belong together."""
    parts, first = [], 0
    while first < columns.shape[1]:
        end = _end_of_category(columns, binary, first)
        parts.append((first, end))
        first = end
    return tuple(parts)


def _end_of_category(columns: Any, binary: frozenset[int], first: int) -> int:
    """Returns where the one-hot columns of a category that starts at `first` end, or `first + 1` if none does."""
    rows, covered = columns.shape[0], np.zeros(columns.shape[0], dtype=bool)
    end = first
    while end in binary:
        span = slice(columns.indptr[end], columns.indptr[end + 1])
        own = columns.indices[span][columns.data[span] != 0]
        if covered[own].any():
            break
        covered[own] = True
        end += 1
        if covered.sum() == rows:
            return end
    return first + 1


def _frame(columns: Any, parts: tuple[tuple[int, int], ...], binary: frozenset[int]) -> Any:
    import pandas

    series = {}
    for i, (first, end) in enumerate(parts):
        values = columns[:, first:end].toarray()
        if end - first > 1:
            series[i] = pandas.Categorical(values.argmax(1), categories=range(end - first))
        elif first in binary:
            series[i] = pandas.Categorical(values[:, 0])
        else:
            series[i] = values[:, 0]
    return pandas.DataFrame(series)
