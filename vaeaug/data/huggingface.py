"""Datasets of Hugging Face's `datasets`: their columns become samples and labels, and one may be a stream.

The package is never imported here: an object can only be one of its datasets if somebody has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from vaeaug.data.fields import label_key, x_and_y
from vaeaug.data.images import image_to_tensor, is_pil_image, stack_images
from vaeaug.runtime import checks

RENAME = "rename_column() it to 'label'"


class LabelledFrame(NamedTuple):
    """The columns of a dataset without images, arrays and lists: a data frame and its labels, `(N,)`."""

    frame: Any
    labels: Any


def is_dataset(value: Any) -> bool:
    """Returns whether this is a `datasets.Dataset` or a `datasets.IterableDataset`."""
    module = sys.modules.get("datasets")
    kinds = tuple(getattr(module, name, ()) for name in ("Dataset", "IterableDataset"))
    return module is not None and isinstance(value, tuple(kind for kind in kinds if isinstance(kind, type)))


def is_stream(dataset: Any) -> bool:
    """Returns whether a dataset of `datasets` can only be read from its start, and has no length."""
    return not hasattr(dataset, "__len__")


def readable(dataset: Any) -> Any:
    """Returns a dataset that yields mappings of Python's objects, arrays or tensors, whatever its format is."""
    form = getattr(dataset, "format", None)
    if not isinstance(form, Mapping) or form.get("type") in (None, "custom", "numpy", "torch"):
        return dataset
    return dataset.with_format(None).select_columns(form["columns"])


def arrays_in(item: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
    """Returns an item of a dataset with its samples as arrays, tensors or PIL images.

    Without a format of its own, `datasets` gives arrays as nested lists, and in the format of numpy coloured images with
    their channels last. What the dataset's own transform returns stays as it is, but for lists of numbers.

    Arguments:
        item: An item of the dataset.
        dataset: The dataset, whose features tell the types.
    """
    if not isinstance(item, Mapping):
        checks.refuse("items that are mappings", type(item).__name__, "pass dataset.with_format('torch')")
    features = getattr(dataset, "features", None) or {}
    transformed = _is_transformed(dataset)
    label = label_key(item, RENAME)
    fields = {
        k: _array(v, features.get(k))
        if isinstance(v, list) and k != label
        else _convert(v, features.get(k), transformed)
        for k, v in item.items()
    }
    has_images = any(is_pil_image(v) or np.ndim(v) > 1 for k, v in fields.items() if k != label)
    if not has_images or transformed:
        return fields
    # A vector beside an image is its size, or a box.
    return {k: v.tolist() if k != label and _is_vector(v) else v for k, v in fields.items()}


def labelled_frame(dataset: Any) -> LabelledFrame | None:
    """Returns the columns of a dataset that holds only numbers, words and classes; None of any other.

    Raises:
        InputError: If it has no column of labels.
    """
    features = getattr(dataset, "features", None)
    if not features or is_stream(dataset) or _is_transformed(dataset) or any(map(_holds_arrays, features.values())):
        return None
    names = [name for name in dataset.column_names if name in features]
    key = label_key(names, RENAME)
    if key is None:
        checks.refuse("a column of labels", ", ".join(map(repr, names)), RENAME)
    frame = dataset.with_format(None).to_pandas()
    for name in names:
        classes = getattr(features[name], "names", None)
        if classes and name != key:
            frame[name] = frame[name].map(dict(enumerate(classes))).astype("category")
    return LabelledFrame(frame.drop(columns=key), frame[key])


def as_loader(dataset: Any, batch_size: int) -> DataLoader:
    """Returns a DataLoader of pairs of samples and labels; a dataset with a length is shuffled.

    Raises:
        InputError: If the labels are words, whose numbers a part of them does not tell.
    """
    dataset = readable(dataset)
    features = getattr(dataset, "features", None) or {}
    key = label_key(features, RENAME)
    if key is not None and getattr(features[key], "dtype", "") in ("string", "large_string"):
        got = f"words in the column {key!r}"
        checks.refuse("numbered classes with bank_size=", got, f"use dataset.class_encode_column({key!r})")
    # Not for streams: torch refuses to shuffle them, `dataset.shuffle(buffer_size=...)` does.
    shuffle = None if is_stream(dataset) else True
    return DataLoader(dataset, batch_size, shuffle, collate_fn=partial(_collate, dataset=dataset))


def _collate(items: Sequence[Mapping[str, Any]], dataset: Any) -> tuple[Any, list[Any]]:
    pairs = [x_and_y(arrays_in(item, dataset)) for item in items]
    labels = [y.item() if hasattr(y, "item") and np.ndim(y) == 0 else y for _, y in pairs]
    samples = [x for x, _ in pairs]
    if all(map(is_pil_image, samples)):
        # By their own modes: whether all images of a dataset are grey cannot be told from a batch.
        return stack_images([image_to_tensor(image) for image in samples]), labels
    return samples, labels


def _is_transformed(dataset: Any) -> bool:
    """Returns whether a function of the user's makes the items, as after `set_transform`."""
    form = getattr(dataset, "format", None)
    return isinstance(form, Mapping) and form.get("type") == "custom"


def _convert(value: Any, feature: Any, transformed: bool) -> Any:
    if transformed or not isinstance(value, np.ndarray):
        return value
    if type(feature).__name__ == "Image" and value.ndim == 3:
        return np.ascontiguousarray(np.moveaxis(value, 2, 0))
    dtype = _dtype(feature)
    return value if dtype is None else value.astype(dtype)


def _is_vector(value: Any) -> bool:
    return isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 1


def _array(value: list[Any], feature: Any) -> Any:
    """Returns a nested list of numbers as an array; any other list as it is."""
    first: Any = value
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(first, torch.Tensor | np.ndarray):
        return value
    if not isinstance(first, Real) or isinstance(first, bool):
        return value
    try:
        return np.asarray(value, dtype=_dtype(feature))
    except (ValueError, TypeError, OverflowError):  # rows of several lengths, missing numbers
        return value


def _dtype(feature: Any) -> np.dtype | None:
    """Returns the dtype of the numbers of a feature; None if it is unknown, or if they are not numbers."""
    while hasattr(feature, "feature"):  # a list, or a list of lists
        feature = feature.feature
    try:
        dtype = np.dtype(getattr(feature, "dtype", ""))
    except TypeError:
        return None
    return dtype if dtype.kind in "uif" else None


def _holds_arrays(feature: Any) -> bool:
    """Returns whether a feature is more than one number, word or class: an image, an array, a list, a mapping."""
    return type(feature).__name__ not in ("Value", "ClassLabel")
