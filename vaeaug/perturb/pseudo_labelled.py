"""Pseudo-labelled samples: unlabelled ones, each assigned to a labelled sample whose class it seems to have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PseudoLabelled:
    """Unlabelled samples that each share the label of one labelled sample, their parent.

    Arguments:
        x: The samples, `(M, *event)`, on the CPU.
        parent_index: The index in the bank of each one's labelled sample, `(M,)`.
        confidence: The teachers' probability that they share its label, `(M,)`, in 0..1.
        mean, stddev: The mean and the standard deviation of q(z|x) of each sample, `(M, L)`, on the device of the VAE.
    """

    x: Tensor
    parent_index: Tensor
    confidence: Tensor
    mean: Tensor
    stddev: Tensor

    def __len__(self) -> int:
        return len(self.parent_index)

    def to(self, device: torch.device) -> PseudoLabelled:
        """Returns the samples with their codes on another device."""
        return replace(self, mean=self.mean.to(device), stddev=self.stddev.to(device))

    def sample_start(self, parent_index: Tensor, u: Tensor) -> Tensor:
        """Returns the index of a pseudo-labelled sample of each parent, or -1 for the parent itself, all equally likely.

        Arguments:
            parent_index: Indices in the bank, `(B,)`.
            u: Random numbers in [0, 1), `(B,)`.
        """
        sorted_parents, order = self._by_parent
        start = torch.searchsorted(sorted_parents, parent_index)
        stop = torch.searchsorted(sorted_parents, parent_index, right=True)
        rank = (u * (stop - start + 1)).long() - 1
        return torch.where(rank < 0, -1, order[(start + rank).clamp(0, len(self) - 1)]) if len(self) else rank

    @cached_property
    def _by_parent(self) -> tuple[Tensor, Tensor]:
        return self.parent_index.sort(stable=True)
