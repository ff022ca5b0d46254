"""Regimes: how many training samples each class has. One number, one count per class, or a published imbalanced one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vaeaug.data.samples import Samples
from vaeaug.data.splits import subset
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream

# Counts of classes 0 to 9 as published for Fashion-MNIST.
IMBALANCED = {
    "imbalanced": (3600, 1800, 900, 675, 450, 315, 180, 90, 54, 36),
    "imbalanced-small": (300, 180, 110, 66, 40, 24, 14, 9, 6, 4),
}
PERMUTED = ("imbalanced-small",)  # every seed assigns the counts to the classes anew
PERMUTED_SUFFIX = " permuted"


@dataclass(frozen=True)
class Regime:
    """The number of training samples of each class.

    `str(regime)` is its text in results, and `Regime.parse` reads it: `20`, `9/4` or `9/4 permuted`.

    Arguments:
        counts: One count per class, or a single one for every class.
        permuted: Whether every seed assigns the counts to the classes anew.
    """

    counts: tuple[int, ...]
    permuted: bool = False

    @classmethod
    def of(cls, per_class: int | str | Sequence[int] | Regime) -> Regime:
        """Creates a regime from what `compare` takes as `per_class`.

        Arguments:
            per_class: The number for every class, one count per class, the name of a published regime, or a regime.

        Raises:
            InputError: For an unknown name, or for a list of fewer than two counts.
        """
        if isinstance(per_class, Regime):
            return per_class
        if isinstance(per_class, int):
            return cls((per_class,))
        if isinstance(per_class, str):
            checks.check_choice("per_class", per_class, tuple(IMBALANCED))
            return cls(IMBALANCED[per_class], per_class in PERMUTED)
        if len(per_class) < 2:
            checks.refuse("one count per class", f"{len(per_class)} counts", "pass a number for all classes")
        return cls(tuple(per_class))

    @classmethod
    def parse(cls, text: str) -> Regime:
        """Creates a regime from its text in results.

        Raises:
            InputError: If the text is not that of a regime.
        """
        if not re.fullmatch(rf"\d+(/\d+)*({PERMUTED_SUFFIX})?", text):
            checks.refuse("a regime such as '20', '9/4' or '9/4 permuted'", repr(text), "use the text that str() gives")
        counts = text.removesuffix(PERMUTED_SUFFIX).split("/")
        return cls(tuple(map(int, counts)), text.endswith(PERMUTED_SUFFIX))

    def __str__(self) -> str:
        return "/".join(map(str, self.counts)) + (PERMUTED_SUFFIX if self.permuted else "")

    @property
    def is_imbalanced(self) -> bool:
        """Whether the classes have different counts."""
        return len(set(self.counts)) > 1

    @property
    def per_class(self) -> int | None:
        """The count of every class; None where the counts are given class by class."""
        return self.counts[0] if len(self.counts) == 1 else None

    def describe(self) -> str:
        """Returns the regime in words: `20 per class`, or `300 to 4 per class, classes permuted`."""
        if not self.is_imbalanced:
            return f"{self.counts[0]} per class"
        suffix = ", classes permuted" if self.permuted else ""
        return f"{max(self.counts)} to {min(self.counts)} per class{suffix}"


def class_counts(per_class: int | str | Sequence[int] | Regime, num_classes: int, seed: int = 0) -> list[int]:
    """Returns the number of samples of each class.

    Arguments:
        per_class: A regime, in any form that `Regime.of` takes.
        num_classes: The number of classes.
        seed: The seed that permutes the counts of a permuted regime; without effect on any other.

    Raises:
        InputError: For an unknown name, or if there are more or fewer counts than classes.
    """
    regime = Regime.of(per_class)
    if regime.per_class is not None:
        return [regime.per_class] * num_classes
    if len(regime.counts) != num_classes:
        got = f"{len(regime.counts)} counts"
        checks.refuse(f"one count or {num_classes} counts", got, "give one count per class")
    if not regime.permuted:
        return list(regime.counts)
    order = torch.randperm(num_classes, generator=seeds.generator(seed, Stream.PERMUTED_COUNTS))
    return [regime.counts[index] for index in order.tolist()]


def draw_subset(pool: Samples, per_class: int | str | Sequence[int] | Regime, seed: int) -> Samples:
    """Returns the training subset of a seed.

    Arguments:
        pool: The samples to draw from.
        per_class: A regime, in any form that `Regime.of` takes.
        seed: The seed of the draw.

    Raises:
        InputError: If the regime does not suit the classes of `pool`, or if a class has too few samples.
    """
    return subset(pool, class_counts(per_class, len(pool.names), seed), seed)
