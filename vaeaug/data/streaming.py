"""Batches for the training loop: of data held in memory, or of a DataLoader that is read a batch at a time, over and over.

Which samples step t sees depends on (seed, t) alone; of them each process of a world takes its share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from vaeaug.data.loading import pair
from vaeaug.data.samples import Samples, Scaling, from_arrays
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.distributed import SINGLE_PROCESS, World

FIRST = 8192  # samples of a DataLoader that show its range


class Batch(NamedTuple):
    """This process's share of the batch of one step.

    Arguments:
        x, y: Its samples and their labels.
        first: The place of the first of them in the whole batch.
        size: The number of samples of the whole batch.
    """

    x: Tensor
    y: Tensor
    first: int
    size: int


def held(samples: Samples, order: Callable[[int], Tensor], world: World = SINGLE_PROCESS) -> Callable[[int], Batch]:
    """Returns the function from a step to its batch, for samples in memory and the order of their places."""

    def batch(step: int) -> Batch:
        places = order(step)
        share = world.local_slice(len(places))
        return Batch(samples.x[places[share]], samples.y[places[share]], share.start, len(places))

    return batch


def streamed(
    loader: DataLoader, seed: int, check: Callable[[Samples], None], world: World = SINGLE_PROCESS
) -> Callable[[int], Batch]:
    """Returns the function from a step to its batch, for a DataLoader and steps that come one after the other.

    Arguments:
        loader: The batches; each process reads all of them, or its own where the sampler is a `DistributedSampler`.
        seed: Of the order and of random transforms, where these draw from torch's global generator.
        check: Refuses samples that cannot be used.
        world: Which of how many processes this one is.
    """
    apart = isinstance(getattr(loader, "sampler", None), DistributedSampler)
    running: list[Iterator[Samples]] = []

    def batch(step: int) -> Batch:
        if not running:
            running.append(_from(loader, seed, step))
        samples = next(running[0])
        check(samples)
        if apart:
            return Batch(samples.x, samples.y, world.rank * len(samples), world.size * len(samples))
        if len(samples) < world.size:
            remedy = "pass DataLoader(..., drop_last=True)"
            checks.refuse(f"batches of {world.size} samples or more", f"one of {len(samples)}", remedy)
        share = world.local_slice(len(samples))
        return Batch(samples.x[share], samples.y[share], share.start, len(samples))

    return batch


def first(loader: DataLoader, seed: int, least: int = FIRST) -> Samples:
    """Returns the first samples of a DataLoader, `least` of them if it has so many, and whole batches."""
    parts: list[Samples] = []
    for part in _epoch(loader, seed, 0):
        parts.append(part)
        if sum(map(len, parts)) >= least:
            break
    if not parts:
        checks.refuse("at least one batch", "an empty DataLoader", "pass a loader that is not empty")
    names = tuple(map(str, getattr(loader.dataset, "classes", ())))
    return Samples(torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts]), names)


def reservoir(data: Any, size: int, seed: int, batch: int = 64) -> tuple[DataLoader, Samples, Scaling]:
    """Reads a DataLoader once and returns it, a uniform sample of what it gives, and the range of all of it.

    Reference: Vitter, "Random sampling with a reservoir", 1985 (algorithm R).

    Arguments:
        data: A DataLoader that comes to an end, or a map-style Dataset.
        size: The number of samples to keep.
        seed: Of the choice.
        batch: The batch size for a Dataset.

    Raises:
        InputError: If the data is neither, cannot be used, or the sample misses a class.
    """
    checks.check_number("bank", size, 2, whole=True)
    if not isinstance(data, DataLoader):
        if not isinstance(data, Dataset):
            remedy = "leave bank out for data that fits into memory"
            checks.refuse("a DataLoader or a Dataset with bank=", type(data).__name__, remedy)
        data = DataLoader(data, batch_size=batch, shuffle=True)
    kept, span = _Reservoir(size, seeds.generator(seed, 4)), _Range()
    for part in _epoch(data, seed, 0):
        span.see(part.x)
        kept.see(part)
    samples = kept.samples(tuple(map(str, getattr(data.dataset, "classes", ()))))
    for label, number in enumerate(samples.counts):
        if number < 2:
            few = f"{number} of class {label} in a bank of {len(samples)}"
            checks.refuse("two samples of every class in the bank", few, "pass a larger bank")
    return data, samples, span.scaling()


class _Reservoir:
    def __init__(self, size: int, generator: torch.Generator) -> None:
        self.size, self.generator, self.seen, self.classes = size, generator, 0, 0
        self.x, self.y = torch.empty(0), torch.empty(size, dtype=torch.long)

    def see(self, part: Samples) -> None:
        if not self.seen:
            self.x = torch.empty(self.size, *part.event_shape)
        # Sample i comes to a place among those up to i; below `size` is in the reservoir.
        i = torch.arange(self.seen, self.seen + len(part))
        drawn = (torch.rand(len(part), generator=self.generator, dtype=torch.float64) * (i + 1)).long()
        place = torch.where(i < self.size, i, drawn)
        for row in torch.nonzero(place < self.size)[:, 0].tolist():
            self.x[place[row]], self.y[place[row]] = part.x[row], part.y[row]
        self.seen, self.classes = self.seen + len(part), max(self.classes, int(part.y.max()) + 1)

    def samples(self, names: tuple[str, ...]) -> Samples:
        there = min(self.seen, self.size)
        if not there:
            checks.refuse("at least one batch", "an empty DataLoader", "pass a loader that is not empty")
        return Samples(self.x[:there], self.y[:there], names or tuple(map(str, range(self.classes))))


class _Range:
    """Follows the range of samples that come in parts; see `Scaling.fit`."""

    def __init__(self) -> None:
        self.images, self.n = False, 0
        self.mean = self.square = self.low = self.high = torch.zeros(())

    def see(self, x: Tensor) -> None:
        self.images = x.ndim > 2
        axes = tuple(range(x.ndim)) if self.images else (0,)
        low, high = x.amin(axes), x.amax(axes)
        self.low, self.high = (torch.minimum(self.low, low), torch.maximum(self.high, high)) if self.n else (low, high)
        total = self.n + len(x)
        if not self.images:
            # Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for sample variances", 1979.
            mean, before = x.double().mean(0), self.mean
            self.square = self.square + (x - mean).square().sum(0) + (mean - before).square() * self.n * len(x) / total
            self.mean = before + (mean - before) * len(x) / total
        self.n = total

    def scaling(self) -> Scaling:
        if self.images:
            return Scaling.fit(torch.stack([self.low, self.high])[:, None, None])
        gain = (self.square / self.n).sqrt().float()
        least = 1e-6 * torch.maximum(self.low.abs(), self.high.abs()).clamp(min=1e-6)
        gain = torch.where(gain > least, gain, 1.0)
        return Scaling(*(tuple(v.tolist()) for v in (self.mean.float(), gain, self.low, self.high)))


def _from(loader: DataLoader, seed: int, step: int) -> Iterator[Samples]:
    """Yields the batches from a step on, epoch after epoch; those before it in its epoch are read and dropped."""
    length = len(loader) if isinstance(loader, Sized) and not _endless(loader) else None
    start, skip = divmod(step, length) if length else (0, step)
    for epoch in count(start):
        empty = True
        for samples in _epoch(loader, seed, epoch):
            empty = False
            if skip:
                skip -= 1
            else:
                yield samples
        if empty:
            checks.refuse("at least one batch", "an empty DataLoader", "pass a loader that is not empty")


def _endless(loader: DataLoader) -> bool:
    return not isinstance(loader.dataset, Sized)


def _epoch(loader: DataLoader, seed: int, epoch: int) -> Iterator[Samples]:
    sampler = getattr(loader, "sampler", None)
    if isinstance(sampler, DistributedSampler):
        sampler.set_epoch(epoch)
    # A loader draws its order from the global generator, and so do transforms: seeded here, they can be repeated.
    with seeds.forked(seed, 3, epoch):
        batches = iter(loader)
    for place in count():
        with seeds.forked(seed, 3, epoch, place):
            batch = next(batches, None)
        if batch is None:
            return
        x, y = pair(batch)
        yield from_arrays(x, y)
