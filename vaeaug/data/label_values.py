"""Labels in any form as one array: one number, truth value or text for each sample; missing ones are refused."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data.columns import listed
from vaeaug.runtime import checks

# What pandas reads as a missing value. np.array(["a", np.nan]) holds the word "nan".
# fmt: off
MISSING_WORDS = frozenset((
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
))
# fmt: on
# Larger whole numbers are codes of classes, not their numbers; no list of names reaches up to them.
MAX_CLASSES = 100_000


def as_array(y: Any, names: Sequence[str] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns one label for each sample, and the class names that one-hot columns give.

    Arguments:
        y: The labels; see `labels.encode`.
        names: The class names, if they are known; words that usually stand for missing values may be among them.

    Returns:
        Whole numbers, other numbers, booleans or texts, `(N,)`, and the names of the columns if they were one-hot.

    Raises:
        InputError: If labels are missing, of several kinds or lengths, or if there is not one for each sample.
    """
    columns: tuple[str, ...] = ()
    y = listed(y)
    if isinstance(y, Tensor):
        if y.layout != torch.strided or y.is_quantized:
            checks.refuse("labels as a dense tensor", str(y.layout).removeprefix("torch."), "pass y.to_dense()")
        y = y.detach().cpu()
        values = (y.float() if y.dtype in (torch.bfloat16, torch.half) else y).numpy()
    elif hasattr(y, "toarray"):
        checks.refuse("labels as a dense array", type(y).__name__, "pass y.toarray()")
    else:
        if hasattr(y, "columns"):
            columns = tuple(map(str, y.columns))
        values = _from_sequence(y)
    return _one_label_each(_plain(values, names), columns)


def _from_sequence(y: Any) -> np.ndarray:
    if isinstance(y, np.ma.MaskedArray):
        _refuse_missing(int(np.ma.count_masked(y)), y.size)
        return np.ma.getdata(y)
    if isinstance(y, list | tuple):
        return np.asarray(y) if y and all(isinstance(label, Real) for label in y) else _from_list(y)
    # A column of pandas keeps its missing values only as objects.
    return np.asarray(y) if isinstance(getattr(y, "dtype", None), np.dtype) else np.asarray(y, dtype=object)


def _from_list(y: Sequence[Any]) -> np.ndarray:
    """Returns labels, or rows of one-hot labels, as an array of objects. numpy is not left to guess how deep the list is."""
    rows = [row.tolist() if isinstance(row, Tensor | np.ndarray | np.generic) else row for row in y]
    nested = [row for row in rows if isinstance(row, list | tuple | range)]
    if not nested:
        values = np.empty(len(rows), dtype=object)
        for i, label in enumerate(rows):
            values[i] = label
        return values
    same = len(nested) == len(rows) and len({len(row) for row in nested}) == 1
    if not same or not all(isinstance(label, Real) for row in nested for label in row):
        checks.refuse("one label for each sample", "labels of several lengths", "pass one class per sample")
    return np.array([list(row) for row in nested])


def _plain(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns labels as whole numbers, booleans or texts where they are such; a word for a missing value may be a name."""
    if values.dtype.kind == "O":
        values = _from_objects(values, names)
    if values.dtype.kind == "S":
        values = np.array([_text(v) for v in values.ravel().tolist()]).reshape(values.shape)
    if values.dtype.kind == "T":  # numpy's texts of any length
        values = values.astype(str)
    if values.dtype.kind == "U":
        _refuse_missing(_count_missing(values.ravel().tolist(), names), values.size)
    if values.dtype.kind == "f":
        _refuse_missing(int(np.isnan(values).sum()), values.size)
        whole = np.isfinite(values).all() and (values == np.round(values)).all() and (np.abs(values) < 2**53).all()
        # Soft labels stay as they are, and so do the halves of measurements: both are refused.
        values = values.astype(np.int64) if whole else values
    if values.dtype.kind == "u" and values.size and values.max() >= 2**63:
        checks.refuse(f"class numbers below {MAX_CLASSES}", f"a label of {values.max()}", checks.ENCODE_LABELS)
    return np.ascontiguousarray(values.astype(np.int64) if values.dtype.kind in "iu" else values)


def _from_objects(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    flat = [v.item() if isinstance(v, np.generic) else v for v in values.ravel().tolist()]
    _refuse_missing(_count_missing(flat, names), len(flat))
    flat = [_text(v) if isinstance(v, bytes) else v for v in flat]
    for kind in (bool, str):
        if all(isinstance(v, kind) for v in flat):
            return np.array(flat, dtype=kind).reshape(values.shape)
    if all(isinstance(v, Real) and not isinstance(v, bool) for v in flat):
        if all(isinstance(v, Integral) for v in flat):
            return np.array([_int64(v) for v in flat], dtype=np.int64).reshape(values.shape)
        return np.array(flat, dtype=np.float64).reshape(values.shape)
    kinds = sorted({type(v).__name__ for v in flat})
    checks.refuse("labels of one kind: numbers, words or booleans", " and ".join(kinds), "write them in one way")


def _int64(value: Any) -> int:
    if not -(2**63) <= value < 2**63:
        checks.refuse(f"class numbers below {MAX_CLASSES}", f"a label of {value}", checks.ENCODE_LABELS)
    return int(value)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        checks.refuse("labels as UTF-8 text", repr(value), "decode them first")


def _one_label_each(values: np.ndarray, columns: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns labels `(N,)`; of one-hot labels the indices of the ones, and the names of the columns if they had some."""
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0], ()
    if values.ndim == 2 and values.dtype.kind in "bi" and values.shape[1] > 1:
        if not (np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all()):
            got = f"shape {values.shape} with several or none in a row"
            checks.refuse("labels of shape (B,), or one 1 per row", got, "pass one class per sample")
        return values.argmax(1), columns or tuple(map(str, range(values.shape[1])))
    if values.ndim == 2 and values.dtype.kind == "f":
        remedy = f"pass y.argmax(1), or {checks.AUGMENT_FIRST}"
        checks.refuse("labels of shape (B,)", f"soft labels of shape {values.shape}", remedy)
    if values.ndim != 1:
        checks.refuse("labels of shape (B,)", f"shape {values.shape}", "pass one class per sample")
    return values, ()


def _count_missing(values: Sequence[Any], names: Sequence[str]) -> int:
    return sum(is_missing(value) and value not in names for value in values)


def is_missing(value: Any) -> bool:
    """Returns whether a label is None, NaN, pandas' NA or NaT, or a word for these."""
    if isinstance(value, str):
        return value in MISSING_WORDS
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _refuse_missing(count: int, size: int) -> None:
    if count:
        remedy = "drop these samples, or pass them as unlabelled="
        checks.refuse("a label for every sample", f"{count} missing of {size}", remedy)
