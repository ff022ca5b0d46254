"""Unlabelled samples: reading them, and pseudo-labelling those that are close to a labelled sample.

For each labelled sample, its nearest unlabelled neighbours in latent space are pseudo-labelled with its class if cross-fitted
teachers that never saw it agree. A sample that matches several labelled ones goes to the nearest. Labels that come with the
unlabelled samples are never read.

Reference: Lee, "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks", 2013.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vaeaug.data.samples import Samples
from vaeaug.data.unlabelled import read_unlabelled
from vaeaug.filters.cross_fitted import CrossFitted
from vaeaug.filters.teacher_training import SampleSource
from vaeaug.models.codec import Codec
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.runtime import checks, seeds

NEIGHBOURS = 25  # the nearest unlabelled samples of a labelled one that may be pseudo-labelled with its class
FOLDS = 5
SEARCH_BLOCK = 256  # labelled samples whose distances to all unlabelled ones are in memory together
TEACHER_STREAM = 3  # the random stream of the teachers, under the seed of `fit`


def as_unlabelled(data: Any, samples: Samples, *, conditional: bool, seed: int = 0) -> Tensor:
    """Returns unlabelled samples `(M, *event)`, float32, dropping any labels.

    Arguments:
        data: Samples in any form that `vaeaug.data.read_unlabelled` takes.
        samples: The labelled samples.
        conditional: Whether the VAE is conditional; such a VAE cannot be trained on samples without labels.
        seed: The seed of the order of a DataLoader that shuffles.

    Raises:
        InputError: If the VAE is conditional, or the samples cannot be used or have another shape than the labelled ones.
    """
    if conditional:
        remedy = "leave num_classes out, or leave the unlabelled samples out"
        checks.refuse("an unconditional VAE", "a conditional one and samples without labels", remedy)
    return read_unlabelled(data, samples, seed)


def concatenate_unlabelled(samples: Samples, unlabelled: Tensor) -> Samples:
    """Returns labelled and unlabelled samples as the training data of an unconditional VAE; the latter get label 0.

    Arguments:
        samples: The labelled samples.
        unlabelled: The unlabelled ones, `(M, *event)`.
    """
    y = torch.cat([samples.y, samples.y.new_zeros(len(unlabelled))])
    return replace(samples, x=torch.cat([samples.x, unlabelled]), y=y, files=())


def fit_teacher(bank: Bank, teacher: Any, augmenter: SampleSource, seed: int) -> CrossFitted:
    """Returns the cross-fitted teachers that judge unlabelled samples.

    Arguments:
        bank: The labelled samples.
        teacher: A classifier, see `CrossFitted.fit`; or `CrossFitted` itself, which is returned.
        augmenter: The source of the synthetic samples that estimators are fitted to as well.
        seed: The seed of `Augmenter.fit`.
    """
    if isinstance(teacher, CrossFitted):
        return teacher
    folds, seed = min(FOLDS, max(bank.samples.counts)), seeds.derive(seed, TEACHER_STREAM)
    return CrossFitted.fit(bank.samples, teacher, folds=folds, seed=seed, augmenter=augmenter)


def match_pseudo_labels(bank: Bank, codec: Codec, unlabelled: Tensor, teacher: CrossFitted) -> PseudoLabelled:
    """Returns the unlabelled samples that are near a labelled one and that the teachers assign to its class.

    Arguments:
        bank: The labelled samples.
        codec: The VAE that encodes the unlabelled ones.
        unlabelled: The unlabelled samples, `(M, *event)`.
        teacher: The teachers; those that saw a labelled sample do not judge its neighbours.
    """
    mean, stddev = codec.codes(unlabelled, None)
    distance, neighbour = _nearest(bank.mean, mean, min(NEIGHBOURS, len(unlabelled)))
    parent = torch.arange(len(bank))[:, None].expand_as(neighbour).flatten()
    distance, neighbour = distance.flatten(), neighbour.flatten()
    p = teacher.probabilities(unlabelled[neighbour], bank.samples.x[parent])
    y = bank.samples.y[parent]
    agree = p.argmax(1) == y
    confidence = p.gather(1, y[:, None])[:, 0][agree]
    parent, neighbour, distance = parent[agree], neighbour[agree], distance[agree]
    # In the order of their distances, the first occurrence of a sample is the one with its nearest parent.
    order = distance.argsort(stable=True)
    index, first_occurrence = _unique_with_first(neighbour[order])
    pair = order[first_occurrence]
    on_device = index.to(mean.device)
    return PseudoLabelled(unlabelled[index], parent[pair], confidence[pair], mean[on_device], stddev[on_device])


def _nearest(z: Tensor, codes: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Returns the distances and the indices of the k nearest of `codes` for each code in `z`, each `(N, k)`, on the CPU."""
    blocks = [torch.cdist(block, codes).topk(k, largest=False) for block in z.split(SEARCH_BLOCK)]
    return torch.cat([block.values for block in blocks]).cpu(), torch.cat([block.indices for block in blocks]).cpu()


def _unique_with_first(values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the unique values, and the index of the first occurrence of each."""
    unique, inverse = values.unique(return_inverse=True)
    first = torch.full((len(unique),), len(values)).scatter_reduce(0, inverse, torch.arange(len(values)), "amin")
    return unique, first
