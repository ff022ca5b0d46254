"""Where the samples and the labels are in a batch of any form, and how other samples take their place.

The labels are found as torchvision's `MixUp` finds them; the samples are known by the shape that the augmenter saw at fit.
Nothing here knows what the samples are replaced by.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torchvision import tv_tensors

from vaeaug.runtime import checks

Getter = Callable[[Any], Any]


def check_getters(labels_getter: Any, images_getter: Any) -> None:
    """Checks the two arguments by which a user may say where labels and images are."""
    if labels_getter != "default" and not callable(labels_getter):
        remedy = "pass lambda batch: batch['y'], say"
        checks.refuse("labels_getter to be 'default' or a function of the batch", repr(labels_getter), remedy)
    if images_getter is not None and not callable(images_getter):
        remedy = "pass lambda batch: batch['x'], say"
        checks.refuse("images_getter to be a function of the batch", repr(images_getter), remedy)


def find_labels(batch: Any, getter: str | Getter = "default") -> Any:
    """Returns the labels of a batch.

    Arguments:
        batch: A tuple, list or mapping.
        getter: `default`: the second item of a tuple or list; in a mapping (or where the second item is one) the key
            `labels`, else one with `label` in it, else one of `target`, `targets` and `y`. Or a function of the batch.

    Raises:
        InputError: If there are none.
    """
    if callable(getter):
        found = getter(batch)
    elif isinstance(batch, Sequence) and len(batch) > 1:
        found = _by_key(batch[1]) if isinstance(batch[1], Mapping) else batch[1]
    else:
        found = _by_key(batch) if isinstance(batch, Mapping) else None
    if found is None:
        remedy = "let the loader yield (images, labels), or say where the labels are with labels_getter"
        checks.refuse("labels in the batch", describe(batch), remedy)
    return found


def find_images(batch: Any, event_shape: Sequence[int], getter: Getter | None = None, *, lone: bool = False) -> Any:
    """Returns the samples of a batch, a tensor or array `(B, *event)`.

    Arguments:
        batch: A tuple, list or mapping.
        event_shape: The shape of one sample.
        getter: A function of the batch; by default the first tensor of the right shape.
        lone: Whether the batch is a single item, with one sample `(*event)` in it.

    Raises:
        InputError: If nothing there has the right shape.
    """
    leaves = list(_leaves(batch)) if getter is None else [getter(batch)]
    for leaf in leaves:
        if isinstance(leaf, Tensor | np.ndarray):
            shape = tuple(leaf.shape) if lone else tuple(leaf.shape[1:])
            if shape == tuple(event_shape) and leaf.ndim == len(event_shape) + (not lone):
                return leaf
    expected = ", ".join(map(str, event_shape))
    wanted = f"a sample of shape ({expected}) in the item" if lone else f"samples of shape (B, {expected}) in the batch"
    remedy = "bring them to the shape seen at fit as tensors, or fit an augmenter on samples like these"
    checks.refuse(wanted, describe(batch if getter is None else leaves[0]), remedy)


def replace_leaf(batch: Any, old: Any, new: Any) -> Any:
    """Returns a batch of the same form with `new` where `old` was; all other parts are the very same objects.

    Raises:
        InputError: If `old` is not a part of the batch.
    """
    out = _replace_leaf(batch, old, new)
    if out is batch:
        _not_a_part(batch)
    return out


def repeat_batch(batch: Any, size: int, times: int, instead: Mapping[int, Any]) -> Any:
    """Returns a batch of the same form in which every part with one entry per sample stands so many times, end to end.

    Arguments:
        batch: A tuple, list or mapping.
        size: Its number of samples B: tensors and arrays `(B, ...)`, and lists with one entry per sample, are repeated.
        times: How often.
        instead: From the `id` of a part to what stands in its place.

    Raises:
        InputError: If something in `instead` is not a part of the batch.
    """
    met: set[int] = set()

    def part(one: Any, inside: bool = True) -> Any:
        if id(one) in instead:
            met.add(id(one))
            return instead[id(one)]
        if isinstance(one, MutableMapping):
            longer = copy.copy(one)
            longer.update({key: part(value) for key, value in one.items()})
            return longer
        if isinstance(one, tuple | list):
            if (
                inside
                and not hasattr(one, "_fields")
                and len(one) == size
                and not all(_entries(p) == size for p in one)
            ):
                return one * times  # one entry per sample: names, numbers, mappings, ...
            parts = [part(value) for value in one]
            return type(one)(*parts) if hasattr(one, "_fields") else type(one)(parts)
        if _entries(one) != size:
            return one
        if isinstance(one, np.ndarray):
            return np.concatenate([one] * times)
        out = one.repeat(times, *[1] * (one.ndim - 1))
        return tv_tensors.wrap(out, like=one) if isinstance(one, tv_tensors.TVTensor) else out

    out = part(batch, inside=False)
    if met != set(instead):
        _not_a_part(batch)
    return out


def _entries(part: Any) -> int | None:
    """Returns how many entries a part of a batch has; None for what has none, or is no sequence."""
    if isinstance(part, Tensor | np.ndarray):
        return len(part) if part.ndim else None
    return len(part) if isinstance(part, tuple | list) else None


def _not_a_part(batch: Any) -> None:
    remedy = "let images_getter return one of the batch's own tensors, not a copy"
    checks.refuse("images that are a part of the batch", describe(batch), remedy)


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


def _by_key(batch: Mapping[Any, Any]) -> Any:
    keys = {key.lower(): key for key in batch if isinstance(key, str)}
    likely = [
        *(k for k in keys if k == "labels"),
        *(k for k in keys if "label" in k),
        *(k for k in keys if k in ("target", "targets", "y")),
    ]
    return batch[keys[likely[0]]] if likely else None


def _leaves(batch: Any) -> Iterator[Any]:
    if isinstance(batch, tuple | list | Mapping):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _leaves(part)
    else:
        yield batch


def _replace_leaf(batch: Any, old: Any, new: Any) -> Any:
    if batch is old:
        return new
    if isinstance(batch, tuple | list):
        parts = [_replace_leaf(part, old, new) for part in batch]
        if all(a is b for a, b in zip(parts, batch, strict=True)):
            return batch
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    if isinstance(batch, MutableMapping):
        changed = {k: part for k, v in batch.items() if (part := _replace_leaf(v, old, new)) is not v}
        if changed:
            # A copy keeps what a mapping may carry beside its items, as torch's own collation does.
            batch = copy.copy(batch)
            batch.update(changed)
    return batch
