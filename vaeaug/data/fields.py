"""Which field of an item or a batch holds the labels, and which the samples: one rule for `fit` and for loaders."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from vaeaug.data.images import is_pil_image
from vaeaug.runtime import checks

# From the surest to the least sure; a name that only contains "label" comes last.
LABEL_KEYS = (("label", "labels"), ("target", "targets", "y"))
SAMPLE_KEYS = ("image", "images", "img", "pixel_values", "x", "input", "inputs", "data", "features")
PAIRS = "let it yield pairs (x, y)"


def x_and_y(item: Any) -> tuple[Any, Any]:
    """Returns the sample and label of an item of a Dataset, or the samples and labels of a batch of a DataLoader.

    Arguments:
        item: A tuple or list that begins with these two, or a mapping, dataclass or named tuple; either of the two may also
            be a mapping.

    Raises:
        InputError: If it is neither, or if two fields could be the samples or the labels.
    """
    named = named_fields(item)
    key = None if named is None else label_key(named, PAIRS)
    if named is not None and key is not None:
        return samples_in(named, key), _labels_in(named[key])
    if named is not None and not isinstance(item, tuple):
        checks.refuse("labels in the item", describe(item), f"call the field 'label', or {PAIRS}")
    if not isinstance(item, tuple | list) or len(item) < 2:
        checks.refuse("items (x, y)", type(item).__name__, "wrap the dataset so that it yields samples with labels")
    first = named_fields(item[0])
    return item[0] if first is None else samples_in(first), _labels_in(item[1])


def _labels_in(value: Any) -> Any:
    """Returns labels, or those in a mapping of annotations."""
    if named_fields(value) is None:
        return value
    path = label_path(value, PAIRS)
    if path is None:
        checks.refuse("labels in the second part of the item", describe(value), f"call them 'labels', or {PAIRS}")
    return at(value, path)


def named_fields(value: Any) -> Mapping[Any, Any] | None:
    """Returns the fields of a mapping, a dataclass or a named tuple by their names; None for anything else."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: getattr(value, field.name) for field in dataclasses.fields(value) if hasattr(value, field.name)
        }
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return None


def at(value: Any, path: Iterable[Any]) -> Any:
    """Returns what lies at a path of names or indices in an item or a batch.

    Raises:
        LookupError: If nothing does.
    """
    for key in path:
        fields = named_fields(value)
        if fields is not None and (key in fields or isinstance(value, Mapping)):
            value = fields[key]
        elif isinstance(value, Sequence) and isinstance(key, int):
            value = value[key]
        else:
            raise KeyError(key)
    return value


def label_path(batch: Any, remedy: str) -> tuple[Any, ...] | None:
    """Returns the path of the labels in an item or a batch: names or indices, from the outside in; None if there are none.

    In a mapping, dataclass or named tuple the name decides (see `label_key`); in a tuple or list it is the second part, as
    for torchvision's `MixUp`. If that is a mapping, the names in it decide.

    Arguments:
        batch: The item or batch.
        remedy: See `label_key`.
    """
    named = named_fields(batch)
    key = None if named is None else label_key(named, remedy)
    if key is None:
        if isinstance(batch, Mapping) or not isinstance(batch, tuple | list) or len(batch) < 2:
            return None
        key = 1
    value = at(batch, (key,))
    if named_fields(value) is None:
        return (key,)
    inner = label_path(value, remedy)
    return None if inner is None else (key, *inner)


def label_key(names: Iterable[Any], remedy: str) -> Any:
    """Returns the name of the labels among names; None if there is none.

    A field called exactly `label` or `labels` is preferred to `target`, `targets` and `y`, and these to a name that contains
    `label`.

    Arguments:
        names: The names, as of a mapping. Upper and lower case are the same.
        remedy: How the user can say where the labels are, for the message.

    Raises:
        InputError: If two fields could be meant.
    """
    words = [name for name in names if isinstance(name, str)]
    tiers = [[word for word in words if word.lower() in keys] for keys in LABEL_KEYS]
    likely = next(filter(None, tiers), [word for word in words if "label" in word.lower()])
    if len(likely) > 1:
        both = " and ".join(map(repr, likely))
        checks.refuse("one field of labels", both, f"rename one of them, or {remedy}")
    return likely[0] if likely else None


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
    if isinstance(batch, Tensor | np.ndarray) and not getattr(batch, "is_nested", False):
        return f"{type(batch).__name__}{tuple(batch.shape)}"
    if isinstance(batch, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(value)}" for key, value in batch.items()) + "}"
    named = named_fields(batch)
    if named is not None:
        return f"{type(batch).__name__}({', '.join(f'{key}={describe(value)}' for key, value in named.items())})"
    if isinstance(batch, tuple | list):
        shown = ", ".join(describe(part) for part in batch[:4]) + (", ..." if len(batch) > 4 else "")
        return f"({shown})" if isinstance(batch, tuple) else f"[{shown}]"
    return type(batch).__name__


def first_field(item: Any) -> Any:
    """Returns the samples of an item or batch that may have labels: its first part, the samples of a mapping, or itself."""
    named = named_fields(item)
    if named is not None:
        key = label_key(named, PAIRS)
        if key is not None or not isinstance(item, tuple):
            return samples_in(named, key)
    is_pair = isinstance(item, Sequence) and not isinstance(item, str) and len(item) > 0
    if not is_pair or is_pil_image(item[0]):
        return item
    first = named_fields(item[0])
    return item[0] if first is None else samples_in(first)
