"""Children in the place of real samples, or beside them: what the loader, the transform and the dataset share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import get_worker_info
from torchvision import tv_tensors

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data.samples import unit_float
from vaeaug.filters.base import Teacher
from vaeaug.models.classifiers import hardest
from vaeaug.models.training import device_of
from vaeaug.plugins.torch import batches, ranges
from vaeaug.runtime import checks, seeds

HARDEST_OF = 4  # chosen on development seeds, at 20 images per class (benchmarks/recipe)
ADD = 3  # on development seeds seven did no better (benchmarks/recipe, q12)

Children = Callable[[Tensor, Tensor, int], Tensor]


def replace_some(
    augmenter: Augmenter, x: Tensor, y: Tensor, replace: float, seed: int, children: Children | None = None
) -> Tensor:
    """Returns the batch with a share of its samples replaced by children of these same samples.

    Arguments:
        augmenter: A fitted augmenter.
        x: Samples, `(B, *event)`; returned as they are where none is replaced.
        y: Their labels, `(B,)`.
        replace: The share, in 0..1. Exactly `ratio B` samples are replaced where that is a whole number; else one of the
            two whole numbers around it, such that the mean over seeds is `ratio B`.
        seed: The same seed gives the same batch.
        children: A function from samples, their labels and a seed to one child each; by default `augmenter.generate`.
    """
    rows = replaced_indices(len(x), replace, seed)
    count = len(rows)
    if count == 0:
        return x
    near, labels, seed = x[rows.to(x.device)], torch.as_tensor(y).cpu()[rows], seeds.derive(seed, 1)
    made = children(near, labels, seed) if children else augmenter.generate(count, near, labels, seed).x
    return x.index_copy(0, rows.to(x.device), made)


def replaced_indices(size: int, replace: float, seed: int) -> Tensor:
    """Returns the places in a batch that `replace_some` replaces."""
    generator = seeds.generator(seed, 0)
    order = torch.randperm(size, generator=generator)
    # Rounded first: 0.29 * 100 is not quite 29.
    return order[: int(round(replace * size, 6) + float(torch.rand((), generator=generator)))]


@dataclass(frozen=True, eq=False)
class Replacement:
    """Replaces samples in batches of any form by children of these same samples, or puts children beside them.

    Arguments:
        augmenter: A fitted augmenter.
        normalize: `(mean, std)` or a pair of functions, where the batches are not in the range seen at fit.
        hardest_of: Of so many children of a sample, the one on which `network` has the highest loss is kept; by default 4
            where there is a classifier.
        network: An nn.Module from samples as the batches have them to logits `(B, K)`.
        labels_getter, images_getter: See `vaeaug.plugins.torch.batches`.
        teacher: What tells the labels of children; labels come back as floats `(B, K)` then, also where none is replaced.
        add: So many children of each sample join the batch, and none is replaced; every field of the batch is repeated.

    Raises:
        InputError: If a setting cannot be used, or would have no effect.
        NotFittedError: If the augmenter was not fitted.
    """

    augmenter: Augmenter
    normalize: Any = None
    hardest_of: int | None = None
    network: nn.Module | None = None
    labels_getter: Any = "default"
    images_getter: Any = None
    teacher: Teacher | None = None
    add: int | None = None

    def __post_init__(self) -> None:
        check_augmenter(self.augmenter)
        batches.check_getters(self.labels_getter, self.images_getter)
        _ = self._range
        if self.hardest_of is None and self.network is not None:
            object.__setattr__(self, "hardest_of", HARDEST_OF)
        if self.hardest_of is not None and self.network is None:
            remedy = (
                "of so many children the one with the highest loss under the classifier is kept; pass the network, too"
            )
            checks.refuse("a classifier with worst_of", "none", remedy)
        if self.teacher is not None and not isinstance(self.teacher, Teacher):
            checks.refuse("a teacher", type(self.teacher).__name__, "pass vaeaug.CrossFitted.fit(data), say")
        if self.add is not None:
            checks.check_number("add", self.add, 1, whole=True)
        if self.hardest_of is not None:
            checks.check_number("hardest_of", self.hardest_of, 2, whole=True)
            if not isinstance(self.network, nn.Module):
                remedy = "pass the network itself, or nn.Sequential(transform, network)"
                checks.refuse("classifier to be an nn.Module", type(self.network).__name__, remedy)

    def __call__(self, batch: Any, replace: float, seed: int) -> Any:
        """Returns the batch with the share `replace` of its samples replaced, or the longer one; at 0, without a teacher, the
        very same object."""
        if replace == 0 and self.teacher is None:
            return batch
        found, y = self.split_batch(batch)
        x = _tensor(found)
        if self.add is not None:
            return self._joined(batch, found, x, y, seed, self.add) if len(x) else batch
        out = replace_some(self.augmenter, x, y, replace, seed, self.synthesize)
        if self.teacher is not None:
            told = batches.find_labels(batch, self.labels_getter)
            batch = batches.replace_leaf(
                batch, told, _like(self._soft(x, out, y, replaced_indices(len(x), replace, seed)), told)
            )
        return batch if out is x else batches.replace_leaf(batch, found, _like(out, found))

    def _joined(self, batch: Any, found: Any, x: Tensor, y: Tensor, seed: int, add: int) -> Any:
        """Returns the batch with children behind its samples: of each the first, of each the second, and so on."""
        out = torch.cat([x, self.synthesize(x, y, seeds.derive(seed, 1), add)])
        instead = {id(found): _like(out, found)}
        if self.teacher is not None:
            told = batches.find_labels(batch, self.labels_getter)
            parents = x.repeat(1 + add, *[1] * (x.ndim - 1))
            soft = self._soft(parents, out, y.repeat(1 + add), torch.arange(len(x), len(out)))
            instead[id(told)] = _like(soft, told)
        return batches.repeat_batch(batch, len(x), 1 + add, instead)

    def _soft(self, x: Tensor, out: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        """Returns targets `(B, K)`: one-hot, or the teacher's in the rows that were replaced."""
        hard = nn.functional.one_hot(y, len(self.augmenter.bank_.samples.names)).float()
        if self.teacher is None or not len(rows):
            return hard.to(x.device)
        at = rows.to(x.device)
        undo = self._float if self._range is None else self._range.denormalize
        soft = self.teacher.soft(undo(out[at]).cpu(), y.cpu()[rows], undo(x[at]).cpu())
        return hard.index_copy(0, rows.to(hard.device), soft.to(hard)).to(x.device)

    def augment_item(self, item: Any, seed: int) -> Any:
        """Returns a single item of a dataset with a child in the place of its sample."""
        found = batches.find_images(item, self._event_shape, self.images_getter, lone=True)
        label = batches.find_labels(item, self.labels_getter)
        y = self._labels(label[None] if isinstance(label, Tensor) else np.asarray([label]))
        child = self.synthesize(_tensor(found)[None], y, seed)[0]
        return batches.replace_leaf(item, found, _like(child, found))

    def split_batch(self, batch: Any) -> tuple[Any, Tensor]:
        """Returns the samples `(B, *event)` of a batch and their labels `(B,)`."""
        y = self._labels(batches.find_labels(batch, self.labels_getter))
        x = batches.find_images(batch, self._event_shape, self.images_getter)
        if len(x) != len(y):
            remedy = "check labels_getter, or the loader's collate_fn"
            checks.refuse(f"one label for each of {len(x)} samples", f"{len(y)} labels", remedy)
        return x, y

    def synthesize(self, x: Tensor, y: Tensor, seed: int, each: int = 1) -> Tensor:
        """Returns children of samples, `(each B, *event)`, in the range, dtype and device of the samples: child i has parent
        i % B. All that is drawn of a sample shares its encoding.

        Arguments:
            x: Samples in the batch's range, `(B, *event)`.
            y: Their labels, `(B,)`.
            seed: Of the children.
            each: How many of each sample.
        """
        check_worker(self.augmenter)
        near = x if self._range is None else self._range.denormalize(x)
        count = each * len(x)
        made = self.augmenter.generate((self.hardest_of or 1) * count, near, y, seed).x
        made = (made if self._range is None else self._range.normalize(made)).to(x)
        if self.network is None:
            return made
        return hardest(made.unflatten(0, (-1, count)), y.repeat(each), self.network)

    def _float(self, x: Tensor) -> Tensor:
        return unit_float(x) if self.augmenter.bank_.scaling.is_unit else x.float()

    @property
    def _event_shape(self) -> tuple[int, ...]:
        return self.augmenter.bank_.samples.event_shape

    @cached_property
    def _range(self) -> ranges.Range | None:
        return ranges.as_range(self.normalize, self._event_shape)

    def _labels(self, y: Any) -> Tensor:
        return checks.check_labels(y, names=self.augmenter.bank_.samples.names)


def check_add_or_replace(replace: Any, add: Any) -> None:
    """Checks that children replace samples or join them, not both."""
    if replace is not None and add is not None:
        remedy = "leave ratio out to add children, or beside to replace samples"
        checks.refuse("a ratio or beside", f"replace={replace!r} and add={add!r}", remedy)


def check_augmenter(augmenter: Any) -> None:
    """Checks that this is an augmenter, and that it was fitted."""
    if not isinstance(augmenter, Augmenter):
        remedy = "pass vaeaug.Augmenter(vae).fit(data)"
        checks.refuse("a fitted Augmenter", type(augmenter).__name__, remedy)
    augmenter.check_fitted()


def check_worker(augmenter: Augmenter) -> None:
    """Checks that the VAE can be used in this process: in the worker of a DataLoader, it must be on the CPU."""
    device = device_of(augmenter.vae_)
    if get_worker_info() is not None and device.type != "cpu":
        remedy = "use AugmentedLoader, which generates outside the workers, or num_workers=0"
        checks.refuse("a VAE on the CPU in the workers of a DataLoader", f"one on {device}", remedy)


def _tensor(x: Any) -> Tensor:
    # An array is copied: torch warns of memory that may not be written.
    return x if isinstance(x, Tensor) else torch.tensor(x)


def _like(x: Tensor, found: Any) -> Any:
    if isinstance(found, np.ndarray):
        return x.numpy()
    return tv_tensors.wrap(x, like=found) if isinstance(found, tv_tensors.TVTensor) else x
