"""Lookup: where samples stand among others, known by their content."""

from __future__ import annotations

import torch
from torch import Tensor

from vaeaug.runtime import seeds

SLACK = 1e-3  # the largest difference, as a share of the range, that rounding on the way through a loader may make


class SampleIndex:
    """Finds samples among others by their content, but for rounding.

    Every sample is known by one number, its product with a fixed random vector; what that finds is then compared.

    Arguments:
        x: The samples to find, `(N, *event)`.
    """

    def __init__(self, x: Tensor) -> None:
        self._flat = x.flatten(1).cpu()
        self._slack = SLACK * (self._flat.amax(0) - self._flat.amin(0)).max().clamp(min=1e-12)
        self._vector = torch.randn(self._flat.shape[1], generator=seeds.generator(0), dtype=torch.float64)
        self._keys, self._order = (self._flat.double() @ self._vector).sort(stable=True)

    def __len__(self) -> int:
        return len(self._flat)

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the place of each sample of `x`, `(B, *event)`; -1 for what is not there. Of equal ones the first."""
        flat = x.flatten(1).to(self._flat)
        keys = flat.double() @ self._vector
        right = torch.searchsorted(self._keys, keys)
        # Equal samples have one key: the first of them stands where this key begins.
        near = torch.stack([right - 1, right]).clamp(0, len(self) - 1)
        near = torch.searchsorted(self._keys, self._keys[near])
        found = self._order[near]
        distance = (self._flat[found] - flat).abs().amax(2)
        best = distance.argmin(0, keepdim=True)
        place, distance = found.gather(0, best)[0], distance.gather(0, best)[0]
        return torch.where(distance <= self._slack, place, -1)
