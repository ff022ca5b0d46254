"""Repeats what belongs to the samples of a batch when the batch grows; everything else stays.

Which fields these are is a matter of their length, and lengths may agree by chance: ten class weights in a batch of ten.
What torch's own collation made is known exactly. Otherwise other batches of the same loader decide, and if there were none, a
field that could be either is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from vaeaug.data.fields import describe, named_fields
from vaeaug.plugins.torch.batches import Path, as_type_of, children, rebuild
from vaeaug.runtime import checks

LONGEST_SIZE = 4  # numbers in a tuple such as (height, width) or (left, top, right, bottom)


class Growth:
    """Repeats the fields with one entry per sample, batch after batch.

    Tensors and arrays `(B, ...)` are repeated, and so are lists and tuples with one entry per sample, whatever its length.
    Texts, single numbers, mappings, and lists of another length stay; their content is looked at in the same way.

    Arguments:
        names: The class names: as many numbers as classes may be class weights.
        event_shape: The shape of one sample.
    """

    def __init__(self, names: Sequence[str], event_shape: Sequence[int]) -> None:
        self.names, self.event_shape = tuple(names), tuple(event_shape)
        # Path and kind of a field -> whether it had one entry per sample in the batches so far.
        self._seen: dict[tuple[Any, ...], bool] = {}

    def __call__(
        self,
        batch: Any,
        size: int,
        times: int,
        longer: Mapping[Path, Any],
        labels: Sequence[Path] = (),
        *,
        collated: bool = False,
    ) -> Any:
        """Returns a batch of the same form in which every field with one entry per sample is repeated end to end.

        Arguments:
            batch: The batch.
            size: The number of samples B.
            times: The number of repetitions.
            longer: The longer fields, at least the images, by their paths.
            labels: The paths of the labels.
            collated: Whether torch's `default_collate` made the batch.

        Raises:
            InputError: If it cannot be told whether a field has one entry per sample.
        """
        fields = {*longer, *labels}
        holders = {path[:i] for path in fields for i in range(len(path))}

        def grown(node: Any, path: Path) -> Any:
            if path in longer:
                return longer[path]
            if path in fields:
                return _repeat(node, times)
            if path not in holders and self._is_per_sample(node, path, size, collated):
                return _repeat(node, times)
            parts = [] if isinstance(node, PackedSequence) else children(node)
            new = {key: grown(value, (*path, key)) for key, value in parts}
            return rebuild(node, {key: new[key] for key, value in parts if new[key] is not value})

        return grown(batch, ())

    def _is_per_sample(self, node: Any, path: Path, size: int, collated: bool) -> bool:
        if named_fields(node) is not None:
            numbered = isinstance(node, Mapping) and size > 0 and set(node) == set(range(size))
            if numbered or isinstance(node, PackedSequence):
                _refuse(path, node, size, "make it a list or a tensor of one entry per sample")
            return False
        length = _length(node)
        if length is None:
            return False
        kind = (path, type(node), getattr(node, "dtype", None), getattr(node, "ndim", None))
        if length != size:
            if self._seen.get(kind):
                remedy = "leave it out of the batch, or give every sample an entry"
                _refuse(path, node, size, remedy, "; an earlier batch had as many entries as samples")
            self._seen[kind] = False
            return False
        if kind not in self._seen:
            is_known = collated and isinstance(node, Tensor | np.ndarray | list | tuple)
            found = _is_collated_leaf(node, size) if is_known else self._guess(node, size)
            if found is None:
                remedy = (
                    "pass one entry per sample as a tensor (B, 1), and keep what is not per sample out of the batch"
                )
                _refuse(path, node, size, remedy)
            self._seen[kind] = bool(found)
        return self._seen[kind]

    def _guess(self, node: Any, size: int) -> bool | None:
        """Returns whether a field of the length of the batch has one entry per sample; None if it cannot be told."""
        if isinstance(node, Tensor | np.ndarray):
            is_numbers = isinstance(node, Tensor) or node.dtype.kind in "biuf"
            return None if is_numbers and node.ndim == 1 and size == len(self.names) else True
        if not isinstance(node, list | tuple):
            return None
        kinds = {_kind(entry) for entry in node if entry is not None}
        if len(kinds) > 1:
            return False  # fields of several kinds, as in ("train", 3)
        kind = next(iter(kinds), "object")
        if kind == "number":
            return None if 1 < size <= LONGEST_SIZE or size == len(self.names) else True
        if kind == "text":
            return None if tuple(map(str, node)) == self.names else True
        return self._guess_tensors(node, size) if kind == "tensor" else True

    def _guess_tensors(self, node: Sequence[Any], size: int) -> bool | None:
        """Returns whether a list of as many tensors as samples has one of each sample, or several fields of all samples."""
        tensors = [entry for entry in node if entry is not None]
        if any(_length(entry) != size for entry in tensors):
            return True
        # Entries of one kind, such as boxes, have one type and, but for their number, one shape.
        if len({(entry.dtype, tuple(entry.shape[1:])) for entry in tensors}) > 1:
            return False
        if tuple(tensors[0].shape[1:]) == self.event_shape:
            return False
        return True if tensors[0].ndim > 1 else None


def _is_collated_leaf(node: Any, size: int) -> bool:
    """Returns whether a field of the length of the batch that `default_collate` made has one entry per sample.

    It stacks numbers and tensors, and turns lists and tuples inside out: only texts and unknown objects remain in lists.
    """
    if not isinstance(node, list | tuple):
        return True
    stacked = [entry for entry in node if _kind(entry) in ("tensor", "list", "mapping")]
    return not stacked or any(_kind(entry) == "tensor" and _length(entry) != size for entry in stacked)


def _kind(entry: Any) -> str:
    if isinstance(entry, Tensor | np.ndarray):
        return "tensor"
    if isinstance(entry, str | bytes):
        return "text"
    if isinstance(entry, Number | np.generic):
        return "number"
    if isinstance(entry, list | tuple) and not hasattr(entry, "_fields"):
        return "list"
    return "object" if named_fields(entry) is None else "mapping"


def _length(field: Any) -> int | None:
    """Returns the number of entries of a field, or None if it is a scalar, a text or nothing with entries."""
    if isinstance(field, Tensor):
        return field.size(0) if field.ndim else None  # len() of a nested tensor is an error
    if isinstance(field, np.ndarray):
        return len(field) if field.ndim else None
    return None if isinstance(field, str | bytes) or not isinstance(field, Sized) else len(field)


def _repeat(field: Any, times: int) -> Any:
    if isinstance(field, tuple | list):
        return field * times
    if isinstance(field, np.ndarray):
        return field[np.tile(np.arange(len(field)), times)]
    if not isinstance(field, Tensor) or field.is_nested:
        remedy = "pass a tensor, an array or a list of one entry per sample"
        checks.refuse("fields of the batch that can be repeated", type(field).__name__, remedy)
    return as_type_of(torch.cat([field] * times), field)


def _refuse(path: Path, node: Any, size: int, remedy: str, more: str = "") -> None:
    name = "".join(f"[{key!r}]" for key in path)
    got = f"field {name}, {describe(node)}, in a batch of {size} samples{more}"
    checks.refuse("fields of which it can be told whether they have one entry per sample", got, remedy)
