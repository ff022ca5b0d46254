"""Map-style datasets: one of synthetic samples alone, one that replaces some real samples by synthetic ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, distributed
from torch.utils.data import Dataset, IterableDataset

from vaeaug.augmenter.augmenter import CHUNK, Augmenter
from vaeaug.augmenter.parents import label_list
from vaeaug.plugins.torch.replacement import Replacement, check_augmenter, check_worker
from vaeaug.runtime import checks, modes, seeds

MAX_CACHE_BYTES = 2**28  # of decoded chunks, per SyntheticDataset and process
MAX_COUNTERS = 2**22  # of reads, per AugmentedDataset: 16 MB

Transform = Callable[[Any], Any]


class SyntheticDataset(Dataset[tuple[Any, Any]]):
    """Creates a map-style dataset of synthetic `(x, y)`, as from `augmenter.generate(length, labels=labels, seed=seed)`.

    Item i is the same in every worker, process, order and batch size. Items are decoded in chunks of 256, and every worker
    caches up to 256 MB of chunks. Items are in random order already: a loader over more than 256 MB need not shuffle, and is
    fastest if it does not.

    Arguments:
        augmenter: A fitted augmenter.
        length: The number of samples, 1 or more.
        seed: The seed; the same seed gives the same samples.
        labels: The classes to generate, cyclically, as numbers or names; by default every real sample is a parent equally
            often.
        transform: A function applied to x, a float tensor `(*event)` in the range seen at fit.
        target_transform: A function applied to y, an int; for example `torch.tensor`, to concatenate this dataset with one
            whose labels are tensors.

    Raises:
        InputError: If `length`, `seed` or `labels` are invalid.
        NotFittedError: If the augmenter is not fitted.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> dataset = SyntheticDataset(augmenter, length=1000, seed=0)
        >>> x, y = dataset[999]
        >>> len(dataset), x.shape, y in range(10)
        (1000, torch.Size([1, 8, 8]), True)
    """

    def __init__(
        self,
        augmenter: Augmenter,
        length: int,
        seed: int = 0,
        *,
        labels: int | str | Sequence[int | str] | Tensor | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        check_augmenter(augmenter)
        checks.check_number("length", length, 1, whole=True)
        checks.check_number("seed", seed, 0, whole=True)
        if labels is not None:
            checks.check_labels(label_list(labels, 1), names=augmenter.bank_.samples.names)
        self.augmenter, self.length, self.seed, self.labels = augmenter, length, seed, labels
        self.transform, self.target_transform = transform, target_transform
        self._chunks: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return self.length

    @property
    def classes(self) -> list[str]:
        """The class names."""
        return list(self.augmenter.bank_.samples.names)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = operator.index(index)
        if not -self.length <= index < self.length:
            raise IndexError(f"expected an index below {self.length}, got {index}")
        x, y = self._sample(*divmod(index % self.length, CHUNK))
        return self.transform(x) if self.transform else x, self.target_transform(y) if self.target_transform else y

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_chunks": {}}

    @modes.in_plain_modes
    def _sample(self, chunk_index: int, offset: int) -> tuple[Tensor, int]:
        samples, labels = self._chunk(chunk_index)
        # A copy: the chunk is read again, and pickling a view for another process would send all of the chunk.
        return samples[offset].clone(), int(labels[offset])

    def _chunk(self, index: int) -> tuple[Tensor, Tensor]:
        chunk = self._chunks.pop(index, None)
        if chunk is None:
            check_worker(self.augmenter)
            generated = self.augmenter.chunk(index, self.seed, self.labels)
            chunk = generated.x, generated.y
            while self._chunks and (len(self._chunks) + 1) * generated.x.nbytes > MAX_CACHE_BYTES:
                del self._chunks[next(iter(self._chunks))]
        # The dict is ordered by last use, so that the chunk unused for longest is deleted.
        self._chunks[index] = chunk
        return chunk


@checks.renamed(ratio="replace")
class AugmentedDataset(Dataset[Any]):
    """Creates a map-style dataset in which each item is replaced, with probability `replace`, by a synthetic one.

    The item itself is the parent. Its label and all other fields stay, and so does the length. Each item has its own noise,
    whatever the order and the batch, and new noise each time it is read: in every epoch other items are replaced, by other
    samples. For whole batches `AugmentedLoader` is faster. Reference: Trabucco et al., "Effective data augmentation with
    diffusion models", 2023, https://arxiv.org/abs/2302.07944

    How often an item has been read is counted for all workers together. So the seed decides all epochs, with workers as
    without, where each epoch reads an item at most once and to its end. An epoch that is broken off, or a sampler that draws
    an item twice in an epoch, leaves it to the speed of the workers; `set_epoch` makes the next epoch independent of that.

    Attributes that are not listed here, such as `classes` and `targets`, are those of the wrapped dataset.

    Arguments:
        dataset: A map-style dataset of tuples, lists, mappings or dataclasses with a sample `(*event)` and its label.
        augmenter: A fitted augmenter.
        replace: The probability, in 0..1.
        seed: The seed; together with the epoch (see `set_epoch`) and the index it determines everything random.
        normalize, labels_getter, images_getter: See `AugmentedLoader`; the getters receive an item instead of a batch.

    Raises:
        InputError: If a setting is invalid; at an item, if it has no label or no sample of the shape seen at fit.
        NotFittedError: If the augmenter is not fitted.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> real = torch.utils.data.TensorDataset(augmenter.bank_.samples.x, augmenter.bank_.samples.y)
        >>> dataset = AugmentedDataset(real, augmenter, replace=0.5)
        >>> first, second = (torch.stack([x for x, y in dataset]) for epoch in range(2))
        >>> len(dataset) == len(real), dataset[7][1] == real[7][1], torch.equal(first, second)
        (True, tensor(True), False)
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        augmenter: Augmenter,
        replace: float = 0.5,
        seed: int = 0,
        *,
        normalize: Any = None,
        labels_getter: Any = "default",
        images_getter: Any = None,
    ) -> None:
        self._replacement = Replacement(
            augmenter, normalize=normalize, labels_getter=labels_getter, images_getter=images_getter
        )
        if (
            isinstance(dataset, IterableDataset)
            or not hasattr(dataset, "__getitem__")
            or not hasattr(dataset, "__len__")
        ):
            remedy = "wrap its loader with AugmentedLoader instead"
            checks.refuse("a map-style dataset", type(dataset).__name__, remedy)
        checks.check_number("replace", replace, 0, 1)
        checks.check_number("seed", seed, 0, whole=True)
        self.dataset, self.augmenter, self.replace, self.seed = dataset, augmenter, replace, seed
        with modes.plain():
            self._reads = _Reads(len(dataset))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        if self.replace == 0:
            return item
        index = operator.index(index) % len(self)
        seed = seeds.derive(self.seed, *self._reads.path(index))
        with modes.plain():
            uniform = float(torch.rand((), generator=seeds.generator(seed, 0), dtype=torch.float64))
        return self._replacement.augment_item(item, seeds.derive(seed, 1)) if uniform < self.replace else item

    def __getattr__(self, name: str) -> Any:
        # Called for attributes that this object lacks; without a dataset it is being unpickled or copied.
        if name.startswith("__") or "dataset" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.dataset, name)

    @property
    def epoch(self) -> int:
        """The epoch of the item that was read least often."""
        return self._reads.epoch

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, and with it the noise; without this call, epochs count up from 0.

        The call reaches all workers, even persistent ones, and the wrapped dataset, if that has a `set_epoch`. In training on
        several devices call it before each epoch, with the same number on each: then the noise of an item does not depend on
        the number of devices.
        """
        checks.check_number("epoch", epoch, 0, whole=True)
        self._reads.start(epoch)
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)


class _Reads:
    """Counts how often each item has been read, in shared memory: workers add to it, also persistent ones in later epochs.

    Arguments:
        size: The number of items.
    """

    def __init__(self, size: int) -> None:
        # Items of larger datasets share counters, so that these fit into the shared memory of a container.
        self.counts = torch.zeros(min(max(size, 1), MAX_COUNTERS), dtype=torch.int32).share_memory_()
        # The epoch that was set, and whether one was.
        self.start_ = torch.zeros(2, dtype=torch.long).share_memory_()
        self.rank = 0  # of the process that spawned this one

    def path(self, index: int) -> tuple[int, ...]:
        """Returns the epoch of an item and its index, by which its noise is derived, and counts this read."""
        counts, start = self._views
        counter = index % len(counts)
        count = int(counts[counter])
        counts[counter] += 1
        epoch, is_set = start.tolist()
        # Each process of a distributed training counts its own reads: without a common epoch the noise of one must not come
        # again when another reads the item for its first time.
        rank = 0 if is_set else self._rank()
        return (epoch + count, index, rank) if rank else (epoch + count, index)

    def start(self, epoch: int) -> None:
        """Begins an epoch: all items count as unread."""
        self.start_[0], self.start_[1] = epoch, 1
        self.counts.zero_()

    @property
    def epoch(self) -> int:
        """The epoch of the item that was read least often."""
        return int(self.start_[0] + self.counts.min())

    @cached_property
    def _views(self) -> tuple[Any, Any]:
        """The same memory as arrays of numpy, which read single numbers much faster."""
        return self.counts.numpy(), self.start_.numpy()

    def __getstate__(self) -> dict[str, Any]:
        return {"counts": self.counts, "start_": self.start_, "rank": self._rank()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.counts.share_memory_()
        self.start_.share_memory_()

    def _rank(self) -> int:
        """Returns the rank of this process, or in a worker that was spawned, that of the process that spawned it."""
        return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else self.rank
