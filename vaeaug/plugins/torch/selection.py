"""Replaces a random fraction of the samples of a batch by synthetic samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.runtime import modes, seeds

Synthesize = Callable[[Tensor, Tensor, int], Tensor]


@modes.in_plain_modes
def replace_some(
    augmenter: Augmenter, x: Tensor, y: Tensor, fraction: float, seed: int, synthesize: Synthesize | None = None
) -> Tensor:
    """Returns the batch with a fraction of its samples replaced, each by a synthetic sample of which it is the parent.

    Arguments:
        augmenter: A fitted augmenter.
        x: Samples, `(B, *event)`; returned unchanged if none is replaced.
        y: Their labels, `(B,)`.
        fraction: The fraction to replace, in 0..1. Exactly `fraction * B` samples are replaced if that is a whole number;
            otherwise the count is one of the two nearest whole numbers, and its mean over seeds is `fraction * B`.
        seed: The seed; the same seed gives the same batch.
        synthesize: A function from samples, their labels and a seed to one synthetic sample each; by default
            `augmenter.generate`.
    """
    index = replaced_indices(len(x), fraction, seed)
    if len(index) == 0:
        return x
    parents, labels, seed = x[index.to(x.device)], torch.as_tensor(y).cpu()[index], seeds.derive(seed, 1)
    samples = (
        synthesize(parents, labels, seed) if synthesize else augmenter.generate(len(index), parents, labels, seed).x
    )
    return x.index_copy(0, index.to(x.device), samples)


@modes.in_plain_modes
def replaced_indices(size: int, fraction: float, seed: int) -> Tensor:
    """Returns the indices of the samples that `replace_some` replaces in a batch of `size` samples."""
    generator = seeds.generator(seed, 0)
    order = torch.randperm(size, generator=generator)
    # Rounding first, because 0.29 * 100 is slightly less than 29.
    return order[: int(round(fraction * size, 6) + float(torch.rand((), generator=generator)))]
