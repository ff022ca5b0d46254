"""Donors: unlabelled samples that stand in for labelled ones where children start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from vaeaug.data.samples import Samples


@dataclass(frozen=True, eq=False)
class PseudoLabelled:
    """Unlabelled samples, each of which stands in for one labelled sample.

    Arguments:
        x: The samples, `(M, *event)`, on the CPU.
        owner: The place in the bank of the labelled sample that each stands in for, `(M,)`.
        confidence: How sure the teachers are that they share its label, `(M,)`.
        mean, stddev: Of q(z|x) for each of them, `(M, L)`, on the device of the VAE.
    """

    x: Tensor
    owner: Tensor
    confidence: Tensor
    mean: Tensor
    stddev: Tensor

    def __len__(self) -> int:
        return len(self.owner)

    def to(self, device: torch.device) -> PseudoLabelled:
        """Returns the donors with their codes on another device."""
        return replace(self, mean=self.mean.to(device), stddev=self.stddev.to(device))

    @cached_property
    def _by_owner(self) -> tuple[Tensor, Tensor]:
        return self.owner.sort(stable=True)

    def choose(self, owner: Tensor, u: Tensor) -> Tensor:
        """Returns the place of a donor of each owner, or -1 for the owner itself, all equally likely.

        Arguments:
            owner: Places in the bank, `(B,)`.
            u: Numbers in [0, 1), `(B,)`.
        """
        owners, order = self._by_owner
        first, end = (torch.searchsorted(owners, owner, right=right) for right in (False, True))
        pick = (u * (end - first + 1)).long() - 1
        return torch.where(pick < 0, -1, order[(first + pick).clamp(0, len(self) - 1)]) if len(self) else pick


def both(samples: Samples, pool: Tensor) -> Samples:
    """Returns labelled and unlabelled samples for a VAE that is not told labels."""
    return Samples(torch.cat([samples.x, pool]), torch.cat([samples.y, samples.y.new_zeros(len(pool))]), samples.names)
