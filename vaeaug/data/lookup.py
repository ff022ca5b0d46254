"""The indices of samples among others, found by content."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from vaeaug.runtime import seeds

TOLERANCE = 1e-3  # the largest difference, as a fraction of the range, that rounding in a loader may cause
BLOCK = 8192  # samples hashed at once, to bound memory


class SampleIndex:
    """Creates a function from samples to their indices in `x`, found by content, up to rounding or exactly.

    Every sample has a key: its product with a fixed random vector, or a hash of its bits if the search is exact. Samples
    with the key that is searched for, or the nearest keys, are then compared in full.

    Arguments:
        x: The samples to search, `(N, *event)`.
        exact: Whether only samples that are equal bit for bit count as found. By default they may differ by 0.1 % of the
            range of `x`. Exact searches are faster, and stay on the device of `x`.
    """

    def __init__(self, x: Tensor, exact: bool = False) -> None:
        self.exact = exact
        self._x = x.flatten(1) if exact else x.flatten(1).cpu()
        if exact:
            keys = torch.cat([bit_hash(block) for block in self._x.split(BLOCK)])
        else:
            value_range = (self._x.amax(0) - self._x.amin(0)).max()
            self._tolerance = TOLERANCE * value_range.clamp(min=1e-12)
            self._vector = torch.randn(self._x.shape[1], generator=seeds.generator(0), dtype=torch.float64)
            keys = self._x.double() @ self._vector
        self._keys, self._order = keys.sort(stable=True)

    def __len__(self) -> int:
        return len(self._x)

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the index of each sample of `x`, `(B, *event)`, on the CPU; -1 if it is not found.

        Of equal samples, the index is that of the first one.
        """
        x = x.flatten(1)
        return self._find_exact(x) if self.exact else self._find_nearest(x.to(self._x))

    def _find_exact(self, x: Tensor) -> Tensor:
        keys = bit_hash(x)
        position = torch.searchsorted(self._keys, keys).clamp(max=len(self) - 1)
        index = torch.where(self._keys[position] == keys, self._order[position], -1)
        # In the two common cases, none or all are found, samples need not be compared one by one.
        if (index >= 0).any():
            candidates = self._x[index]
            if not torch.equal(candidates, x):
                index = torch.where((candidates == x).all(1), index, -1)
        return index.cpu()

    def _find_nearest(self, x: Tensor) -> Tensor:
        keys = x.double() @ self._vector
        position = torch.searchsorted(self._keys, keys)
        neighbours = torch.stack([position - 1, position]).clamp(0, len(self) - 1)
        # Equal samples share a key. The first of them is where this key begins.
        neighbours = torch.searchsorted(self._keys, self._keys[neighbours])
        candidates = self._order[neighbours]
        distance = (self._x[candidates] - x).abs().amax(2)
        nearest = distance.argmin(0, keepdim=True)
        index, distance = candidates.gather(0, nearest)[0], distance.gather(0, nearest)[0]
        return torch.where(distance <= self._tolerance, index, -1)


def bit_hash(x: Tensor) -> Tensor:
    """Returns a hash of the bits of each float32 sample, `(B,)`; it does not depend on the other samples.

    The bits of every position have a weight of their own: images with the same values in other places differ.
    """
    bits = x.float().contiguous().view(torch.int32).flatten(1)
    return (bits * _weights(bits.shape[1]).to(bits.device)).sum(1)


@lru_cache(maxsize=8)
def _weights(size: int) -> Tensor:
    """Returns odd random numbers, `(size,)`."""
    return torch.randint(2**62, (size,), generator=seeds.generator(0), device="cpu") * 2 + 1
