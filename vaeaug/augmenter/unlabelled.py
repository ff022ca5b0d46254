"""Adoption: which unlabelled samples become donors of which labelled ones.

Of the unlabelled samples that lie nearest to a labelled one, by their codes, those become its donors that cross-fitted
teachers, none of which saw the labelled sample, take for its class. A sample that could be a donor of several is that of the
nearest. Labels that came with the unlabelled samples are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vaeaug.data.images import is_image_file, read_images
from vaeaug.data.loading import NAMES, load
from vaeaug.data.samples import Samples, from_arrays
from vaeaug.filters.cross_fitted import CrossFitted
from vaeaug.filters.teacher_training import SampleSource
from vaeaug.models.codec import Codec
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.runtime import checks, seeds

NEIGHBOURS = 25  # unlabelled samples near a labelled one that may become its donors
FOLDS = 5


def as_unlabelled(data: Any, samples: Samples, *, conditional: bool) -> Tensor:
    """Returns unlabelled samples `(M, *event)`, float32, whatever they came with.

    Arguments:
        data: An array or tensor of samples, a Dataset or DataLoader of samples or of tuples that begin with one, a pair
            `(X, y)`, `Samples`, the name of a set, or a path: a folder of images, or of folders of images, an .npz or a .csv.
        samples: The labelled samples.
        conditional: Whether the VAE is told labels, in which case it cannot learn from samples without.

    Raises:
        InputError: If they cannot be used, or are not of the shape of the labelled ones.
    """
    if conditional:
        remedy = "leave classes out, or leave the unlabelled samples out"
        checks.refuse("a VAE that is not told labels", "a conditional one and samples without labels", remedy)
    x = _without_labels(data, samples)
    found = from_arrays(x, torch.zeros(len(x), dtype=torch.long)).x
    checks.check_event_shape("unlabelled", found, samples.event_shape)
    return found


def _without_labels(data: Any, samples: Samples) -> Any:
    if isinstance(data, Samples):
        return data.x
    if isinstance(data, str | Path):
        return _from_path(data, samples)
    if isinstance(data, DataLoader):
        return _joined(_first(batch) for batch in data)
    if isinstance(data, Dataset):
        return _joined(_first(data[i])[None] for i in range(len(data)))  # type: ignore[arg-type]
    return _first(data)


def _first(item: Any) -> Any:
    part = item[0] if isinstance(item, tuple | list) else item
    return part if hasattr(part, "shape") else torch.as_tensor(part)


def _joined(parts: Iterator[Any]) -> Tensor:
    found = [torch.as_tensor(part) for part in parts]
    if not found:
        checks.refuse("at least one unlabelled sample", "none", "leave unlabelled out")
    return torch.cat(found)


def _from_path(path: str | Path, samples: Samples) -> Tensor:
    folder = Path(path)
    if str(path) not in NAMES and folder.is_dir() and any(map(is_image_file, folder.iterdir())):
        return read_images(folder, samples.event_shape[0])
    return load(path).x


def fit_teacher(bank: Bank, teacher: Any, augmenter: SampleSource, seed: int) -> CrossFitted:
    """Returns the cross-fitted teachers that judge unlabelled samples.

    Arguments:
        bank: The labelled samples.
        teacher: A classifier, see `CrossFitted.fit`; or `CrossFitted` itself, which is returned.
        augmenter: Makes the synthetic samples that estimators also learn from.
        seed: The seed of the teachers.
    """
    if isinstance(teacher, CrossFitted):
        return teacher
    folds = min(FOLDS, max(bank.samples.counts))
    return CrossFitted.fit(bank.samples, teacher, folds=folds, seed=seeds.derive(seed, 3), augmenter=augmenter)


def match_pseudo_labels(bank: Bank, codec: Codec, pool: Tensor, teacher: CrossFitted) -> PseudoLabelled:
    """Returns the unlabelled samples that are near a labelled one and look like its class to the teachers.

    Arguments:
        bank: The labelled samples.
        codec: Encodes the unlabelled ones.
        pool: Unlabelled samples, `(M, *event)`.
        teacher: Judges them; teachers that saw a labelled sample do not judge its neighbours.
    """
    mean, stddev = codec.codes(pool, None)
    distance, near = _neighbours(bank.mean, mean, min(NEIGHBOURS, len(pool)))
    owner = torch.arange(len(bank))[:, None].expand_as(near).flatten()
    candidate = near.flatten()
    p = teacher.probabilities(pool[candidate], bank.samples.x[owner])
    label = bank.samples.y[owner]
    agreed = p.argmax(1) == label
    owner, candidate, distance = owner[agreed], candidate[agreed], distance.flatten()[agreed]
    confidence = p.gather(1, label[:, None])[:, 0][agreed]
    # Sorted by distance, the first time that a sample occurs is with the nearest of its owners.
    order = distance.argsort(stable=True)
    places, first = _first_of_each(candidate[order])
    kept = order[first]
    at = places.to(mean.device)
    return PseudoLabelled(pool[places], owner[kept], confidence[kept], mean[at], stddev[at])


def _neighbours(z: Tensor, pool: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Returns the distances and the places of the k nearest codes of the pool, `(N, k)`, for each code in `z`."""
    found = [torch.cdist(part, pool).topk(k, largest=False) for part in z.split(256)]
    return torch.cat([d for d, _ in found]).cpu(), torch.cat([i for _, i in found]).cpu()


def _first_of_each(values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the values that occur, and where each occurs first."""
    unique, inverse = values.unique(return_inverse=True)
    first = torch.full((len(unique),), len(values)).scatter_reduce(0, inverse, torch.arange(len(values)), "amin")
    return unique, first
