"""Datasets and DataLoaders read item by item or batch by batch: in an order that the seed decides."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from vaeaug.data import huggingface, tensors
from vaeaug.data.images import from_pil, is_pil_image
from vaeaug.data.labels import names_of
from vaeaug.data.samples import Samples
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.limits import check_memory, memory_limit

EMPTY_LOADER = ("at least one batch", "an empty DataLoader", "pass a loader that is not empty")
EPOCH_STREAM = 3  # the stream of `read_batches`; see models/fitting.py
ITEM_STREAM = 5  # the stream of `items_of`
ITEMS_TOGETHER = 64  # items that are read between two changes of the global generators


def is_loader(value: Any) -> bool:
    """Returns whether this is a DataLoader, or timm's loader around one, which puts its batches on a device."""
    timm = sys.modules.get(
        "timm.data.loader"
    )  # not imported: a value can only be its loader if somebody has imported it
    return isinstance(value, DataLoader) or (timm is not None and isinstance(value, timm.PrefetchLoader))


def read_batches(loader: DataLoader, seed: int, epoch: int = 0) -> Iterator[Any]:
    """Yields the batches of one epoch of a DataLoader as they are.

    Arguments:
        loader: The DataLoader.
        seed: The seed of the order, and of random transforms that draw from the global generators of torch, numpy or Python.
        epoch: The number of the epoch, from 0.
    """
    sampler = getattr(loader, "sampler", None)
    if isinstance(sampler, DistributedSampler):
        sampler.set_epoch(epoch)
    dataset = getattr(loader, "dataset", None)
    if isinstance(dataset, IterableDataset) and hasattr(dataset, "set_epoch"):  # it shuffles by itself
        dataset.set_epoch(epoch)
    # Loaders and transforms draw from global generators. They are seeded here, so that an epoch can be repeated.
    with seeds.all_forked(seed, EPOCH_STREAM, epoch):
        batches = iter(loader)
    for i in count():
        with seeds.all_forked(seed, EPOCH_STREAM, epoch, i):
            batch = next(batches, _END)
        if batch is _END:
            return
        yield batch


_END = object()


def items_of(dataset: Dataset, seed: int = 0) -> Iterator[Any]:
    """Yields the items of a map-style Dataset, or of a dataset or stream of Hugging Face's `datasets`.

    Arguments:
        dataset: The Dataset.
        seed: The seed of random transforms that draw from the global generators of torch, numpy or Python.

    Raises:
        InputError: If the Dataset has no length, and is no stream of `datasets`.
    """
    if huggingface.is_dataset(dataset):
        columns = huggingface.readable(dataset)
        read = _items_of_stream if huggingface.is_stream(dataset) else _items_by_index
        return (huggingface.arrays_in(item, columns) for item in read(columns, seed))
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        got = f"{type(dataset).__name__}, which is iterable only"
        checks.refuse("a Dataset with a length, or a DataLoader", got, "pass DataLoader(dataset, batch_size=64)")
    return _items_by_index(dataset, seed)


def _items_by_index(dataset: Any, seed: int) -> Iterator[Any]:
    size = len(dataset)
    for start in range(0, size, ITEMS_TOGETHER):
        with seeds.all_forked(seed, ITEM_STREAM, start):
            items = [dataset[i] for i in range(start, min(start + ITEMS_TOGETHER, size))]
        yield from items


def _items_of_stream(dataset: Any, seed: int) -> Iterator[Any]:
    items = iter(dataset)
    for start in count(0, ITEMS_TOGETHER):
        with seeds.all_forked(seed, ITEM_STREAM, start):
            some = list(islice(items, ITEMS_TOGETHER))
        if not some:
            return
        yield from some


def datasets_in(dataset: Any) -> list[Any]:
    """Returns the datasets that a Subset, a ConcatDataset or another wrapper holds."""
    parts = getattr(dataset, "datasets", None)
    inner = parts.values() if isinstance(parts, Mapping) else parts if isinstance(parts, list | tuple) else ()
    return [part for part in (getattr(dataset, "dataset", None), *inner) if part is not None]


def with_names_inside(samples: Samples, dataset: Any) -> Samples:
    """Returns samples with the class names of the datasets that a Subset or a ConcatDataset holds.

    A part of a dataset may lack classes: the names are used only if every one of them occurs.
    """
    names = _names_inside(dataset)
    are_numbers = samples.names == tuple(map(str, range(len(samples.names))))
    is_complete = are_numbers and len(names) == len(samples.names) and all(samples.counts)
    return replace(samples, names=names) if is_complete else samples


def _names_inside(dataset: Any) -> tuple[str, ...]:
    found = {names_of(part) or _names_inside(part) for part in datasets_in(dataset)}
    return found.pop() if len(found) == 1 else ()


class SampleList:
    """Collects samples that come one by one or in batches, of any kind.

    Arguments:
        name: The name of the samples in messages.
        remedy: What to do if they do not fit into memory.
        columns: The names of the features, if they are known; see `tensors.as_tensor`.
    """

    def __init__(
        self, name: str, remedy: str = "pass bank_size= to fit, which reads batch by batch", columns: Sequence[str] = ()
    ) -> None:
        self.name, self.remedy, self.columns = name, remedy, columns
        self._images: list[Any] = []
        self._batches: list[Tensor] = []
        self._bytes = self._size = 0
        self._limit = memory_limit()

    def add(self, sample: Any) -> None:
        """Adds one sample.

        Raises:
            InputError: If it is not made of numbers, or of another shape than the others.
        """
        if is_pil_image(sample):
            self._images.append(sample)
        else:
            self._append(tensors.as_tensor(self.name, sample)[None])

    def add_batch(self, batch: Any) -> None:
        """Adds a batch of samples; see `add`."""
        if isinstance(batch, tuple | list) and len(batch) and all(map(is_pil_image, batch)):
            self._images += batch
        else:
            self._append(tensors.as_tensor(self.name, batch, self.columns))

    @property
    def is_empty(self) -> bool:
        """Whether there are no samples."""
        return not self._images and not self._size

    def tensor(self, channels: int | None = None) -> Tensor:
        """Returns all samples, `(N, *event)`.

        Arguments:
            channels: The number of channels of PIL images; by default that of the images.
        """
        if self._images and self._batches:
            checks.refuse(f"{self.name} of one kind", "PIL images and arrays", "convert the images to tensors")
        images = from_pil(self._images, channels)
        return torch.cat(self._batches) if images is None else images

    def _append(self, batch: Tensor) -> None:
        if not batch.ndim:
            checks.refuse(f"{self.name} as samples", "a single number", "pass an array of shape (N, ...)")
        if self._batches and batch.shape[1:] != self._batches[0].shape[1:]:
            remedy = "resize them, e.g. with torchvision.transforms.v2.Resize or --size on the command line"
            got = f"{tuple(self._batches[0].shape[1:])} and {tuple(batch.shape[1:])}"
            checks.refuse("samples of one shape", got, remedy)
        self._bytes += batch.numel() * batch.element_size()
        self._size += len(batch)
        if self._bytes > self._limit:  # a DataLoader may have no end
            check_memory(f"{self._size} samples or more", self._bytes, self.remedy)
        self._batches.append(batch)
