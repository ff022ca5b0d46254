"""Synthetic samples in batches of any form: what the loader, the transform and the dataset share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import get_worker_info

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data.samples import as_tensor, unit_float
from vaeaug.filters.base import Teacher
from vaeaug.models.classifiers import hardest
from vaeaug.models.training import device_of
from vaeaug.plugins.torch import batches, ranges
from vaeaug.plugins.torch.batches import Field
from vaeaug.plugins.torch.growth import Growth
from vaeaug.plugins.torch.selection import replace_some, replaced_indices
from vaeaug.runtime import checks, modes, seeds

# Chosen on development seeds with 20 images per class: benchmarks/recipe/q01_recipe.py and q18_hardest.py.
HARDEST_OF = 4
# Seven were no better on development seeds: benchmarks/recipe/q12_joined.py.
ADD = 3


class Parts(NamedTuple):
    """The samples of a batch, its labels as they are in it, and as a tensor `(B,)`."""

    images: Field
    labels: Field
    y: Tensor


@dataclass(frozen=True, eq=False)
class Replacement:
    """Replaces samples of a batch by synthetic samples of which they are the parents, or adds synthetic samples to it.

    Arguments:
        augmenter: A fitted augmenter.
        normalize, hardest_of, network, labels_getter, images_getter, teacher: See `AugmentedLoader`.
        add: The number of synthetic samples per sample to add to each batch; by default none, so that samples are replaced.

    Raises:
        InputError: If a setting is invalid or would have no effect.
        NotFittedError: If the augmenter is not fitted.
    """

    augmenter: Augmenter
    normalize: Any = None
    hardest_of: int | None = None
    network: nn.Module | None = None
    labels_getter: Any = "default"
    images_getter: Any = None
    teacher: Teacher | None = None
    add: int | None = None
    _growth: Growth = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_augmenter(self.augmenter)
        batches.check_getters(self.labels_getter, self.images_getter)
        ranges.as_range(self.normalize, self._event_shape)
        _check_hardest(self.hardest_of, self.network)
        if self.teacher is not None and not isinstance(self.teacher, Teacher):
            checks.refuse("a teacher", type(self.teacher).__name__, "for example vaeaug.CrossFitted.fit(data)")
        if self.add is not None:
            checks.check_number("add", self.add, 1, whole=True)
        object.__setattr__(self, "_growth", Growth(self.augmenter.bank_.samples.names, self._event_shape))

    @modes.in_plain_modes
    def __call__(self, batch: Any, fraction: float, seed: int, *, collated: bool = False) -> Any:
        """Returns the batch with synthetic samples; an unchanged batch is the same object.

        Arguments:
            batch: A tuple, list, mapping or dataclass with samples `(B, *event)` and labels `(B,)`.
            fraction: The fraction of the samples to replace, in 0..1; without effect if synthetic samples are added.
            seed: The seed of everything random.
            collated: Whether torch's `default_collate` made the batch.
        """
        if fraction == 0 and self.teacher is None:
            return batch
        parts = self.split_batch(batch)
        if self.add is None:
            return self._replace(batch, parts, fraction, seed)
        return self._append(batch, parts, self.add, seed, collated) if len(parts.y) else batch

    @modes.in_plain_modes
    def augment_item(self, item: Any, seed: int) -> Any:
        """Returns a single item of a dataset with a synthetic sample in place of its sample."""
        labels = batches.find_labels(item, self.labels_getter)
        image = batches.find_images(item, self._event_shape, self.images_getter, labels, is_item=True)
        label = labels.value
        y = self._check_labels(label[None] if isinstance(label, Tensor) else np.asarray([label]))
        sample = self.synthesize(_as_tensor(image.value)[None], y, seed)[0]
        return batches.replace_fields(item, [(image, batches.as_type_of(sample, image.value))])

    @modes.in_plain_modes
    def split_batch(self, batch: Any) -> Parts:
        """Returns the samples and the labels of a batch."""
        labels = batches.find_labels(batch, self.labels_getter)
        y = self._check_labels(labels.value)
        images = batches.find_images(batch, self._event_shape, self.images_getter, labels)
        if len(images.value) != len(y):
            remedy = "check labels_getter, or the loader's collate_fn"
            checks.refuse(f"one label for each of {len(images.value)} samples", f"{len(y)} labels", remedy)
        return Parts(images, labels, y)

    @modes.in_plain_modes
    def synthesize(self, x: Tensor, y: Tensor, seed: int, per_sample: int = 1) -> Tensor:
        """Returns synthetic samples, `(per_sample * B, *event)`, in the range, dtype and device of their parents.

        Sample i has parent `i % B`. Each parent is encoded once, however many samples are generated from it.

        Arguments:
            x: The parents in the batch's range, `(B, *event)`.
            y: Their labels, `(B,)`.
            seed: The seed of the synthetic samples.
            per_sample: The number of synthetic samples per parent.
        """
        check_worker(self.augmenter)
        n, n_candidates = per_sample * len(x), self._n_candidates
        samples = self.augmenter.generate(n_candidates * n, self._denormalize(x), y, seed).x
        if self._range is not None:
            samples = self._range.normalize(samples).to(x)
            checks.check_finite("the normalized synthetic samples", samples)
        samples = samples.to(x)
        if self.network is None:
            return samples
        return hardest(samples.unflatten(0, (n_candidates, n)), y.repeat(per_sample), self.network)

    def _replace(self, batch: Any, parts: Parts, fraction: float, seed: int) -> Any:
        x, y = _as_tensor(parts.images.value), parts.y
        augmented = replace_some(self.augmenter, x, y, fraction, seed, self.synthesize)
        new: list[tuple[Field, Any]] = []
        if augmented is not x:
            new.append((parts.images, batches.as_type_of(augmented, parts.images.value)))
        if self.teacher is not None:
            soft_labels = self._soft_labels(x, augmented, y, replaced_indices(len(x), fraction, seed))
            new.append((parts.labels, batches.as_type_of(soft_labels, parts.labels.value)))
        return batches.replace_fields(batch, new)

    def _append(self, batch: Any, parts: Parts, add: int, seed: int, collated: bool) -> Any:
        """Returns the batch with its synthetic samples at its end: one of each sample, then a second of each, and so on."""
        x, y = _as_tensor(parts.images.value), parts.y
        augmented = torch.cat([x, self.synthesize(x, y, seeds.derive(seed, 1), add)])
        new = [(parts.images, batches.as_type_of(augmented, parts.images.value))]
        if self.teacher is not None:
            parents, synthetic = x.repeat(1 + add, *[1] * (x.ndim - 1)), torch.arange(len(x), len(augmented))
            soft_labels = self._soft_labels(parents, augmented, y.repeat(1 + add), synthetic)
            new.append((parts.labels, batches.as_type_of(soft_labels, parts.labels.value)))
        longer = batches.replacements(batch, new)
        return self._growth(batch, len(x), 1 + add, longer, parts.labels.paths, collated=collated)

    def _soft_labels(self, parents: Tensor, x: Tensor, y: Tensor, synthetic: Tensor) -> Tensor:
        """Returns soft labels `(B, K)`: the teacher's for the samples at the indices `synthetic`, one-hot for the others."""
        one_hot = nn.functional.one_hot(y, len(self.augmenter.bank_.samples.names)).float()
        if self.teacher is None or not len(synthetic):
            return one_hot.to(x.device)
        index = synthetic.to(x.device)
        samples, parents = (self._as_fitted(t[index]).cpu() for t in (x, parents))
        soft_labels = self.teacher.soft(samples, y.cpu()[synthetic], parents)
        return one_hot.index_copy(0, synthetic.to(one_hot.device), soft_labels.to(one_hot)).to(x.device)

    def _denormalize(self, x: Tensor) -> Tensor:
        return x if self._range is None else self._range.denormalize(x)

    def _as_fitted(self, x: Tensor) -> Tensor:
        """Returns samples of a batch as the teacher saw its own: floats in the range seen at fit."""
        if self._range is not None:
            return self._range.denormalize(x)
        return unit_float(x) if self.augmenter.bank_.scaling.is_unit else x.float()

    def _check_labels(self, y: Any) -> Tensor:
        return checks.check_labels(y, names=self.augmenter.bank_.samples.names)

    @property
    def _n_candidates(self) -> int:
        """The number of synthetic samples generated for each one that is used."""
        if self.network is None:
            return 1
        return HARDEST_OF if self.hardest_of is None else self.hardest_of

    @property
    def _event_shape(self) -> tuple[int, ...]:
        return self.augmenter.bank_.samples.event_shape

    @cached_property
    def _range(self) -> ranges.Range | None:
        return ranges.as_range(self.normalize, self._event_shape)


def check_add_or_replace(replace: Any, add: Any) -> int | None:
    """Returns the number of synthetic samples to add per sample, or None if samples are replaced; refuses both at once."""
    if replace is not None and add is not None:
        remedy = "leave replace out to add synthetic samples, or add to replace real ones"
        checks.refuse("either replace or add", f"replace={replace!r} and add={add!r}", remedy)
    return ADD if replace is None and add is None else add


def check_augmenter(augmenter: Any) -> None:
    """Checks that this is a fitted augmenter."""
    if not isinstance(augmenter, Augmenter):
        remedy = "pass vaeaug.Augmenter(vae).fit(data)"
        checks.refuse("a fitted Augmenter", type(augmenter).__name__, remedy)
    augmenter.check_fitted()


def check_worker(augmenter: Augmenter) -> None:
    """Checks that the VAE can be used in this process: in a worker of a DataLoader it must be on the CPU."""
    device = device_of(augmenter.vae_)
    if get_worker_info() is not None and device.type != "cpu":
        remedy = "use AugmentedLoader, which generates outside the workers, or num_workers=0"
        checks.refuse("a VAE on the CPU in the workers of a DataLoader", f"one on {device}", remedy)


def _check_hardest(hardest_of: Any, network: Any) -> None:
    if hardest_of is not None:
        if network is None:
            remedy = "pass the network in training, whose loss decides which synthetic sample is the hardest"
            checks.refuse("a network with hardest_of", "none", remedy)
        checks.check_number("hardest_of", hardest_of, 2, whole=True)
    if network is not None and not isinstance(network, nn.Module):
        remedy = "pass the network itself, or nn.Sequential(transform, network)"
        checks.refuse("network to be an nn.Module", type(network).__name__, remedy)


def _as_tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) and x.layout == torch.strided else as_tensor("the batch", x)
