"""Labels of any kind as whole numbers from 0, with one order of the classes, whatever the labels were read from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn

# What pandas reads as a missing value. np.array(["a", np.nan]) holds the word "nan".
# fmt: off
MISSING_WORDS = frozenset((
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
))
# fmt: on
# Larger whole numbers are codes of classes, not their numbers; no list of names reaches up to them.
MAX_CLASSES = 100_000
MAX_DIFFERENT = 1000  # a smaller number of different labels is never refused here, even if each occurs once
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # float() also reads 2021_05 and other digits
_ENCODE = checks.ENCODE_LABELS
SHARE_OF_DIFFERENT = 0.5  # labels of which more than this fraction differ are IDs or measurements


class Labels(NamedTuple):
    """Numbered labels.

    Arguments:
        y: The numbers, `(N,)`, int64 from 0.
        names: The class names; empty if the labels were numbers of classes already.
    """

    y: Tensor
    names: tuple[str, ...]


def is_number(text: str) -> bool:
    """Returns whether a text is a finite decimal number, as every program reads it."""
    return NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def class_order(names: Iterable[str]) -> list[str]:
    """Returns class names in their order: numbers first, by their value, then words, alphabetically."""
    return sorted(names, key=lambda name: (0, Decimal(name), name) if is_number(name) else (1, Decimal(0), name))


def encode(y: Any, names: Sequence[str] = (), *, partial: bool = False) -> Labels:
    """Numbers labels of any kind.

    Whole numbers from 0 stay as they are. Booleans, words and other whole numbers are numbered in the order of `class_order`.

    Arguments:
        y: The labels, `(N,)`: numbers, booleans, words or categories; also one column, `(N, 1)`, or one-hot, `(N, K)`.
        names: The class names, if they are known: labels are then names, or indices into them.
        partial: Whether these are a part of the labels, as in a batch. The classes cannot be told from a part, so that only
            whole numbers from 0, or `names`, are valid.

    Raises:
        InputError: If labels are missing or no class labels, or almost all of them differ.
    """
    check_class_names(names)
    values, columns = _one_label_each(*_as_array(y, names))
    kind = values.dtype.kind
    if names:
        return Labels(checks.check_labels(values, names=tuple(names)).cpu(), tuple(names))
    if kind == "b":
        return Labels(torch.from_numpy(values.astype(np.int64)), () if partial else ("False", "True"))
    if columns:
        return Labels(torch.from_numpy(values), columns)
    if kind in "iu":
        return _encode_numbers(values, partial)
    if kind != "U":
        checks.refuse("whole-number labels", f"{values.dtype} labels", checks.ENCODE_LABELS)
    if partial:
        remedy = "let the dataset name its classes: dataset.classes = ['cat', 'dog']; or number the labels from 0"
        checks.refuse("whole-number labels in a loader", "words", remedy)
    return number_words(values.tolist())


def number_words(words: Sequence[str]) -> Labels:
    """Numbers labels that are words, or numbers as texts.

    Raises:
        InputError: If almost all of them differ, or one number is written in two ways.
    """
    different = set(words)
    _check_repeats(len(different), len(words))
    names = class_order(different)
    if all(map(is_number, names)):
        for first, second in zip(names, names[1:], strict=False):
            if Decimal(first) == Decimal(second):
                remedy = "write every class in one way"
                checks.refuse("different numbers as labels", f"'{first}' and '{second}'", remedy)
    index = {name: i for i, name in enumerate(names)}
    return Labels(torch.tensor([index[word] for word in words], dtype=torch.int64), tuple(names))


def check_class_names(names: Sequence[str]) -> None:
    """Refuses class names of which two are equal.

    Raises:
        InputError: If they are.
    """
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        checks.refuse("different class names", f"{str(twice)!r} twice", "give every class a name of its own")


def check_class_number(largest: int) -> None:
    """Refuses a label that is too large to be the number of a class, before a name is made for each number up to it.

    Raises:
        InputError: If it is.
    """
    if largest >= MAX_CLASSES:
        got = f"a label of {largest}"
        checks.refuse(f"class numbers below {MAX_CLASSES}", got, f"if these are IDs, choose others; {_ENCODE}")


def names_of(dataset: Any) -> tuple[str, ...]:
    """Returns the class names that a dataset has in its attribute `classes`; none if that is no sequence of names."""
    classes = getattr(dataset, "classes", None)
    if isinstance(classes, Mapping):
        # Either {name: number} or {number: name}.
        numbers = {name: number for number, name in classes.items()} if _counts(classes) else classes
        return tuple(map(str, sorted(numbers, key=lambda k: numbers[k]))) if _counts(numbers.values()) else ()
    if isinstance(classes, np.ndarray | Tensor):
        classes = classes.tolist()
    is_sequence = isinstance(classes, Sequence) and not isinstance(classes, str | bytes)
    return tuple(map(str, classes)) if is_sequence and all(isinstance(c, str | Real) for c in classes) else ()


def _counts(numbers: Iterable[Any]) -> bool:
    """Returns whether the numbers are 0 to K-1 in some order."""
    numbers = list(numbers)
    return all(isinstance(n, Integral) for n in numbers) and sorted(numbers) == list(range(len(numbers)))


def _check_repeats(different: int, size: int) -> None:
    if different > max(MAX_DIFFERENT, SHARE_OF_DIFFERENT * size):
        remedy = f"if these are IDs or measurements, choose other labels; {_ENCODE}"
        checks.refuse("labels that repeat", f"{different} different ones in {size} samples", remedy)


def _encode_numbers(values: np.ndarray, partial: bool) -> Labels:
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    # -1 beside 0 marks samples without a label, in torch as in scikit-learn.
    if low < 0 and (partial or (low == -1 and (values == 0).any())):
        remedy = f"pass samples without a label as unlabelled=, or {_ENCODE}" if low == -1 else _ENCODE
        checks.refuse("labels in 0 or more", f"labels from {low} to {high}", remedy)
    if low >= 0 and (partial or high < MAX_CLASSES):
        check_class_number(high)
        return Labels(torch.from_numpy(values.astype(np.int64)), ())
    found, index = np.unique(values, return_inverse=True)
    _check_repeats(len(found), len(values))
    names = tuple(map(str, found.tolist()))
    warn_of_numbering(names)
    return Labels(torch.from_numpy(index.reshape(-1).astype(np.int64)), names)


def warn_of_numbering(names: Sequence[str]) -> None:
    """Warns that labels which are numbers become other numbers: samples with the two would not fit each other."""
    shown = checks.join_names(names, 6)
    warn(
        f"the labels {shown} are numbered 0 to {len(names) - 1}; synthetic labels are these numbers, of the class names[y]"
    )


def _as_array(y: Any, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns labels as an array of numbers, booleans or texts, and the column names of a frame."""
    columns: tuple[str, ...] = ()
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
    return _plain(values, names), columns


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
        checks.refuse(f"class numbers below {MAX_CLASSES}", f"a label of {values.max()}", _ENCODE)
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
        checks.refuse(f"class numbers below {MAX_CLASSES}", f"a label of {value}", _ENCODE)
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
        remedy = "pass y.argmax(1), or augment before mixing (MixUp, CutMix)"
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
