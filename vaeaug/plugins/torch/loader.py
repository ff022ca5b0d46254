"""A wrapper of any loader that augments its batches after collation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.utils.data import DataLoader, default_collate

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data.loaders import datasets_in
from vaeaug.filters.base import Teacher
from vaeaug.plugins.torch.replacement import Replacement, check_add_or_replace
from vaeaug.runtime import checks, seeds


@checks.renamed(ratio="replace", beside="add", worst_of="hardest_of", classifier="network")
class AugmentedLoader:
    """Wraps a loader: adds synthetic samples to every batch, or replaces some of its samples by synthetic ones.

    By default three synthetic samples of each real one are added at the end of the batch, with its label: a batch is four
    times as large (Hoffer et al., "Augment your batch", 2020, https://arxiv.org/abs/1901.09335). docs/results.md lists the
    gains and the cost. With `replace`, a fraction of the samples is replaced instead, and the size stays the same.

    Synthetic samples are generated after collation, in the process that iterates, on the device of the VAE; they have the
    dtype and the device of the batch. Number and order of the batches stay the same. Fields with one entry per sample
    (boxes, captions, sizes) are repeated along with the samples, all others (class weights, settings) stay; where that cannot
    be told, an error names the field. If samples are replaced, all other fields stay. Batches without synthetic samples are
    the loader's own objects. Attributes that are not listed here, such as `batch_size` (without synthetic samples), `dataset`
    and `sampler`, are those of the wrapped loader.

    Arguments:
        loader: A DataLoader, or any iterable of batches: tuples, lists, mappings or dataclasses with samples
            `(B, *event)` and labels `(B,)`. MixUp and CutMix must come after it.
        augmenter: A fitted augmenter.
        replace: The fraction of the samples to replace, in 0..1 (see `replace_some`), or a function that returns it for the
            progress of training, in 0..1.
        epochs: The number of epochs, required with a function as `replace`: progress is
            (epoch + batch / batches) / epochs. For a loader without a length it changes once per epoch.
        seed: The seed; together with the epoch and the index of the batch it determines everything random. Pass a different
            one to each rank.
        normalize: The `(mean, std)` that `v2.Normalize` was given, or a pair of functions (to the range seen at fit, and
            back), if the loader's samples are not in the range seen at fit.
        hardest_of: The number of candidates, 2 or more, of which the one with the highest cross-entropy under `network` is
            used as synthetic sample (Gong et al., "MaxUp", 2021, https://arxiv.org/abs/2002.09024); by default 4 with a
            network, which was as good as 8 on development seeds.
        network: The network in training: an nn.Module from samples as the loader yields them to logits `(B, K)`. It is
            called in eval mode, without gradients, and left unchanged.
        labels_getter: A function from the batch to its labels, or their name or index; by default the field called `label` or
            `labels`, else `target`, `targets` or `y`, else the only one with `label` in its name; of a tuple or list, the
            second field.
        images_getter: A function from the batch to its samples, or their name or index; by default the only field of the
            shape seen at fit, or of several the one called `image`, `pixel_values`, `x` or as samples usually are.
        teacher: A source of soft labels, such as `vaeaug.CrossFitted`. The labels of a batch then are floats `(B, K)`, as
            after MixUp: one-hot for real samples and the teacher's for synthetic ones. Soft labels cannot be mixed again.
        add: The number of synthetic samples per sample to add; by default 3 unless `replace` is given, because more brought
            no gain on development seeds.

    Raises:
        InputError: If a setting is invalid or would have no effect; while iterating, if a batch has no labels, soft labels,
            or no samples of the shape and range seen at fit, or if two fields could be either.
        NotFittedError: If the augmenter is not fitted.

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
        add = check_add_or_replace(replace, add)
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
        # Called for attributes that this object lacks; without a loader it is being unpickled or copied.
        if name.startswith("__") or "loader" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.loader, name)

    def __repr__(self) -> str:
        mode = f"replace={self.replace!r}" if self.add is None else f"add={self.add}"
        return f"AugmentedLoader({self.loader!r}, {self.augmenter!r}, {mode}, seed={self.seed})"

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next iteration; without this call, iterations count up from 0.

        The epoch is passed on to the wrapped loader, or to the parts of it that have a `set_epoch`: a distributed sampler, an
        AugmentedDataset. Counting up does not change the wrapped loader.
        """
        checks.check_number("epoch", epoch, 0, whole=True)
        self.epoch = epoch
        for target in _with_set_epoch(self.loader):
            target.set_epoch(epoch)

    def _batches(self, batches: Iterator[Any]) -> Iterator[Any]:
        # The epoch counts up at the first batch, because hosts such as Lightning create iterators that they never use.
        epoch, self.epoch = self.epoch, self.epoch + 1
        length = _length(self.loader) if callable(self.replace) else None
        collated = _is_collated(self.loader)
        for index, batch in enumerate(batches):
            fraction = self._fraction(epoch, index, length)
            if fraction == 0 and callable(self.replace):
                # An unusable batch is refused now, and not in the middle of a training whose schedule starts at 0.
                self._replacement.split_batch(batch)
            yield self._replacement(batch, fraction, seeds.derive(self.seed, epoch, index), collated=collated)

    def _fraction(self, epoch: int, index: int, length: int | None) -> float:
        """Returns the fraction of the samples of a batch to replace, by its index in the epoch."""
        if self.replace is None:
            return 1.0
        if not callable(self.replace) or self.epochs is None:
            return self.replace  # type: ignore[return-value]
        progress = min(1.0, (epoch + (index / length if length else 0)) / self.epochs)
        fraction = self.replace(progress)
        checks.check_number(f"replace({progress:.3g})", fraction, 0, 1)
        return fraction


def _check_schedule(replace: Any, epochs: Any) -> None:
    if not callable(replace):
        if replace is not None:
            checks.check_number("replace", replace, 0, 1)
        if epochs is not None:
            remedy = "pass a function of progress as replace, or leave epochs out"
            checks.refuse(
                "epochs only with a function as replace", f"replace={replace!r} and epochs={epochs!r}", remedy
            )
    elif epochs is None:
        remedy = "for example epochs=20, in which progress goes from 0 to 1"
        checks.refuse("epochs with a function as replace", "none", remedy)
    else:
        checks.check_number("epochs", epochs, 1, whole=True)


def _is_collated(loader: Any) -> bool:
    """Returns whether torch's own collation makes the batches."""
    while isinstance(loader, AugmentedLoader):
        loader = loader.loader
    return isinstance(loader, DataLoader) and loader.collate_fn is default_collate


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return None


def _with_set_epoch(loader: Any) -> list[Any]:
    """Returns the loader itself, or the different objects in it, that have a `set_epoch`."""
    if hasattr(loader, "set_epoch"):
        return [loader]
    batch_sampler = getattr(loader, "batch_sampler", None)
    members = [getattr(loader, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None)]
    members += _with_epochs(getattr(loader, "dataset", None))
    return list({id(member): member for member in members if hasattr(member, "set_epoch")}.values())


def _with_epochs(dataset: Any) -> list[Any]:
    """Returns a dataset if it has a `set_epoch`, otherwise those with one that it wraps, as a Subset does."""
    if hasattr(dataset, "set_epoch"):
        return [dataset]
    return [found for part in datasets_in(dataset) for found in _with_epochs(part)]
