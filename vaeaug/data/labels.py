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

from vaeaug.data.fields import label_key
from vaeaug.data.label_values import MAX_CLASSES, as_array
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn

MAX_DIFFERENT = 1000  # a smaller number of different labels is never refused here, even if each occurs once
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # float() also reads 2021_05 and other digits
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
    values, columns = as_array(y, names)
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
        checks.refuse(
            f"class numbers below {MAX_CLASSES}", got, f"if these are IDs, choose others; {checks.ENCODE_LABELS}"
        )


def names_of(dataset: Any) -> tuple[str, ...]:
    """Returns the class names of a dataset; none if it has no sequence of names.

    They are in its attribute `classes`, or for Hugging Face's `datasets` in the feature of the labels.
    """
    classes: Any = getattr(dataset, "classes", None)
    if classes is None:
        classes = _names_of_feature(getattr(dataset, "features", None))
    if isinstance(classes, Mapping):
        # Either {name: number} or {number: name}.
        numbers = {name: number for number, name in classes.items()} if _counts(classes) else classes
        return tuple(map(str, sorted(numbers, key=lambda k: numbers[k]))) if _counts(numbers.values()) else ()
    if isinstance(classes, np.ndarray | Tensor):
        classes = classes.tolist()
    is_sequence = isinstance(classes, Sequence) and not isinstance(classes, str | bytes)
    return tuple(map(str, classes)) if is_sequence and all(isinstance(c, str | Real) for c in classes) else ()


def _names_of_feature(features: Any) -> Any:
    """Returns the class names in the feature of the labels; None if there is none, or if two columns could be the labels."""
    if not isinstance(features, Mapping):
        return None
    try:
        key = label_key(features, "")
    except checks.InputError:
        return None
    return None if key is None else getattr(features[key], "names", None)


def _counts(numbers: Iterable[Any]) -> bool:
    """Returns whether the numbers are 0 to K-1 in some order."""
    numbers = list(numbers)
    return all(isinstance(n, Integral) for n in numbers) and sorted(numbers) == list(range(len(numbers)))


def _check_repeats(different: int, size: int) -> None:
    if different > max(MAX_DIFFERENT, SHARE_OF_DIFFERENT * size):
        remedy = f"if these are IDs or measurements, choose other labels; {checks.ENCODE_LABELS}"
        checks.refuse("labels that repeat", f"{different} different ones in {size} samples", remedy)


def _encode_numbers(values: np.ndarray, partial: bool) -> Labels:
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    # -1 beside 0 marks samples without a label, in torch as in scikit-learn.
    if low < 0 and (partial or (low == -1 and (values == 0).any())):
        hint = "pass samples without a label as unlabelled=, or " if low == -1 else ""
        checks.refuse("labels in 0 or more", f"labels from {low} to {high}", f"{hint}{checks.ENCODE_LABELS}")
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
