"""Regimes: how scarce the data is. Samples per class, a list of counts, or a published lopsided one by name."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vaeaug.data.samples import Samples
from vaeaug.data.splits import subset
from vaeaug.runtime import checks, seeds

LOPSIDED = {
    # Published for Fashion-MNIST, for classes 0 to 9.
    "lopsided": (3600, 1800, 900, 675, 450, 315, 180, 90, 54, 36),
    "lopsided-small": (300, 180, 110, 66, 40, 24, 14, 9, 6, 4),
}
PERMUTED = ("lopsided-small",)  # which class is rare is drawn anew by every seed


def text(regime: int | str | Sequence[int]) -> str:
    """Returns a regime as it stands in rows: a number, or counts joined by `/`."""
    if isinstance(regime, str):
        return "/".join(map(str, LOPSIDED[regime])) + (" permuted" if regime in PERMUTED else "")
    return str(regime) if isinstance(regime, int) else "/".join(map(str, regime))


def counts(regime: int | str | Sequence[int], classes: int, seed: int = 0) -> list[int]:
    """Returns the number of samples of each class.

    Arguments:
        regime: The number for every class, one for each, or the name of a lopsided one.
        classes: How many there are.
        seed: Of a regime whose counts are permuted.

    Raises:
        InputError: For another name, or if there are more or fewer counts than classes.
    """
    if isinstance(regime, int):
        return [regime] * classes
    if isinstance(regime, str):
        checks.check_choice("per_class", regime, tuple(LOPSIDED))
    found = list(LOPSIDED[regime] if isinstance(regime, str) else regime)
    if len(found) != classes:
        checks.refuse(f"one count or {classes} counts", f"{len(found)} counts", "give one count per class")
    if isinstance(regime, str) and regime in PERMUTED:
        order = torch.randperm(classes, generator=seeds.generator(seed, 9))
        return [found[place] for place in order.tolist()]
    return found


def drawn(pool: Samples, regime: int | str | Sequence[int], seed: int) -> Samples:
    """Returns the training subset of a seed."""
    return subset(pool, counts(regime, len(pool.names), seed), seed)
