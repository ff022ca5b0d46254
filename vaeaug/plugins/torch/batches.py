"""Finds the samples and the labels in a batch of any form, and replaces its fields.

A batch is a tree of tuples, lists, mappings and dataclasses. Labels are found by their name, or as torchvision's `MixUp`
finds them; samples by the shape that the augmenter saw at fit. This module knows nothing about synthetic samples.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from vaeaug.data.fields import SAMPLE_KEYS, at, describe, label_path, named_fields
from vaeaug.runtime import checks

Getter = Callable[[Any], Any] | str | int
Path = tuple[Any, ...]


class Field(NamedTuple):
    """A field of a batch.

    Arguments:
        value: The field.
        paths: Where it lies: names or indices, from the outside in. Several if a getter returned an object that is in the
            batch several times, none if it returned one that is not in it.
    """

    value: Any
    paths: tuple[Path, ...]


def check_getters(labels_getter: Any, images_getter: Any) -> None:
    """Checks how a user locates the labels and the samples: by a function of the batch, or by a name or an index."""
    for name, getter, default in (("labels_getter", labels_getter, "default"), ("images_getter", images_getter, None)):
        is_key = isinstance(getter, str | int) and not isinstance(getter, bool)
        if getter is not default and not callable(getter) and not is_key:
            example = "lambda batch: batch[1]['y']" if name == "labels_getter" else "lambda batch: batch[1]['x']"
            expected = f"{name} to be {default!r}, a function of the batch, or the name or index of a field"
            checks.refuse(expected, repr(getter), f"for example {example}")


def find_labels(batch: Any, getter: Getter = "default") -> Field:
    """Returns the labels of a batch.

    Arguments:
        batch: A tuple, list, mapping or dataclass.
        getter: A function of the batch, the name or index of a field, or `default`: the second field of a tuple or list; in
            a mapping, dataclass or named tuple (or if the second field is one) the key `label` or `labels`, else `target`,
            `targets` or `y`, else the only key that contains `label`.

    Raises:
        InputError: If the batch has no labels, or two fields that could be the labels.
    """
    if getter != "default":
        field = _get("labels_getter", batch, getter)
    else:
        path = label_path(batch, "locate the labels with labels_getter")
        field = Field(None, ()) if path is None else Field(at(batch, path), (path,))
    if field.value is None:
        remedy = "let the loader yield (images, labels), or locate the labels with labels_getter"
        checks.refuse("labels in the batch", describe(batch), remedy)
    return field


def find_images(
    batch: Any, event_shape: Sequence[int], getter: Getter | None, labels: Field, *, is_item: bool = False
) -> Field:
    """Returns the samples of a batch, a tensor or array `(B, *event)`.

    Arguments:
        batch: A tuple, list, mapping or dataclass.
        event_shape: The shape of one sample.
        getter: A function of the batch, or the name or index of a field; by default the only tensor or array of the right
            shape, or of several the one that is called `image`, `x` or as samples usually are.
        labels: The labels of the batch, which are not its samples.
        is_item: Whether `batch` is a single item of a dataset, with one sample `(*event)`.

    Raises:
        InputError: If nothing in the batch has the right shape, or if several fields have it.
    """
    if getter is not None:
        candidates = [(None, _get("images_getter", batch, getter))]
    else:
        candidates = [(n, Field(v, (path,))) for path, n, v in _nodes(batch) if path not in labels.paths]
    fitting = [(name, field) for name, field in candidates if _has_event_shape(field.value, event_shape, is_item)]
    if len(fitting) > 1:
        fitting = [pair for pair in fitting if str(pair[0]).lower() in SAMPLE_KEYS] or fitting
    if len(fitting) == 1:
        return fitting[0][1]
    event = ", ".join(map(str, event_shape))
    shape = f"shape ({event}) in the item" if is_item else f"shape (B, {event}) in the batch"
    if fitting:
        names = " and ".join(_path_name(field.paths[0]) for _, field in fitting)
        remedy = f"choose one with images_getter, for example images_getter={fitting[0][1].paths[0][-1]!r}"
        if len(fitting[0][1].paths[0]) > 1:
            remedy = "choose one with images_getter, a function of the batch"
        checks.refuse(f"one field of samples of {shape}", f"{names} of {describe(batch)}", remedy)
    remedy = "convert them to tensors of the shape seen at fit, or fit an augmenter on samples like these"
    got = describe(batch if getter is None else candidates[0][1].value)
    checks.refuse(f"{'a sample' if is_item else 'samples'} of {shape}", got, remedy)


def replace_fields(batch: Any, fields: Sequence[tuple[Field, Any]]) -> Any:
    """Returns a batch of the same form with new values in place of fields; all other fields are the same objects.

    Arguments:
        batch: The batch.
        fields: Pairs of a field and its new value.

    Raises:
        InputError: If a field is not one of the batch.
    """
    return map_nodes(batch, replacements(batch, fields).get)


def replacements(batch: Any, fields: Sequence[tuple[Field, Any]]) -> dict[Path, Any]:
    """Returns new values of fields by the paths of the fields; see `replace_fields`."""
    for field, _ in fields:
        if not field.paths:
            remedy = "let the getter return one of the batch's own tensors, not a copy"
            checks.refuse("images and labels that are a field of the batch", describe(batch), remedy)
    return {path: value for field, value in fields for path in field.paths}


def map_nodes(node: Any, change: Callable[[Path], Any], path: Path = ()) -> Any:
    """Returns a batch with other values at some paths. Containers without a change are the same objects as before.

    Arguments:
        node: The batch.
        change: A function from a path to the value that replaces what lies there; None leaves it, and its content is visited.
        path: The path of the batch.
    """
    changed = change(path)
    if changed is not None:
        return changed
    new = {key: map_nodes(value, change, (*path, key)) for key, value in children(node)}
    return rebuild(node, {key: new[key] for key, value in children(node) if new[key] is not value})


def children(node: Any) -> list[tuple[Any, Any]]:
    """Returns the keys and the values of a container; none for anything else."""
    if isinstance(node, tuple | list):
        return list(enumerate(node))
    named = named_fields(node)
    return [] if named is None else list(named.items())


def rebuild(node: Any, changed: Mapping[Any, Any]) -> Any:
    """Returns a container of the same type with some values changed; the container itself if there are none."""
    if not changed:
        return node
    if isinstance(node, tuple | list):
        values = [changed.get(i, value) for i, value in enumerate(node)]
        return type(node)(*values) if hasattr(node, "_fields") else type(node)(values)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        at_init = {field.name for field in dataclasses.fields(node) if field.init}
        new: Any = dataclasses.replace(node, **{k: value for k, value in changed.items() if k in at_init})
        for key in changed.keys() - at_init:
            object.__setattr__(new, key, changed[key])
        return new
    if isinstance(node, MutableMapping):
        # A copy preserves the other attributes of a mapping, as torch's own collation does.
        node = copy.copy(node)
        node.update(changed)
        return node
    return type(node)({**node, **changed})


def as_type_of(x: Tensor, original: Any) -> Any:
    """Returns a tensor as what `original` is: an array, an image of torchvision's `tv_tensors`, or a tensor."""
    if isinstance(original, np.ndarray):
        return x.numpy()
    # torchvision is not imported for this: a batch can only hold its tensors if somebody has imported it.
    tv_tensors = sys.modules.get("torchvision.tv_tensors")
    if tv_tensors is not None and isinstance(original, tv_tensors.TVTensor):
        return tv_tensors.wrap(x, like=original)
    return x


def _get(name: str, batch: Any, getter: Getter) -> Field:
    """Returns the field that a getter locates."""
    if callable(getter):
        value = getter(batch)
        return Field(value, tuple(path for path, _, node in _nodes(batch) if node is value))
    try:
        return Field(at(batch, (getter,)), ((getter,),))
    except LookupError:
        checks.refuse(f"{name} to name a field of the batch", f"{getter!r} and {describe(batch)}", "check the name")


def _nodes(node: Any, path: Path = (), name: Any = None) -> Iterator[tuple[Path, Any, Any]]:
    """Yields path, name and value of a batch and of everything in it, containers before their content."""
    yield path, name, node
    names = list(named_fields(node) or ())
    for i, (key, value) in enumerate(children(node)):
        yield from _nodes(value, (*path, key), names[i] if names else None)


def _path_name(path: Path) -> str:
    return "".join(f"[{key!r}]" for key in path)


def _has_event_shape(value: Any, event_shape: Sequence[int], is_item: bool) -> bool:
    if not isinstance(value, Tensor | np.ndarray) or getattr(value, "is_nested", False):
        return False
    return tuple(value.shape if is_item else value.shape[1:]) == tuple(event_shape) and (
        value.ndim == len(event_shape) + (not is_item)
    )
