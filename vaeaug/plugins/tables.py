"""Tables with categories and missing values at the doors of scikit-learn and imbalanced-learn."""

# ruff: noqa: N803 (X is what scikit-learn calls it)
from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data
from torch import Tensor

from vaeaug.data.frames import is_frame
from vaeaug.data.other_frames import OtherFrame, is_other_frame, to_pandas
from vaeaug.data.tables.kinds import AUTO, is_auto, is_mixed, kinds_of
from vaeaug.data.tables.table import as_frame
from vaeaug.plugins.resampling_inputs import readable_samples
from vaeaug.plugins.sparse_tables import SparseTable
from vaeaug.runtime import checks


def as_table(X: Any, categorical_features: Any = AUTO) -> Any:
    """Returns X as a pandas data frame if it is a table with categories or missing values, else None.

    Frames of other libraries and sparse matrices are read, too.

    Arguments:
        X: What the user passed.
        categorical_features: The columns that are categories. If they are named, X is a table in any case.

    Raises:
        InputError: If they are named, and X is no table.
    """
    sparse = SparseTable.of(X, categorical_features)
    if sparse is not None:
        return sparse.frame
    read = to_pandas(X)
    if not is_table(read, categorical_features):
        return None
    return read if is_frame(read) else as_frame(np.asarray(_array(read)))


def as_numbers(X: Any) -> Any:
    """Returns a frame of another library as one of pandas, sparse samples as dense ones, and all else as they are."""
    if scipy.sparse.issparse(X):
        return X.toarray()
    read = to_pandas(X)
    dtypes = dict(read.dtypes) if is_frame(read) else {}
    sparse = {column: dtype.subtype for column, dtype in dtypes.items() if hasattr(dtype, "fill_value")}
    return read.astype(sparse) if sparse else read


def is_table(X: Any, categorical_features: Any = AUTO) -> bool:
    """Returns whether `as_table` gives a frame."""
    is_auto_ = is_auto(categorical_features)
    if is_frame(X):
        return not is_auto_ or is_mixed(X)
    foreign = hasattr(X, "toarray") or hasattr(X, "columns") or isinstance(X, np.ma.MaskedArray | Tensor)
    values = None if foreign else _array(X)
    if values is None or values.ndim != 2:
        if not is_auto_ and not isinstance(X, Tensor):
            remedy = "pass an array or a pandas data frame, or leave the argument out"
            checks.refuse("a table (N, features) with categorical_features", type(X).__name__, remedy)
        return False
    return not is_auto_ or _has_gaps_or_words(values)


def readable(X: Any, categorical_features: Any = AUTO) -> Any:
    """Returns a table as it is, and all other samples as `readable_samples` does."""
    if scipy.sparse.issparse(X):
        return X
    if is_other_frame(X):
        readable(to_pandas(X), categorical_features)
        return X
    return X if is_table(X, categorical_features) else readable_samples(X)


def _array(X: Any) -> np.ndarray | None:
    """Returns samples as an array; None for those that `readable_samples` has to look at first, and for ragged ones."""
    if isinstance(X, list | tuple) and any(isinstance(row, Tensor | np.ma.MaskedArray) for row in X):
        return None
    try:
        values = np.asarray(X)
        # In an array of words all numbers would be words, too.
        return np.asarray(X, dtype=object) if values.dtype.kind in "US" and isinstance(X, list | tuple) else values
    except ValueError:
        return None


def _has_gaps_or_words(values: np.ndarray) -> bool:
    if values.dtype.kind in "US":
        return True
    if values.dtype.kind == "O":
        # Words that are numbers are read as such, as scikit-learn does; sequences are refused elsewhere.
        flat = values.ravel().tolist()
        return all(value is None or isinstance(value, str | Real) for value in flat) and any(map(_is_gap_or_word, flat))
    return values.dtype.kind == "f" and bool(np.isnan(values).any())


def _is_gap_or_word(value: Any) -> bool:
    if isinstance(value, str):
        try:
            return math.isnan(float(value))
        except ValueError:
            return True
    return value is None or value != value


def check(estimator: Any, X: Any, frame: Any, y: Any) -> np.ndarray:
    """Sets what an estimator knows of its columns, and returns the labels.

    Arguments:
        estimator: The estimator, with `categorical_features`.
        X: What the user passed.
        frame: The table.
        y: The labels.
    """
    validate_data(estimator, frame, skip_check_array=True)
    kinds = np.array(kinds_of(frame, getattr(estimator, "categorical_features", AUTO)))
    estimator.categorical_features_ = np.flatnonzero(kinds == "category")
    estimator.continuous_features_ = np.flatnonzero(kinds == "number")
    sparse = SparseTable.of(X, getattr(estimator, "categorical_features", AUTO))
    if sparse is not None:
        estimator.n_features_in_ = X.shape[1]
        if is_auto(getattr(estimator, "categorical_features", AUTO)):
            estimator.categorical_features_ = sparse.categorical_features
            estimator.continuous_features_ = np.setdiff1d(np.arange(X.shape[1]), sparse.categorical_features)
    y = column_or_1d(y)
    check_consistent_length(frame, y)
    return y


def append(X: Any, read: Any, synthetic: Any, categorical_features: Any = AUTO) -> Any:
    """Returns X with synthetic rows at its end: a data frame or sparse matrix of the same kind, else an array.

    Arguments:
        X: What the user passed.
        read: The same as a data frame of pandas, or as an array of numbers.
        synthetic: The synthetic rows, of the kind of `read`.
        categorical_features: The columns that are categories.
    """
    sparse, other = SparseTable.of(X, categorical_features), OtherFrame.of(X)
    if sparse is not None:
        return sparse.append(synthetic)
    if other is not None or is_frame(X):
        import pandas

        frame = to_pandas(X)
        if not is_frame(synthetic):
            synthetic = pandas.DataFrame(synthetic, columns=frame.columns).astype(frame.dtypes)
        return pandas.concat([frame, synthetic], ignore_index=True) if other is None else other.append(synthetic)
    if not is_frame(read):
        return np.concatenate([read, synthetic])
    values = _array(X)
    assert values is not None
    return np.concatenate([values, synthetic.to_numpy(dtype=values.dtype)])
