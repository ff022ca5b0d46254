"""Look-ups of samples by class."""

from __future__ import annotations

import torch
from torch import Tensor


class ClassIndex:
    """The indices of labelled samples, grouped by class.

    Arguments:
        y: The labels, `(N,)`.
        num_classes: The number of classes K.
    """

    def __init__(self, y: Tensor, num_classes: int) -> None:
        self.sizes = torch.bincount(y, minlength=num_classes)
        """The number of samples of each class, `(K,)`."""
        self._order = y.argsort(stable=True)
        self._starts = self.sizes.cumsum(0) - self.sizes

    def members(self, label: int) -> Tensor:
        """Returns the indices of all samples of a class."""
        start = self._starts[label]
        return self._order[start : start + self.sizes[label]]

    def kth_of_class(self, y: Tensor, rank: Tensor) -> Tensor:
        """Returns the index of one sample of each class in `y`, `(B,)`.

        Arguments:
            y: Labels, `(B,)`.
            rank: The number of the sample within its class, `(B,)`; it counts cyclically.
        """
        return self._order[self._starts[y] + rank % self.sizes[y]]

    def random_pairs(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the indices of two random samples of each class in `y`, `(B,)` each.

        The two differ if the class has at least two samples.
        """
        rank, shift = torch.randint(2**62, (2, *y.shape), generator=generator)
        start, size = self._starts[y], self.sizes[y]
        rank = rank % size
        other_rank = (rank + 1 + shift % (size - 1).clamp(min=1)) % size
        return self._order[start + rank], self._order[start + other_rank]
