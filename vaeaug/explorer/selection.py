"""The samples that the page holds: real ones of the bank, or synthetic ones in their place."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.augmenter.fitting import encode_bank
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, seeds

MOST_SAMPLES, FEWEST_SAMPLES = 2000, 200
MOST_VALUES = 1_600_000  # of all samples together, by default: what 2,000 images of 28 x 28 pixels have
PER_CLASS = 2  # samples of each class that are kept, so that each has a partner


def default_size(samples: Samples) -> int:
    """Returns the number of samples of a page by default: 2,000, or fewer where each has many values."""
    return min(MOST_SAMPLES, max(FEWEST_SAMPLES, MOST_VALUES // samples.x[0].numel()))


def real_samples(bank: Bank, size: int, seed: int) -> tuple[Bank, Tensor]:
    """Returns at most `size` samples of a bank, drawn at random with two of each class first, and their indices in it."""
    if len(bank) <= size:
        index = torch.arange(len(bank))
    else:
        order = torch.randperm(len(bank), generator=seeds.generator(seed))
        labels = bank.samples.y[order]
        first = torch.zeros(len(bank), dtype=torch.bool)
        for label in labels.unique():
            first[(labels == label).nonzero()[:PER_CLASS, 0]] = True
        index = torch.cat([order[first], order[~first]])[:size].sort().values
    return bank.subset(index), index


def synthetic_samples(augmenter: Augmenter, size: int, seed: int) -> Bank:
    """Returns at most `size` synthetic samples as a bank of their own, with codes of their own; none equals a real sample.

    Raises:
        InputError: If all of them are copies of real ones.
    """
    bank = augmenter.bank_
    size = min(size, len(bank))
    generated = augmenter.using(filter=None).generate_tensors(size, seed=seed)
    is_copy = SampleIndex(as_shown(bank, bank.samples.x))(as_shown(bank, generated.x)) >= 0
    new = ~is_copy
    if new.sum() < PER_CLASS:
        checks.refuse(
            "synthetic samples that are no copies of real ones",
            f"{int(is_copy.sum())} copies in {size}",
            "choose a larger scale or another perturbation: --perturb, --scale",
        )
    samples = replace(bank.samples, x=generated.x[new], y=generated.y[new], files=())
    encoded = encode_bank(augmenter.vae_, samples, bank.scaling)
    return replace(encoded, mean=encoded.mean.cpu(), stddev=encoded.stddev.cpu())


def scaled(bank: Bank, x: Tensor) -> Tensor:
    """Returns samples in the scaling of the page: images in 0..1, columns with mean 0 and standard deviation 1."""
    return (x - torch.tensor(bank.scaling.offset)) / torch.tensor(bank.scaling.gain)


def as_shown(bank: Bank, x: Tensor) -> Tensor:
    """Returns samples as the page stores them: images scaled, with 256 levels of each value."""
    u = scaled(bank, x)
    return (u * 255).round().clamp(0, 255) / 255 if x.ndim == 4 else u
