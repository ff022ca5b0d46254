"""DataLoaders and Datasets that are read batch by batch, because they do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from vaeaug.data import huggingface
from vaeaug.data.fields import x_and_y
from vaeaug.data.image_folders import ImageFolder
from vaeaug.data.labels import names_of
from vaeaug.data.loaders import EMPTY_LOADER, read_batches, with_names_inside
from vaeaug.data.outliers import warn_of_far_values
from vaeaug.data.sample_kinds import AUTO
from vaeaug.data.samples import Samples, from_arrays
from vaeaug.data.scaling import Scaling
from vaeaug.runtime import checks, seeds

RANGE_SAMPLES = 8192  # samples of a DataLoader from which its range is estimated


def peek(loader: DataLoader, seed: int, minimum: int = RANGE_SAMPLES, kind: str = AUTO) -> Samples:
    """Returns at least `minimum` samples from the start of a DataLoader, in whole batches; all if it has fewer.

    Raises:
        InputError: If the loader is empty.
    """
    batches: list[Samples] = []
    for batch in read_epoch(loader, seed, 0, kind):
        batches.append(batch)
        if sum(map(len, batches)) >= minimum:
            break
    if not batches:
        checks.refuse(*EMPTY_LOADER)
    types = _Types()
    for batch in batches:
        types.update(batch)
    x, y = torch.cat([b.x for b in batches]), torch.cat([b.y for b in batches])
    return types.of(Samples(x, y, names_of(loader.dataset)))


def reservoir(
    data: Any, size: int, seed: int, batch_size: int = 64, kind: str = AUTO
) -> tuple[DataLoader, Samples, Scaling]:
    """Reads a DataLoader once, for a uniform sample of it and its range.

    Reference: Vitter, "Random sampling with a reservoir", 1985 (algorithm R), https://doi.org/10.1145/3147.3165.

    Arguments:
        data: A finite DataLoader, a map-style Dataset, or a dataset or stream of Hugging Face's `datasets`.
        size: The number of samples to keep.
        seed: The seed of the sample.
        batch_size: The batch size for a Dataset.
        kind: The kind of the samples; see `vaeaug.data.sample_kinds`.

    Returns:
        The DataLoader, the samples, and the scaling fitted to everything that was read.

    Raises:
        InputError: If the data is neither, cannot be used, or if the sample has fewer than two samples of a class.
    """
    checks.check_number("bank_size", size, 2, whole=True)
    if huggingface.is_dataset(data):
        data = huggingface.as_loader(data, batch_size)
    if not isinstance(data, DataLoader):
        if not isinstance(data, Dataset):
            remedy = "leave bank_size out for data that fits into memory"
            checks.refuse("a DataLoader or a Dataset with bank_size=", type(data).__name__, remedy)
        if isinstance(data, IterableDataset) or not hasattr(data, "__len__"):
            got = f"{type(data).__name__}, which is iterable only"
            checks.refuse("a Dataset with a length, or a DataLoader", got, "pass DataLoader(dataset, batch_size=64)")
        data = DataLoader(data, batch_size=batch_size, shuffle=True)
    sample, value_range = _Reservoir(size, seeds.generator(seed, 4)), _Range()
    for batch in read_epoch(data, seed, 0, kind):
        value_range.update(batch.x)
        sample.update(batch)
    samples = with_names_inside(sample.samples(names_of(data.dataset)), data.dataset)
    if isinstance(data.dataset, ImageFolder):
        samples = replace(samples, resized_to=data.dataset.size or 0)
    for label, number in enumerate(samples.counts):
        if number < 2:
            got = f"{number} of class {label} in a bank of {len(samples)}"
            checks.refuse("two samples of every class in the bank", got, "pass a larger bank_size")
    return data, samples, value_range.scaling(samples)


class _Reservoir:
    """Keeps a uniform sample of `size` of all samples seen so far."""

    def __init__(self, size: int, generator: torch.Generator) -> None:
        self.size, self.generator, self.n_seen, self.num_classes = size, generator, 0, 0
        self.x, self.y = torch.empty(0), torch.empty(size, dtype=torch.long)
        self.types = _Types()

    def update(self, batch: Samples) -> None:
        if not self.n_seen:
            self.x = torch.empty(self.size, *batch.event_shape)
        # Sample i of the stream gets a random slot in 0..i. It is kept, in place of another, if the slot is below `size`.
        i = torch.arange(self.n_seen, self.n_seen + len(batch))
        random = (torch.rand(len(batch), generator=self.generator, dtype=torch.float64) * (i + 1)).long()
        slot = torch.where(i < self.size, i, random)
        # One by one, because a later sample may take the slot of an earlier one.
        for index in torch.nonzero(slot < self.size)[:, 0].tolist():
            self.x[slot[index]], self.y[slot[index]] = batch.x[index], batch.y[index]
        self.n_seen += len(batch)
        self.types.update(batch)
        self.num_classes = max(self.num_classes, int(batch.y.max()) + 1)

    def samples(self, names: tuple[str, ...]) -> Samples:
        n = min(self.n_seen, self.size)
        if not n:
            checks.refuse(*EMPTY_LOADER)
        return self.types.of(Samples(self.x[:n], self.y[:n], names or tuple(map(str, range(self.num_classes)))))


class _Types:
    """Collects the types of samples that come in batches: whole numbers are those that are such in every batch."""

    def __init__(self) -> None:
        self._first: Samples | None = None
        self._dtypes: set[str] = set()

    def update(self, batch: Samples) -> None:
        self._dtypes.add(batch.dtype)
        self._first = batch[:0] if self._first is None else self._first
        if batch.integer_columns != self._first.integer_columns:
            self._first = replace(
                self._first,
                integer_columns=tuple(sorted({*self._first.integer_columns} & {*batch.integer_columns})),
                boolean_columns=tuple(sorted({*self._first.boolean_columns} & {*batch.boolean_columns})),
            )

    def of(self, samples: Samples) -> Samples:
        """Returns samples with these types."""
        if self._first is None:
            return samples
        dtype = self._dtypes.pop() if len(self._dtypes) == 1 else ""
        integers, booleans = self._first.integer_columns, self._first.boolean_columns
        return replace(samples, integer_columns=integers, boolean_columns=booleans, dtype=dtype)


class _Range:
    """Accumulates the range of samples that come in batches; see `Scaling.fit`."""

    def __init__(self) -> None:
        from sklearn.preprocessing import StandardScaler

        self.low = self.high = torch.empty(0)
        self.moments = StandardScaler()  # of tabular data and of the channels of signals, in float64

    def update(self, x: Tensor) -> None:
        x = x.transpose(1, 2).flatten(0, 1) if x.ndim == 3 else x  # of signals, the points of each channel
        axes = tuple(range(x.ndim)) if x.ndim > 2 else (0,)
        low, high = x.amin(axes), x.amax(axes)
        empty = not self.low.numel()
        self.low = low if empty else torch.minimum(self.low, low)
        self.high = high if empty else torch.maximum(self.high, high)
        if x.ndim == 2:
            self.moments.partial_fit(x.numpy())

    def scaling(self, samples: Samples) -> Scaling:
        """Returns the scaling of all that was read, of which `samples` are a part."""
        if not self.low.ndim:
            ends = torch.stack([self.low, self.high])[:, None, None, None].expand(2, *samples.event_shape)
            warn_of_far_values(torch.cat([samples.x, ends]))
            return Scaling.from_range(float(self.low), float(self.high))
        low, high = (
            end[:, None].expand(samples.event_shape) if samples.x.ndim == 3 else end for end in (self.low, self.high)
        )
        warn_of_far_values(torch.cat([samples.x, low[None], high[None]]), samples.columns)
        mean, stddev = (torch.from_numpy(v).float() for v in (self.moments.mean_, self.moments.var_**0.5))
        return Scaling.from_moments(mean, stddev, self.low, self.high)


def read_epoch(loader: DataLoader, seed: int, epoch: int, kind: str = AUTO) -> Iterator[Samples]:
    """Yields the batches of one epoch of a DataLoader.

    Arguments:
        loader: The DataLoader.
        seed: The seed of the order, and of random transforms that draw from a global generator.
        epoch: The number of the epoch, from 0.
        kind: The kind of the samples; see `vaeaug.data.sample_kinds`.

    Raises:
        InputError: If a batch cannot be used.
    """
    names = names_of(loader.dataset)
    for batch in read_batches(loader, seed, epoch):
        yield from_arrays(*x_and_y(batch), names, partial=True, kind=kind)
