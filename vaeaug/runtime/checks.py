"""Checks of labels, shapes and values: what was expected, what came, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.runtime.errors import InputError, check_choice, check_number, refuse, renamed

__all__ = [
    "InputError",
    "check_choice",
    "check_class_counts",
    "check_event_shape",
    "check_finite",
    "check_labels",
    "check_number",
    "describe_class",
    "join_names",
    "refuse",
    "renamed",
]


def check_labels(y: Any, classes: int | None = None, names: Sequence[str] = ()) -> Tensor:
    """Returns the labels as an int64 tensor `(B,)`, or refuses them.

    Whole numbers only, or names where there are `names`: other strings and floats are refused, because rounding or sorting
    them would be a guess.
    """
    y = y if isinstance(y, Tensor) else np.asarray(y)
    kind = str(y.dtype).removeprefix("torch.")
    if names and not isinstance(y, Tensor) and y.dtype.kind in "UO" and all(isinstance(word, str) for word in y.flat):
        y, kind = _numbered(y, names), "int64"
    if y.ndim == 2 and ("float" in kind):
        refuse(
            "labels of shape (B,)", f"soft labels of shape {tuple(y.shape)}", "augment before mixing (MixUp, CutMix)"
        )
    if "int" not in kind:
        remedy = "map them to 0..K-1 first, e.g. with sklearn.preprocessing.LabelEncoder"
        refuse("whole-number labels", f"{kind} labels", remedy)
    if y.ndim != 1:
        refuse("labels of shape (B,)", f"shape {tuple(y.shape)}", "flatten them or pass y.argmax(1) for one-hot labels")
    y = torch.as_tensor(y).long()
    classes = len(names) or classes
    if y.numel() and (y.min() < 0 or (classes is not None and y.max() >= classes)):
        span = "0 or more" if classes is None else f"0..{classes - 1}"
        remedy = "map them to 0..K-1 first, e.g. with sklearn.preprocessing.LabelEncoder"
        if _telling(names):
            span, remedy = f"{span} ({join_names(names)})", "pass the names or the numbers of these classes"
        refuse(f"labels in {span}", f"labels from {y.min()} to {y.max()}", remedy)
    return y


def _numbered(words: np.ndarray, names: Sequence[str]) -> np.ndarray:
    number = {name: i for i, name in enumerate(names)}
    for word in words.flat:
        if word not in number:
            refuse(f"classes among {join_names(names)}", repr(str(word)), "name them, or give their numbers")
    return np.array([number[word] for word in words.flat], dtype=np.int64).reshape(words.shape)


def join_names(names: Sequence[str], most: int = 20) -> str:
    """Returns class names with commas between; of many, the first."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def describe_class(label: int, names: Sequence[str] = ()) -> str:
    """Returns what messages call a class: its number, and its name where that tells more."""
    return f"class {label} ({names[label]})" if _telling(names) else f"class {label}"


def _telling(names: Sequence[str]) -> bool:
    return any(name != str(i) for i, name in enumerate(names))


def check_finite(name: str, x: Tensor) -> None:
    """Checks that every value is a finite number."""
    if x.is_floating_point() and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        refuse(
            f"finite numbers in {name}", f"NaN or infinity in {bad} of {len(x)} samples", "drop or impute them first"
        )


def check_event_shape(name: str, x: Tensor, event_shape: Sequence[int]) -> None:
    """Checks that `x` holds samples of `event_shape`."""
    if x.ndim and len(x) == 0:
        refuse(f"at least one sample in {name}", "none", "pass a batch that is not empty")
    if tuple(x.shape[1:]) != tuple(event_shape) or x.ndim != 1 + len(event_shape):
        shape = ", ".join(map(str, event_shape))
        refuse(f"{name} of shape (B, {shape})", tuple(x.shape), _way(name, tuple(x.shape), tuple(event_shape)))


def _way(name: str, shape: tuple[int, ...], event_shape: tuple[int, ...]) -> str:
    """Returns the way from the shape that came to the one that is wanted."""
    if shape == event_shape:
        return f"a single sample is a batch of one: pass {name}[None]"
    if len(event_shape) == 3 and event_shape[0] == 1 and shape[1:] == event_shape[1:]:
        return f"give grey images their channel: pass {name}[:, None]"
    if len(event_shape) == 3 and event_shape[0] == 1 and shape == event_shape[1:]:
        return f"a single grey image is a batch of one with one channel: pass {name}[None, None]"
    if len(shape) == 4 and (shape[3], *shape[1:3]) == event_shape:
        return "put the channels first: x.transpose(0, 3, 1, 2) in numpy, x.permute(0, 3, 1, 2) in torch"
    return "resize or convert them to the shape seen at fit"


def check_class_counts(counts: Sequence[int], least: int = 2, names: Sequence[str] = ()) -> None:
    """Checks that there are two classes or more, and `least` samples or more of each."""
    if len(counts) < 2:
        refuse(
            "at least two classes", f"{len(counts)}", "a classifier has nothing to learn from one class; add another"
        )
    for label, count in enumerate(counts):
        if count < least:
            remedy = "add samples of it, or drop the class and number the rest 0..K-1"
            expected = f"at least {least} samples of every class 0..{len(counts) - 1}"
            refuse(expected, f"{count} of {describe_class(label, names)}", remedy)
