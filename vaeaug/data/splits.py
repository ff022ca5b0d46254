"""Stratified splits, and the small or imbalanced training sets that the benchmark draws."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vaeaug.data.samples import Samples
from vaeaug.runtime import checks, modes, seeds
from vaeaug.runtime.seeds import Stream


@modes.in_plain_modes
def split(samples: Samples, test: float = 0.5, seed: int = 0) -> tuple[Samples, Samples]:
    """Splits into a training and a test set, stratified by class.

    Arguments:
        samples: The samples to split.
        test: The fraction of the test set, in (0, 1].
        seed: The seed of the random choice.

    Returns:
        The training set and the test set.

    Raises:
        InputError: If `test` is out of its range.
    """
    checks.check_number("test", test, 0, 1, above=True)
    test_counts = [max(1, round(test * count)) if count else 0 for count in samples.counts]
    in_test = torch.zeros(len(samples), dtype=torch.bool)
    in_test[_random_index(samples, test_counts, seed)] = True
    return samples[~in_test], samples[in_test]


@modes.in_plain_modes
def subset(samples: Samples, per_class: int | Sequence[int], seed: int = 0) -> Samples:
    """Draws a small or imbalanced training set: the regimes of the benchmark.

    Arguments:
        samples: The samples to draw from.
        per_class: The number of samples of every class, or a list with one count per class.
        seed: The seed of the random choice. With one seed, a smaller subset is contained in a larger one.

    Raises:
        InputError: If a class has fewer samples than asked for.
    """
    num_classes = len(samples.names)
    counts = [per_class] * num_classes if isinstance(per_class, int) else list(per_class)
    if len(counts) != num_classes:
        checks.refuse(f"one count or {num_classes} counts", f"{len(counts)} counts", "give one count per class")
    for label, (count, available) in enumerate(zip(counts, samples.counts, strict=True)):
        checks.check_number("per_class", count, 1, whole=True)
        if count > available:
            expected = f"at least {count} samples of {checks.describe_class(label, samples.names)}"
            checks.refuse(expected, available, "ask for fewer samples per class")
    return samples[_random_index(samples, counts, seed)]


def _random_index(samples: Samples, counts: Sequence[int], seed: int) -> Tensor:
    """Returns the indices of `counts[label]` random samples of each class, class by class."""
    chunks = []
    for label, count in enumerate(counts):
        class_index = torch.nonzero(samples.y == label)[:, 0]
        order = torch.randperm(len(class_index), generator=seeds.generator(seed, Stream.SUBSET, label))
        chunks.append(class_index[order[:count]])
    return torch.cat(chunks)
