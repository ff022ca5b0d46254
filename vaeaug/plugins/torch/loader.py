"""Any loader, augmented after collation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.filters.base import Teacher
from vaeaug.plugins.torch.replacement import ADD, Replacement, check_add_or_replace
from vaeaug.runtime import checks, seeds


class AugmentedLoader:
    """Wraps a loader: children of the samples of a batch join it, or take the places of some of them.

    By default three children of each sample stand behind the samples, with their labels: a batch is four times as large
    (Hoffer et al., "Augment your batch", 2020, https://arxiv.org/abs/1901.09335). docs/results.md has what that brings and
    costs. With `replace`, a share of the samples is replaced instead, and the size stays.

    The children are made after collation, in the process that iterates, on the device of the VAE; they come back in the
    dtype and on the device of the batch. Number and order of the batches stay; all other fields are repeated along with the
    samples, or stay where samples are replaced. Batches without a child are the loader's own objects. Attributes that are not
    listed here, such as `batch_size` (without the children), `dataset` and `sampler`, are the wrapped loader's.

    Arguments:
        loader: A DataLoader, or any iterable of batches: tuples, lists or mappings with samples `(B, *event)` and labels
            `(B,)`. MixUp and CutMix come after it.
        augmenter: A fitted augmenter.
        replace: The share to replace, in 0..1 (see `replace_some`), or a function from the progress of training, in 0..1.
        epochs: With a function as `replace`, the number of epochs: progress is (epoch + batch / batches) / epochs; for a
            loader without a length it moves once an epoch.
        seed: With the epoch and the number of the batch it decides everything random. Give each rank its own.
        normalize: `(mean, std)` as `v2.Normalize` was given them, or a pair of functions (to the range seen at fit, back),
            where the loader's samples are not in the range seen at fit.
        hardest_of: Of so many children of a sample, 2 or more, the one on which `network` has the highest cross-entropy is
            kept (Gong et al., "MaxUp", 2021, https://arxiv.org/abs/2002.09024); by default 4 where there is a classifier.
        network: The network that is being trained: an nn.Module from samples as the loader yields them to logits
            `(B, K)`. It is asked in eval mode, without gradients, and left as it was. With `replace=0.5` and MixUp this is
            the recipe that docs/results.md calls *worst of 4*, with `add=1` what it calls *joined by one, worst of 4*.
        labels_getter: A function from the batch to its labels; by default MixUp's rule: the second part of a tuple or list,
            or the key `labels` (or with `label` in it, or `target`, `targets`, `y`) of a mapping.
        images_getter: A function from the batch to its samples; by default the first tensor of the right shape.
        teacher: Gives soft labels, such as `vaeaug.CrossFitted`: labels are floats `(B, K)` then (of the longer batch, where
            children join), as after MixUp, one-hot for real samples and the teacher's for children. Soft labels cannot be
            mixed again.
        add: Children of each sample that join the batch; by default 3 where there is no `replace`.

    Raises:
        InputError: If a setting cannot be used or would have no effect; while iterating, if a batch has no labels, soft
            labels, or no samples of the shape and range seen at fit.
        NotFittedError: If the augmenter was not fitted.

    Example:
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> loader = DataLoader(TensorDataset(augmenter.bank_.samples.x, augmenter.bank_.samples.y), 64)
        >>> images, labels = next(iter(AugmentedLoader(loader, augmenter)))
        >>> images.shape, labels.shape
        (torch.Size([256, 1, 8, 8]), torch.Size([256]))
        >>> replaced = AugmentedLoader(loader, augmenter, replace=0.5)
        >>> images, labels = next(iter(replaced))
        >>> images.shape, labels.shape, len(replaced), replaced.batch_size
        (torch.Size([64, 1, 8, 8]), torch.Size([64]), 29, 64)
    """

    def __init__(
        self,
        loader: Any,
        augmenter: Augmenter,
        *,
        replace: float | Callable[[float], float] | None = None,
        epochs: int | None = None,
        seed: int = 0,
        normalize: Any = None,
        hardest_of: int | None = None,
        network: nn.Module | None = None,
        labels_getter: Any = "default",
        images_getter: Any = None,
        teacher: Teacher | None = None,
        add: int | None = None,
    ) -> None:
        if not hasattr(loader, "__iter__"):
            remedy = "pass DataLoader(dataset, batch_size=...), or use AugmentedDataset"
            checks.refuse("a DataLoader or another iterable of batches", type(loader).__name__, remedy)
        check_add_or_replace(replace, add)
        add = ADD if replace is None and add is None else add
        self._replacement = Replacement(
            augmenter, normalize, hardest_of, network, labels_getter, images_getter, teacher, add
        )
        _check_schedule(replace, epochs)
        checks.check_number("seed", seed, 0, whole=True)
        self.loader, self.augmenter, self.replace, self.epochs, self.seed = loader, augmenter, replace, epochs, seed
        self.add = add
        self.epoch = 0

    def __iter__(self) -> Iterator[Any]:
        return self._batches(iter(self.loader))

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        # Reached for what this object lacks; without a loader it is still being unpickled or copied.
        if name.startswith("__") or "loader" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.loader, name)

    def __repr__(self) -> str:
        way = f"replace={self.replace!r}" if self.add is None else f"add={self.add}"
        return f"AugmentedLoader({self.loader!r}, {self.augmenter!r}, {way}, seed={self.seed})"

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next iteration; the ones after it count up from there, as they do from 0 without this call.

        It is handed on to the wrapped loader, or to what in it has a `set_epoch`: a distributed sampler, an AugmentedDataset.
        Counting up by itself changes nothing in the wrapped loader.
        """
        checks.check_number("epoch", epoch, 0, whole=True)
        self.epoch = epoch
        for part in _with_epochs(self.loader):
            part.set_epoch(epoch)

    def _batches(self, batches: Iterator[Any]) -> Iterator[Any]:
        # Counted with the first batch: hosts such as Lightning also make iterators that they never draw from.
        epoch, self.epoch = self.epoch, self.epoch + 1
        size = _length(self.loader) if callable(self.replace) else None
        for number, batch in enumerate(batches):
            replace = self._ratio(epoch, number, size)
            if replace == 0 and callable(self.replace):
                # Seen now, a batch that cannot be used does not end a training whose schedule starts at 0 halfway.
                self._replacement.split_batch(batch)
            yield self._replacement(batch, replace, seeds.derive(self.seed, epoch, number))

    def _ratio(self, epoch: int, number: int, size: int | None) -> float:
        if self.replace is None:
            return 1.0
        if not callable(self.replace) or self.epochs is None:
            return self.replace  # type: ignore[return-value]
        progress = min(1.0, (epoch + (number / size if size else 0)) / self.epochs)
        replace = self.replace(progress)
        checks.check_number(f"ratio({progress:.3g})", replace, 0, 1)
        return replace


def _check_schedule(replace: Any, epochs: Any) -> None:
    if not callable(replace):
        if replace is not None:
            checks.check_number("replace", replace, 0, 1)
        if epochs is not None:
            remedy = "pass a function of progress as ratio, or leave epochs out"
            checks.refuse("epochs only with a function as ratio", f"replace={replace!r} and epochs={epochs!r}", remedy)
    elif epochs is None:
        remedy = "pass epochs=20, say: progress goes from 0 to 1 in that time"
        checks.refuse("epochs with a function as ratio", "none", remedy)
    else:
        checks.check_number("epochs", epochs, 1, whole=True)


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return None


def _with_epochs(loader: Any) -> list[Any]:
    if hasattr(loader, "set_epoch"):
        return [loader]
    batch_sampler = getattr(loader, "batch_sampler", None)
    parts = (getattr(loader, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None))
    found = {id(part): part for part in (*parts, getattr(loader, "dataset", None)) if hasattr(part, "set_epoch")}
    return list(found.values())
