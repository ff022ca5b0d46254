"""Samples without labels, or whose labels are not looked at, in any form that labelled samples come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vaeaug.data import huggingface
from vaeaug.data.columns import listed
from vaeaug.data.fields import first_field, named_fields
from vaeaug.data.frames import is_frame
from vaeaug.data.image_paths import find_images, read_files, warn_of_left_out
from vaeaug.data.images import is_pil_image
from vaeaug.data.loaders import SampleList, is_loader, items_of, read_batches
from vaeaug.data.loading import NAMES, load, read_maybe_labelled
from vaeaug.data.other_frames import to_pandas
from vaeaug.data.sample_kinds import kind_like
from vaeaug.data.samples import Samples, from_arrays
from vaeaug.runtime import checks, modes

LEAVE_OUT = "pass fewer of them"


@modes.in_plain_modes
def read_unlabelled(data: Any, like: Samples, seed: int = 0) -> Tensor:
    """Returns unlabelled samples `(M, *event)`, float32. All of them are read, and labels that come with them are ignored.

    Arguments:
        data: An array, a tensor, a data frame, a list of samples, a pair `(X, y)`, `Samples`, a Dataset or DataLoader of
            samples or of tuples or mappings with one, the name of a set, or a path: an image, a folder of images, or of
            folders of images, an `.npz` or a `.csv`.
        like: The labelled samples.
        seed: The seed of the order of a DataLoader that shuffles, and of random transforms.

    Raises:
        InputError: If they cannot be used, or are not of the shape of the labelled ones.
    """
    event_shape = like.event_shape
    x = _read(data, like, seed)
    if x.ndim == len(event_shape) > 1 and event_shape[0] == 1:
        x = x[:, None]
    checks.check_event_shape("unlabelled", x, event_shape)
    return from_arrays(x, torch.zeros(len(x), dtype=torch.long), kind=kind_like(event_shape)).x


def _read(data: Any, like: Samples, seed: int) -> Tensor:
    data = listed(data)
    samples = SampleList("unlabelled", LEAVE_OUT, like.columns[:-1])
    if isinstance(data, Samples):
        return data.x
    data = to_pandas(data, "unlabelled")
    if like.table is not None and is_frame(data):
        return like.table.encode(data, "unlabelled")
    if isinstance(data, str | Path):
        return _from_path(data, like)
    if is_loader(data):
        for batch in read_batches(data, seed):
            samples.add_batch(_batch(batch, like.event_shape))
    elif isinstance(data, Dataset) or huggingface.is_dataset(data):
        for item in items_of(data, seed):
            samples.add(_item(item, like.event_shape))
    else:
        samples.add_batch(_batch(data, like.event_shape))
    if samples.is_empty:
        checks.refuse("at least one unlabelled sample", "none", "leave unlabelled out")
    return samples.tensor(channels=_channels(like.event_shape))


def _batch(batch: Any, event_shape: Sequence[int]) -> Any:
    """Returns the samples of a batch: of a list of samples all, of a pair or a mapping the first part or field."""
    if named_fields(batch) is not None:
        return first_field(batch)
    if not isinstance(batch, tuple | list):
        return [batch] if is_pil_image(batch) else batch
    if not batch or is_pil_image(batch[0]) or _shape(batch[0]) in _event_shapes(event_shape):
        return batch
    return batch[0] if _shape(batch[0]) or isinstance(batch[0], tuple | list) else batch


def _item(item: Any, event_shape: Sequence[int]) -> Any:
    """Returns the sample of an item of a Dataset: itself, or the first part or field."""
    is_list_of_numbers = isinstance(item, tuple | list) and _shape(item) in _event_shapes(event_shape)
    return item if is_list_of_numbers else first_field(item)


def _shape(value: Any) -> tuple[int, ...]:
    """Returns the shape of a sample or of samples; of nested lists by their first elements."""
    if isinstance(value, tuple | list):
        return (len(value), *(_shape(value[0]) if value else ()))
    return tuple(getattr(value, "shape", ()))


def _event_shapes(event_shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Returns the shapes that one sample may have: grey images and signals of one channel may lack their channel."""
    has_one = len(event_shape) > 1 and event_shape[0] == 1
    return [tuple(event_shape), *([tuple(event_shape[1:])] if has_one else [])]


def _channels(event_shape: Sequence[int]) -> int | None:
    return event_shape[0] if len(event_shape) == 3 and event_shape[0] in (1, 3, 4) else None


def _from_path(path: str | Path, like: Samples) -> Tensor:
    file = Path(path)
    if str(path) in NAMES:
        return load(path).x
    if file.suffix.lower() in (".npz", ".csv") and not file.is_dir():
        return read_maybe_labelled(file, like.event_shape, columns=like.columns, like=like.table)[0].x
    channels = _channels(like.event_shape)
    if channels is None:
        checks.refuse(
            "an .npz or a .csv of samples like the labelled ones", f"'{path}'", "convert the data to one of these"
        )
    if not file.is_dir():
        return read_files([file], channels, like.resized_to or None)
    found = find_images(file)
    if not found.files:
        checks.refuse("unlabelled images", f"none in '{path}'", "name a folder with images in it")
    warn_of_left_out(file, found.left_out())
    return read_files(found.files, channels, like.resized_to or None)
