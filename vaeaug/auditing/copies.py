"""Copies and near-copies of training samples among synthetic ones, and the pairs that are closest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaeaug.auditing.distances import Distance
from vaeaug.auditing.inputs import Inputs
from vaeaug.auditing.statistics import TIE, more_than

NEAR = 0.01  # the share of held-out samples that are as near to the training set as a near-copy
CERTAIN = 1e-3  # the p-value below which there are more copies than the holdout has


@dataclass(frozen=True)
class CopyCounts:
    """How many samples equal a training sample, or nearly.

    Arguments:
        copies: Those that equal one in everything that the space compares.
        near_copies: Those that are no copies, but closer to one than all but 1 % of the held-out samples are.
        new: All others.
    """

    copies: int
    near_copies: int
    new: int

    @property
    def size(self) -> int:
        """The number of samples."""
        return self.copies + self.near_copies + self.new


@dataclass(frozen=True, eq=False)
class Pair:
    """A synthetic sample and the real sample nearest to it, by their numbers as they were passed."""

    synthetic: int
    real: int
    distance: float
    at: tuple[int, int]  # their places in the sets of the audit


def more_copies(counts: CopyCounts, reference: CopyCounts, *, near: bool = False) -> bool:
    """Returns whether there are more copies, or copies and near-copies, than in the reference, by Fisher's exact test."""
    own, other = (part.copies + near * part.near_copies for part in (counts, reference))
    return more_than(own, counts.size, other, reference.size) < CERTAIN


def count_copies(distance: Distance, inputs: Inputs) -> tuple[CopyCounts, CopyCounts, float]:
    """Returns the copies among the synthetic samples, those among the held-out samples, and the threshold of near-copies.

    Without held-out samples the training samples are the reference, each against all others.
    """
    real = inputs.positions(inputs.real)
    to_real = distance.nearest(inputs.positions(inputs.synthetic), real).distance[:, 0]
    if inputs.holdout is None:
        reference = distance.nearest(real, real, others=True).distance[:, 0]
    else:
        reference = distance.nearest(inputs.positions(inputs.holdout), real).distance[:, 0]
    # The smaller of two neighbours, so that at most 1 % of the reference are near-copies themselves.
    threshold = float(np.quantile(reference, NEAR, method="lower"))
    return _counts(to_real, threshold), _counts(reference, threshold), threshold


def _counts(distances: np.ndarray, threshold: float) -> CopyCounts:
    copies = int((distances == 0).sum())
    near = int(((distances > 0) & (distances < threshold * (1 - TIE))).sum())
    return CopyCounts(copies, near, len(distances) - copies - near)


def closest_pairs(distance: Distance, inputs: Inputs, size: int) -> list[Pair]:
    """Returns the synthetic samples closest to real ones, each with a real sample of its own, from the closest on."""
    real = inputs.positions(inputs.real)
    nearest = distance.nearest(inputs.positions(inputs.synthetic), real)
    order = np.argsort(nearest.distance[:, 0], kind="stable")
    pairs: list[Pair] = []
    seen: set[int] = set()
    for i in order.tolist():
        j = int(nearest.index[i, 0])
        if j not in seen:
            seen.add(j)
            rows = int(inputs.synthetic.rows[i]), int(inputs.real.rows[j])
            pairs.append(Pair(*rows, float(nearest.distance[i, 0]), (i, j)))
        if len(pairs) == size:
            break
    return pairs
