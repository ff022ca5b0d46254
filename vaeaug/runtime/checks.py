"""Checks of labels, shapes and values. Each raises `InputError` with what was expected, what was passed and a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.runtime.errors import InputError, check_choice, check_number, check_utf8, did_you_mean, refuse, renamed

__all__ = [
    "InputError",
    "check_choice",
    "check_class_counts",
    "check_event_shape",
    "check_finite",
    "check_labels",
    "check_number",
    "check_utf8",
    "describe_class",
    "join_names",
    "refuse",
    "renamed",
]

# Soft labels are those of blended samples, which lie between the classes, where the encoder has never been.
AUGMENT_FIRST = "augment before mixing (MixUp, CutMix): docs/hosts.md#soft-labels"
ENCODE_LABELS = "map them to 0..K-1 first, e.g. with sklearn.preprocessing.LabelEncoder"


def check_labels(y: Any, num_classes: int | None = None, names: Sequence[str] = ()) -> Tensor:
    """Returns the labels as an int64 tensor `(B,)`.

    Floats and unknown strings are refused, because rounding or sorting them would be a guess. So are soft labels.

    Arguments:
        y: The labels: whole numbers from 0, class names if `names` are passed, or one-hot rows `(B, K)` of all K classes.
        num_classes: The number of classes, if it is known and `names` are not.
        names: The class names.

    Raises:
        InputError: If the labels are not whole numbers or names, not one-dimensional, or out of range.
    """
    if hasattr(y, "toarray") or (isinstance(y, Tensor) and y.layout != torch.strided):
        refuse("labels as a dense array", f"sparse ones ({type(y).__name__})", "pass y.to_dense() or y.toarray()")
    if np.ma.is_masked(y):
        refuse("a label for every sample", f"{np.ma.count_masked(y)} masked ones", "drop these samples")
    y = y if isinstance(y, Tensor) else np.asarray(y)
    dtype = str(y.dtype).removeprefix("torch.")
    if names and not isinstance(y, Tensor) and y.dtype.kind in "UO" and all(isinstance(name, str) for name in y.flat):
        y, dtype = _names_to_labels(y, names), "int64"
    if _is_one_hot(y, len(names) or num_classes):
        y, dtype = torch.as_tensor(y == 1).long().argmax(1), "int64"
    if y.ndim > 1 and "float" in dtype:  # kornia's mixed labels have up to three dimensions
        refuse("labels of shape (B,)", f"soft labels of shape {tuple(y.shape)}", AUGMENT_FIRST)
    if "int" not in dtype:
        refuse("whole-number labels", f"{dtype} labels", ENCODE_LABELS)
    if y.ndim != 1:
        refuse("labels of shape (B,)", f"shape {tuple(y.shape)}", "flatten them or pass y.argmax(1) for one-hot labels")
    y = torch.as_tensor(y).long()
    num_classes = len(names) or num_classes
    if y.numel() and (y.min() < 0 or (num_classes is not None and y.max() >= num_classes)):
        valid = "0 or more" if num_classes is None else f"0..{num_classes - 1}"
        remedy = ENCODE_LABELS
        if _has_names(names):
            valid, remedy = f"{valid} ({join_names(names)})", "pass the names or the numbers of these classes"
        refuse(f"labels in {valid}", f"labels from {y.min()} to {y.max()}", remedy)
    return y


def _is_one_hot(y: Any, num_classes: int | None) -> bool:
    """Returns whether labels are rows of zeros and a single one, as many as there are classes."""
    if y.ndim != 2 or not len(y) or y.shape[1] < 2 or y.shape[1] != num_classes:
        return False
    if not isinstance(y, Tensor) and y.dtype.kind not in "biuf":
        return False
    is_one = y == 1
    return bool(((y == 0) | is_one).all()) and bool((is_one.sum(1) == 1).all())


def _names_to_labels(y: np.ndarray, names: Sequence[str]) -> np.ndarray:
    label_of = {name: i for i, name in enumerate(names)}
    for name in y.flat:
        if name not in label_of:
            remedy = did_you_mean(name, names) or "pass class names or their numbers"
            refuse(f"classes among {join_names(names)}", repr(str(name)), remedy)
    return np.array([label_of[name] for name in y.flat], dtype=np.int64).reshape(y.shape)


def join_names(names: Sequence[str], limit: int = 20) -> str:
    """Returns class names separated by commas; at most `limit` of them, and the number of the others."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def describe_class(label: int, names: Sequence[str] = ()) -> str:
    """Returns how messages refer to a class: by its number and, if it has one, its name."""
    return f"class {label} ({names[label]})" if _has_names(names) else f"class {label}"


def _has_names(names: Sequence[str]) -> bool:
    """Returns whether the names are more than the numbers of the classes."""
    return any(name != str(i) for i, name in enumerate(names))


def check_finite(name: str, x: Tensor) -> None:
    """Checks that all values of the samples `x`, `(B, *event)`, are finite numbers.

    Raises:
        InputError: If any is NaN or infinite.
    """
    if x.is_floating_point() and not torch.isfinite(x).all():
        count = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        refuse(
            f"finite numbers in {name}", f"NaN or infinity in {count} of {len(x)} samples", "drop or impute them first"
        )


def check_event_shape(name: str, x: Tensor, event_shape: Sequence[int]) -> None:
    """Checks that `x` holds at least one sample, each of shape `event_shape`.

    Raises:
        InputError: If it does not; the remedy depends on the shape that was passed.
    """
    if x.ndim and len(x) == 0:
        refuse(f"at least one sample in {name}", "none", "pass a batch that is not empty")
    if tuple(x.shape[1:]) != tuple(event_shape) or x.ndim != 1 + len(event_shape):
        shape = ", ".join(map(str, event_shape))
        refuse(f"{name} of shape (B, {shape})", tuple(x.shape), _shape_hint(name, tuple(x.shape), tuple(event_shape)))


def _shape_hint(name: str, shape: tuple[int, ...], event_shape: tuple[int, ...]) -> str:
    """Returns how to get from the shape that was passed to the expected one."""
    if shape == event_shape:
        return f"a single sample is a batch of one: pass {name}[None]"
    if len(event_shape) == 3 and event_shape[0] == 1 and shape[1:] == event_shape[1:]:
        return f"give grey images their channel: pass {name}[:, None]"
    if len(event_shape) == 3 and event_shape[0] == 1 and shape == event_shape[1:]:
        return f"a single grey image is a batch of one with one channel: pass {name}[None, None]"
    if len(event_shape) == 2 and shape[1:] == event_shape[::-1]:
        return f"signals have the time last: pass {name}.transpose(0, 2, 1) in numpy, .transpose(1, 2) in torch"
    if len(event_shape) == 2 and event_shape[0] == 1 and shape[1:] == event_shape[1:]:
        return f"give signals their channel: pass {name}[:, None]"
    if len(shape) == 4 and (shape[3], *shape[1:3]) == event_shape:
        return "put the channels first: x.transpose(0, 3, 1, 2) in numpy, x.permute(0, 3, 1, 2) in torch"
    return "resize or convert them to the shape seen at fit"


def check_class_counts(counts: Sequence[int], minimum: int = 2, names: Sequence[str] = ()) -> None:
    """Checks that there are at least two classes, and at least `minimum` samples of each.

    Arguments:
        counts: The number of samples of each class.
        minimum: The smallest valid count.
        names: The class names, for the message.

    Raises:
        InputError: If there are fewer classes or samples.
    """
    if len(counts) < 2:
        refuse(
            "at least two classes", f"{len(counts)}", "a classifier has nothing to learn from one class; add another"
        )
    for label, count in enumerate(counts):
        if count < minimum:
            remedy = "add samples of it, or drop the class and number the others 0..K-1"
            expected = f"at least {minimum} samples of every class 0..{len(counts) - 1}"
            refuse(expected, f"{count} of {describe_class(label, names)}", remedy)
