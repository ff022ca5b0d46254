"""Finds the samples and the labels in a batch of any form, and replaces or repeats its fields.

A batch is a tree of tuples, lists and mappings. Labels are found as torchvision's `MixUp` finds them, samples by the shape
that the augmenter saw at fit. This module knows nothing about synthetic samples.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from vaeaug.data.fields import describe, label_key
from vaeaug.runtime import checks

Getter = Callable[[Any], Any]


def check_getters(labels_getter: Any, images_getter: Any) -> None:
    """Checks the two functions by which a user may locate the labels and the samples."""
    if labels_getter != "default" and not callable(labels_getter):
        remedy = "for example lambda batch: batch['y']"
        checks.refuse("labels_getter to be 'default' or a function of the batch", repr(labels_getter), remedy)
    if images_getter is not None and not callable(images_getter):
        remedy = "for example lambda batch: batch['x']"
        checks.refuse("images_getter to be a function of the batch", repr(images_getter), remedy)


def find_labels(batch: Any, getter: str | Getter = "default") -> Any:
    """Returns the labels of a batch.

    Arguments:
        batch: A tuple, list or mapping.
        getter: A function of the batch, or `default`: the second field of a tuple or list; in a mapping (or if the second
            field is a mapping) the key `label` or `labels`, else the only key that contains `label` or is `target`,
            `targets` or `y`.

    Raises:
        InputError: If the batch has no labels.
    """
    if callable(getter):
        labels = getter(batch)
    elif isinstance(batch, Sequence) and len(batch) > 1:
        labels = _labels_of_mapping(batch[1]) if isinstance(batch[1], Mapping) else batch[1]
    else:
        labels = _labels_of_mapping(batch) if isinstance(batch, Mapping) else None
    if labels is None:
        remedy = "let the loader yield (images, labels), or locate the labels with labels_getter"
        checks.refuse("labels in the batch", describe(batch), remedy)
    return labels


def find_images(batch: Any, event_shape: Sequence[int], getter: Getter | None = None, *, is_item: bool = False) -> Any:
    """Returns the samples of a batch, a tensor or array `(B, *event)`.

    Arguments:
        batch: A tuple, list or mapping.
        event_shape: The shape of one sample.
        getter: A function of the batch; by default the first tensor or array of the right shape is taken.
        is_item: Whether `batch` is a single item of a dataset, with one sample `(*event)`.

    Raises:
        InputError: If nothing in the batch has the right shape.
    """
    candidates = list(_nodes(batch)) if getter is None else [getter(batch)]
    for candidate in candidates:
        if isinstance(candidate, Tensor | np.ndarray):
            shape = tuple(candidate.shape) if is_item else tuple(candidate.shape[1:])
            if shape == tuple(event_shape) and candidate.ndim == len(event_shape) + (not is_item):
                return candidate
    event = ", ".join(map(str, event_shape))
    expected = f"a sample of shape ({event}) in the item" if is_item else f"samples of shape (B, {event}) in the batch"
    remedy = "convert them to tensors of the shape seen at fit, or fit an augmenter on samples like these"
    checks.refuse(expected, describe(batch if getter is None else candidates[0]), remedy)


def replace_leaf(batch: Any, old: Any, new: Any) -> Any:
    """Returns a batch of the same form with `new` in place of the object `old`; all other fields are the same objects.

    Raises:
        InputError: If `old` is not a field of the batch.
    """
    out = _map_nodes(batch, lambda node: new if node is old else node)
    _check_replaced(batch, out, [new])
    return out


def repeat_batch(batch: Any, size: int, times: int, longer: Sequence[tuple[Any, Any]]) -> Any:
    """Returns a batch of the same form in which every field with one entry per sample is repeated end to end.

    Tensors and arrays `(B, ...)` are repeated, and so are lists and tuples with one entry per sample. A list or tuple that
    holds the images or labels, or only fields with one entry per sample, counts as a container of fields.

    Arguments:
        batch: A tuple, list or mapping.
        size: The number of samples B.
        times: The number of repetitions.
        longer: Pairs of a field, at least the images, and the longer field to use instead of its repetition.

    Raises:
        InputError: If a field in `longer` is not a field of the batch.
    """

    def lengthen(node: Any) -> Any:
        for old, new in longer:
            if node is old:
                return new
        is_container = any(_contains(node, old) for old, _ in longer)
        return node if is_container or not _has_entry_per_sample(node, size) else _repeat(node, times)

    out = _map_nodes(batch, lengthen)
    _check_replaced(batch, out, [new for _, new in longer])
    return out


def as_type_of(x: Tensor, original: Any) -> Any:
    """Returns a tensor as what `original` is: an array, an image of torchvision's `tv_tensors`, or a tensor."""
    if isinstance(original, np.ndarray):
        return x.numpy()
    # torchvision is not imported for this: a batch can only hold its tensors if somebody has imported it.
    tv_tensors = sys.modules.get("torchvision.tv_tensors")
    if tv_tensors is not None and isinstance(original, tv_tensors.TVTensor):
        return tv_tensors.wrap(x, like=original)
    return x


def _labels_of_mapping(batch: Mapping[Any, Any]) -> Any:
    key = label_key(batch, "locate the labels with labels_getter")
    return None if key is None else batch[key]


def _nodes(batch: Any) -> Iterator[Any]:
    """Yields a batch and everything in it, containers before their content."""
    yield batch
    if isinstance(batch, tuple | list | Mapping):
        for field in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _nodes(field)


def _contains(batch: Any, field: Any) -> bool:
    return any(node is field for node in _nodes(batch))


def _check_replaced(batch: Any, out: Any, new_fields: Sequence[Any]) -> None:
    if not all(_contains(out, field) for field in new_fields):
        remedy = "let images_getter return one of the batch's own tensors, not a copy"
        checks.refuse("images that are a field of the batch", describe(batch), remedy)


def _map_nodes(batch: Any, change: Callable[[Any], Any]) -> Any:
    """Returns a batch with `change` applied to its nodes, from the outside in.

    A node for which `change` returns another object is replaced; one for which it returns the node itself is searched
    further. Containers without a change are the same objects as before.
    """
    changed = change(batch)
    if changed is not batch:
        return changed
    if isinstance(batch, tuple | list):
        fields = [_map_nodes(field, change) for field in batch]
        if all(new is old for new, old in zip(fields, batch, strict=True)):
            return batch
        return type(batch)(*fields) if hasattr(batch, "_fields") else type(batch)(fields)
    if isinstance(batch, MutableMapping):
        new_fields = {key: new for key, old in batch.items() if (new := _map_nodes(old, change)) is not old}
        if new_fields:
            # A copy preserves the other attributes of a mapping, as torch's own collation does.
            batch = copy.copy(batch)
            batch.update(new_fields)
    return batch


def _length(field: Any) -> int | None:
    """Returns the number of entries of a field, or None if it is a scalar or no sequence."""
    if isinstance(field, Tensor | np.ndarray):
        return len(field) if field.ndim else None
    return len(field) if isinstance(field, tuple | list) else None


def _has_entry_per_sample(field: Any, size: int) -> bool:
    if isinstance(field, tuple | list) and (hasattr(field, "_fields") or all(_length(f) == size for f in field)):
        return False  # a container of fields
    return _length(field) == size


def _repeat(field: Any, times: int) -> Any:
    if isinstance(field, tuple | list):
        return field * times
    if isinstance(field, np.ndarray):
        return np.concatenate([field] * times)
    return as_type_of(field.repeat(times, *[1] * (field.ndim - 1)), field)
