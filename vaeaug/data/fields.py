"""Which field of an item or a batch holds the labels, and which the samples: one rule for `fit` and for loaders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from vaeaug.data.images import is_pil_image
from vaeaug.runtime import checks

LABEL_KEYS = ("label", "labels")
OTHER_LABEL_KEYS = ("target", "targets", "y")
SAMPLE_KEYS = ("image", "images", "img", "pixel_values", "x", "input", "inputs", "data", "features")
PAIRS = "let it yield pairs (x, y)"


def x_and_y(item: Any) -> tuple[Any, Any]:
    """Returns the sample and label of an item of a Dataset, or the samples and labels of a batch of a DataLoader.

    Arguments:
        item: A tuple or list that begins with these two, or a mapping; the second item may also be a mapping with labels.

    Raises:
        InputError: If it is neither, or if two fields could be the samples or the labels.
    """
    if isinstance(item, Mapping):
        key = label_key(item, PAIRS)
        if key is None:
            checks.refuse("labels in the item", describe(item), f"call the field 'label', or {PAIRS}")
        return samples_in(item, key), item[key]
    if not isinstance(item, tuple | list) or len(item) < 2:
        checks.refuse("items (x, y)", type(item).__name__, "wrap the dataset so that it yields samples with labels")
    if isinstance(item[1], Mapping):
        key = label_key(item[1], PAIRS)
        if key is None:
            checks.refuse("labels in the second part of the item", describe(item), f"call them 'labels', or {PAIRS}")
        return item[0], item[1][key]
    return item[0], item[1]


def label_key(batch: Mapping[Any, Any], remedy: str) -> Any:
    """Returns the key of the labels in a mapping; None if there are none.

    The key called exactly `label` or `labels` is preferred to others with `label` in them, `target`, `targets` and `y`.

    Arguments:
        batch: The mapping. Upper and lower case are the same.
        remedy: How the user can say where the labels are, for the message.

    Raises:
        InputError: If two keys could be meant.
    """
    keys = {key.lower(): key for key in batch if isinstance(key, str)}
    likely = [key for key in keys if key in LABEL_KEYS] or [
        key for key in keys if "label" in key or key in OTHER_LABEL_KEYS
    ]
    if len(likely) > 1:
        both = " and ".join(repr(keys[key]) for key in likely)
        checks.refuse("one field of labels", both, f"rename one of them, or {remedy}")
    return keys[likely[0]] if likely else None


def samples_in(item: Mapping[Any, Any], label: Any = None) -> Any:
    """Returns the samples in a mapping: the only field with tensors, arrays or images, or the one with the usual name.

    Arguments:
        item: An item or a batch.
        label: The key of the labels, which are not the samples.

    Raises:
        InputError: If there are none, or several.
    """
    fields = {key: value for key, value in item.items() if key != label and _holds_samples(value)}
    if len(fields) > 1:
        fields = {k: v for k, v in fields.items() if str(k).lower() in SAMPLE_KEYS} or fields
    if len(fields) != 1:
        remedy = f"call the field of the samples 'image' or 'x', or {PAIRS}"
        checks.refuse("one field of samples", describe(item), remedy)
    return next(iter(fields.values()))


def _holds_samples(value: Any) -> bool:
    if isinstance(value, Tensor | np.ndarray):
        return value.ndim > 0
    return is_pil_image(value) or (isinstance(value, tuple | list) and len(value) > 0 and _holds_samples(value[0]))


def describe(batch: Any) -> str:
    """Returns the form of a batch in words, for error messages."""
    if isinstance(batch, Tensor | np.ndarray):
        return f"{type(batch).__name__}{tuple(batch.shape)}"
    if isinstance(batch, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(value)}" for key, value in batch.items()) + "}"
    if isinstance(batch, tuple | list):
        shown = ", ".join(describe(part) for part in batch[:4]) + (", ..." if len(batch) > 4 else "")
        return f"({shown})" if isinstance(batch, tuple) else f"[{shown}]"
    return type(batch).__name__


def first_field(item: Any) -> Any:
    """Returns the samples of an item or batch that may have labels: its first part, the samples of a mapping, or itself."""
    if isinstance(item, Mapping):
        return samples_in(item, label_key(item, PAIRS))
    is_pair = isinstance(item, Sequence) and not isinstance(item, str) and len(item) > 0
    return item[0] if is_pair and not is_pil_image(item[0]) else item
