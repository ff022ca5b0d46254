"""Map-style datasets: one of synthetic samples alone, one in which children stand for some of the real samples."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from vaeaug.augmenter.augmenter import CHUNK, Augmenter
from vaeaug.augmenter.parents import label_list
from vaeaug.plugins.torch.replacement import Replacement, check_augmenter, check_worker
from vaeaug.runtime import checks, seeds

KEPT = 2**28  # bytes of decoded chunks that one SyntheticDataset keeps at most

Transform = Callable[[Any], Any]


class SyntheticDataset(Dataset[tuple[Any, Any]]):
    """Creates a map-style dataset of synthetic `(x, y)`: what `augmenter.generate(length, labels=labels, seed=seed)` gives.

    Item i is the same in every worker, process, order and batch size. Items are decoded a chunk of 256 at a time and kept
    up to 256 MB, in every worker by itself. They come in random order already, so a loader over more than that need not
    shuffle, and is fastest if it does not.

    Arguments:
        augmenter: A fitted augmenter.
        length: How many samples, 1 or more.
        seed: The same seed gives the same samples.
        labels: The classes wanted, in turn, by number or name; by default the real samples are the parents, each equally
            often.
        transform: Applied to x, a float tensor `(*event)` in the range seen at fit.
        target_transform: Applied to y, an int; `torch.tensor` where the dataset is joined with one of tensors.

    Raises:
        InputError: If `length`, `seed` or `labels` cannot be used.
        NotFittedError: If the augmenter was not fitted.

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

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        place = operator.index(index)
        if not -self.length <= place < self.length:
            raise IndexError(f"expected an index below {self.length}, got {place}")
        chunk, place = divmod(place % self.length, CHUNK)
        xs, ys = self._chunk(chunk)
        # A copy: the chunk is read again, and a view would drag all of it along to other processes.
        x, y = xs[place].clone(), int(ys[place])
        return self.transform(x) if self.transform else x, self.target_transform(y) if self.target_transform else y

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_chunks": {}}

    def _chunk(self, index: int) -> tuple[Tensor, Tensor]:
        kept = self._chunks.pop(index, None)
        if kept is None:
            check_worker(self.augmenter)
            made = self.augmenter.chunk(index, self.seed, self.labels)
            kept = made.x, made.y
            while self._chunks and (len(self._chunks) + 1) * made.x.nbytes > KEPT:
                del self._chunks[next(iter(self._chunks))]
        # The chunk asked for last stands last, so that the first is the one to go.
        self._chunks[index] = kept
        return kept


class AugmentedDataset(Dataset[Any]):
    """Creates a map-style dataset in which an item is replaced, with probability `replace`, by a child of that same item.

    Length, labels and all else of an item stay. Each item has its own noise, whatever the order and the batch; whole batches
    are faster through `AugmentedLoader`. Reference for the rule: Trabucco et al., "Effective data augmentation with diffusion
    models", 2023, https://arxiv.org/abs/2302.07944

    Arguments:
        dataset: A map-style dataset of tuples, lists or mappings with a sample `(*event)` and its label.
        augmenter: A fitted augmenter.
        replace: The probability, in 0..1.
        seed: With the epoch (see `set_epoch`) and the index it decides everything random.
        normalize: `(mean, std)` as `v2.Normalize` was given them, or a pair of functions (to the range seen at fit, back),
            where the dataset's samples are not in the range seen at fit.
        labels_getter, images_getter: Functions from an item to its label and its sample, where the default does not find
            them: the second part or the key `label`, and the first tensor of the right shape.

    Raises:
        InputError: If a setting cannot be used; at an item, if it has no label or no sample of the shape seen at fit.
        NotFittedError: If the augmenter was not fitted.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> real = torch.utils.data.TensorDataset(augmenter.bank_.samples.x, augmenter.bank_.samples.y)
        >>> dataset = AugmentedDataset(real, augmenter, replace=0.5)
        >>> dataset.set_epoch(1)
        >>> len(dataset) == len(real), dataset[7][1] == real[7][1]
        (True, tensor(True))
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
        # In shared memory: workers that live on from epoch to epoch read it, too.
        self._epoch = torch.zeros((), dtype=torch.long).share_memory_()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        if self.replace == 0:
            return item
        place = operator.index(index) % len(self)
        seed = seeds.derive(self.seed, self.epoch, place)
        drawn = float(torch.rand((), generator=seeds.generator(seed, 0), dtype=torch.float64))
        return self._replacement.augment_item(item, seeds.derive(seed, 1)) if drawn < self.replace else item

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch.share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch that the next items belong to."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch: another one, another draw. Call it before each epoch; workers, even persistent ones, follow."""
        checks.check_number("epoch", epoch, 0, whole=True)
        self._epoch.fill_(epoch)
