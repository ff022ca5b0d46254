"""Samples and labels of any kind in a form that scikit-learn reads rightly, or one clear error.

scikit-learn and imbalanced-learn check arrays of numbers and labels themselves; here stand the cases that they read wrongly
(masked values, nullable labels) or leave to errors of numpy, torch or pandas (several lengths, gradients, dates).
"""

# ruff: noqa: N803 (X is what scikit-learn calls it)
from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data import frames, images
from vaeaug.data.label_values import as_array, is_missing
from vaeaug.data.other_frames import is_other_series
from vaeaug.data.tensors import as_tensor
from vaeaug.runtime import checks

LIMIT = float(np.finfo(np.float32).max)


def readable_samples(X: Any) -> Any:
    """Returns samples as scikit-learn can read them: a frame, an array or a list; tensors and PIL images as arrays.

    Raises:
        InputError: If they differ in shape, or if values are missing or no numbers and scikit-learn would not say so.
    """
    if isinstance(X, Tensor):
        return _array(as_tensor("X", X))
    if frames.is_frame(X):
        frames.read("X", X)
        return X
    if hasattr(X, "columns") or hasattr(X, "column_names"):
        kind = f"{type(X).__module__.split('.')[0]}.{type(X).__name__}"
        checks.refuse("X as an array or a pandas data frame", kind, "pass X.to_pandas() or X.to_numpy()")
    if isinstance(X, list | tuple):
        return _readable_list(X)
    if isinstance(X, np.ma.MaskedArray):
        as_tensor("X", X)  # refuses masked values
        return np.ma.getdata(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "mMV":
        checks.refuse("numbers in X", f"dtype {X.dtype}", "convert them to numbers first")
    if isinstance(X, np.ndarray) and X.dtype.kind == "O":
        _check_objects(X)
    return X


def readable_labels(y: Any, *, keep_container: bool = False) -> Any:
    """Returns labels as scikit-learn can read them; the type of arrays of numbers or words does not change.

    Arguments:
        y: The labels, `(N,)`; anything that has two axes is left to scikit-learn.
        keep_container: Whether a pandas series remains one.

    Raises:
        InputError: If labels are missing, of several kinds or of several lengths.
    """
    y = y.to_list() if is_other_series(y) else y
    if isinstance(y, Tensor):
        y = _array(as_tensor("y", y))
    if isinstance(y, np.ma.MaskedArray):
        _refuse_missing(int(np.ma.count_masked(y)), y.size)
        return np.ma.getdata(y)
    if isinstance(y, list | tuple):
        _check_label_list(y)
        return y
    dtype = getattr(y, "dtype", None)
    if dtype is None or getattr(y, "ndim", 1) != 1 or (isinstance(dtype, np.dtype) and dtype.kind not in "OU"):
        return y
    _refuse_missing(sum(map(is_missing, np.asarray(y, dtype=object).tolist())), len(y))
    values = as_array(y)[0]
    if values.dtype.kind == "U":
        return y
    if keep_container and hasattr(y, "iloc"):
        return y.infer_objects()
    return values


def as_float32(X: np.ndarray) -> np.ndarray:
    """Returns numbers as float32, in which the VAE computes.

    Raises:
        InputError: If one is too large for it.
    """
    with np.errstate(over="ignore"):
        x = X.astype(np.float32)
    if not np.isfinite(x).all():
        largest = float(np.abs(X.astype(np.float64)).max())
        remedy = "rescale X, for example with a StandardScaler in front"
        checks.refuse(f"numbers up to {LIMIT:.2g} in X", f"one of size {largest:.2g}", remedy)
    return x


def _array(x: Tensor) -> np.ndarray:
    return (x.float() if x.dtype == torch.bfloat16 else x).cpu().numpy()


def _readable_list(X: list[Any] | tuple[Any, ...]) -> Any:
    """Returns a list of samples; one of tensors or PIL images as an array."""
    if any(isinstance(row, Tensor | np.ma.MaskedArray) or images.is_pil_image(row) for row in X):
        return _array(as_tensor("X", X))
    try:
        array = np.asarray(X)
    except ValueError:
        remedy = "pass samples with the same number of values each"
        checks.refuse("samples of one shape in X", "samples of several shapes", remedy)
    if array.dtype.kind == "O":
        _check_objects(array)
    return X


def _check_objects(X: np.ndarray) -> None:
    """Refuses sequences and words in an array of objects; scikit-learn refuses all else that is no number."""
    for value in X.ravel().tolist():
        if isinstance(value, list | tuple | np.ndarray | Tensor):
            checks.refuse("samples of one shape in X", "an array of sequences", "stack them: np.stack(X)")
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                checks.refuse("numbers in X", repr(value), "encode words as numbers first")


def _check_label_list(y: list[Any] | tuple[Any, ...]) -> None:
    """Refuses a list with missing labels, or labels of several kinds or lengths."""
    nested = [np.shape(row) for row in y if isinstance(row, list | tuple | np.ndarray | Tensor) and np.ndim(row)]
    if nested and len(nested) == len(y) and len(set(nested)) == 1:
        return  # a matrix, which scikit-learn judges
    if not all(isinstance(label, Real) for label in y):
        _refuse_missing(sum(map(is_missing, y)), len(y))
        as_array(y)


def _refuse_missing(count: int, size: int) -> None:
    if count:
        checks.refuse("a label for every sample", f"{count} missing of {size}", "drop these samples first")
