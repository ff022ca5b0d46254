"""Nearest: the codes nearest to others, exactly and exhaustively; for the bank's own they are searched once and kept."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

SPAN = 8192  # codes compared at once
SAME = 1e-5  # codes no further apart are of the same sample: a batch of another size may round otherwise


def nearest(z: Tensor, codes: Tensor, places: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Returns the places of the k nearest codes and their distances, `(B, k)`, nearest first, on the CPU.

    Arguments:
        z: What to search near, `(B, L)`.
        codes: What to search, `(N, L)`.
        places: Which of them, `(M,)`.
        k: How many, M at most.
    """
    best = torch.empty(len(z), 0, device=z.device)
    found = torch.empty(len(z), 0, dtype=torch.long)
    for span in places.split(SPAN):
        # The exact distance, not the faster one by way of a matrix product, which does not find zeros.
        distance = torch.cdist(z, codes[span.to(z.device)], compute_mode="donot_use_mm_for_euclid_dist")
        best, at = torch.cat([best, distance], 1).topk(min(k, found.shape[1] + len(span)), dim=1, largest=False)
        found = torch.cat([found, span.expand(len(z), -1)], 1).gather(1, at.cpu())
    return found, best.cpu()


def key(x: Tensor) -> Tensor:
    """Returns a number for each row that does not depend on the others: its bits, added up."""
    return x.contiguous().view(torch.int32).flatten(1).sum(1)


class Search:
    """Creates a function from codes `(B, L)`, labels and a width to the places of the nearest codes of the same class,
    `(B, width)`, and the distance of the first, `(B,)`. Classes smaller than the width leave columns without meaning.

    Arguments:
        codes: What is searched, `(N, L)`.
        y: Their labels, `(N,)`.
        by_class: Places sorted by label, and where each class starts and how many it has.
    """

    def __init__(self, codes: Tensor, y: Tensor, by_class: tuple[Tensor, Tensor, Tensor]) -> None:
        self.codes, self.y, self.by_class = codes, y, by_class
        self._kept: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __call__(self, z: Tensor, y: Tensor, width: int) -> tuple[Tensor, Tensor]:
        near, first, there = self._kept.get(width) or self._begin(width)
        place = self._place_of(z, y)
        if there[place].all():
            return near[place], first[place]
        new = place[(place >= 0) & ~there[place]].unique()
        if len(new):
            near[new], first[new] = self._look(self.codes[new.to(z.device)], self.y[new], width)
            there[new] = True
        found, distance, others = near[place], first[place], place < 0
        if others.any():
            found[others], distance[others] = self._look(z[others.to(z.device)], y[others], width)
        return found, distance

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_kept": {}}

    def _begin(self, width: int) -> tuple[Tensor, Tensor, Tensor]:
        size = len(self.codes)  # memory is taken page by page, as the neighbours come
        near = torch.empty(size, width, dtype=torch.long)
        # The last one is for the place -1.
        self._kept[width] = near, torch.empty(size), torch.zeros(size + 1, dtype=torch.bool)
        return self._kept[width]

    @cached_property
    def _keys(self) -> tuple[Tensor, Tensor]:
        keys, order = key(self.codes.float()).sort()
        return keys, torch.cat([order, order[-1:]])  # what is larger than all keys is compared with the last

    def _place_of(self, z: Tensor, y: Tensor) -> Tensor:
        """Returns the places of codes that are among those searched, to the last bit and with this label; else -1."""
        keys, order = self._keys
        place = order[torch.searchsorted(keys, key(z.float()))]
        found, place = self.codes[place], place.cpu()
        label = self.y[place]
        if torch.equal(found, z) and torch.equal(label, y):
            return place
        return torch.where((found == z).all(1).cpu() & (label == y), place, -1)

    def _look(self, z: Tensor, y: Tensor, width: int) -> tuple[Tensor, Tensor]:
        near, first = torch.zeros(len(z), width, dtype=torch.long), torch.zeros(len(z))
        order, start, count = self.by_class
        for label in y.unique().tolist():
            rows = torch.nonzero(y == label)[:, 0]
            places = order[start[label] : start[label] + count[label]]
            # The parents of a chunk come again and again: each is looked up once.
            codes, which = z[rows.to(z.device)].unique(dim=0, return_inverse=True)
            found, distance = nearest(codes, self.codes, places, min(width, len(places)))
            near[rows, : found.shape[1]], first[rows] = found[which.cpu()], distance[which.cpu(), 0]
        return near, first
