"""Batches for the training loop, from samples in memory or from a DataLoader that is read epoch after epoch.

The samples of a step depend on the seed and the step alone. Each process of a world takes its slice of every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from itertools import count
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from vaeaug.data.sample_kinds import AUTO
from vaeaug.data.samples import Samples
from vaeaug.data.streaming import EMPTY_LOADER, read_epoch
from vaeaug.runtime import checks
from vaeaug.runtime.distributed import SINGLE_PROCESS, World


class Batch(NamedTuple):
    """The slice of the batch of one step that this process computes.

    Arguments:
        x, y: The samples of this process and their labels.
        start: The index of the first of them in the whole batch.
        size: The number of samples of the whole batch.
    """

    x: Tensor
    y: Tensor
    start: int
    size: int


def batches_from_memory(
    samples: Samples, order: Callable[[int], Tensor], world: World = SINGLE_PROCESS
) -> Callable[[int], Batch]:
    """Returns a function from a step to its batch, for samples in memory.

    Arguments:
        samples: The samples.
        order: A function from a step to the indices of the samples in its batch.
        world: The rank of this process and the number of processes.
    """

    def batch(step: int) -> Batch:
        index = order(step)
        local = world.local_slice(len(index))
        return Batch(samples.x[index[local]], samples.y[index[local]], local.start, len(index))

    return batch


def batches_from_loader(
    loader: DataLoader, seed: int, check: Callable[[Samples], None], world: World = SINGLE_PROCESS, kind: str = AUTO
) -> Callable[[int], Batch]:
    """Returns a function from a step to its batch, for a DataLoader; steps must follow each other.

    Arguments:
        loader: The batches. Each process reads all of them, or its own if the sampler is a `DistributedSampler`.
        seed: The seed of the order, and of random transforms that draw from torch's global generator.
        check: A function that raises if samples cannot be used.
        world: The rank of this process and the number of processes.
        kind: The kind of the samples; see `vaeaug.data.sample_kinds`.

    Raises:
        InputError: In the returned function, if the loader is empty or a batch has fewer samples than there are processes.
    """
    reads_own_batches = isinstance(getattr(loader, "sampler", None), DistributedSampler)
    iterator: Iterator[Samples] | None = None

    def batch(step: int) -> Batch:
        nonlocal iterator
        if iterator is None:
            iterator = _batches_from_step(loader, seed, step, kind)
        samples = next(iterator)
        check(samples)
        size = len(samples)
        if reads_own_batches:
            return Batch(samples.x, samples.y, world.rank * size, world.size * size)
        if size < world.size:
            remedy = "pass DataLoader(..., drop_last=True)"
            checks.refuse(f"batches of {world.size} samples or more", f"one of {size}", remedy)
        local = world.local_slice(size)
        return Batch(samples.x[local], samples.y[local], local.start, size)

    return batch


def _batches_from_step(loader: DataLoader, seed: int, step: int, kind: str) -> Iterator[Samples]:
    """Yields the batches from `step` on, epoch after epoch. Earlier batches of its epoch are read and dropped."""
    length = len(loader) if isinstance(loader, Sized) and not _is_endless(loader) else None
    first_epoch, n_skipped = divmod(step, length) if length else (0, step)
    for epoch in count(first_epoch):
        empty = True
        for samples in read_epoch(loader, seed, epoch, kind):
            empty = False
            if n_skipped:
                n_skipped -= 1
            else:
                yield samples
        if empty:
            checks.refuse(*EMPTY_LOADER)


def _is_endless(loader: DataLoader) -> bool:
    return not isinstance(loader.dataset, Sized)
