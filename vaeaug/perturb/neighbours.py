"""Nearest codes, found exactly and exhaustively. The neighbours of the bank's own codes are searched once and cached."""

from __future__ import annotations

import torch
from torch import Tensor

from vaeaug.data.lookup import bit_hash
from vaeaug.perturb.class_index import ClassIndex

SEARCH_BLOCK = 8192  # codes that are compared at once,
ROWS = 1024  # each with this many others
SAME_CODE = 1e-5  # codes this close are of the same sample: rounding depends on the size of the batch


def nearest(z: Tensor, codes: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Returns the indices of the k nearest codes and their distances, each `(B, k)`, nearest first, on the CPU.

    Arguments:
        z: The codes whose neighbours are searched, `(B, L)`.
        codes: All codes, `(N, L)`.
        candidates: The indices of those to compare with, `(M,)`.
        k: The number of neighbours, at most M.
    """
    rows = [_nearest_of_some(some, codes, candidates, k) for some in z.split(ROWS)]
    return torch.cat([index for index, _ in rows]), torch.cat([distance for _, distance in rows])


def _nearest_of_some(z: Tensor, codes: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    nearest_distance = torch.empty(len(z), 0, device=z.device)
    nearest_index = torch.empty(len(z), 0, dtype=torch.long)
    for block in candidates.split(SEARCH_BLOCK):
        # Exact distances: those computed with a matrix product are not 0 for equal codes.
        distance = torch.cdist(z, codes[block.to(z.device)], compute_mode="donot_use_mm_for_euclid_dist")
        width = min(k, nearest_index.shape[1] + len(block))
        nearest_distance, column = torch.cat([nearest_distance, distance], 1).topk(width, dim=1, largest=False)
        nearest_index = torch.cat([nearest_index, block.expand(len(z), -1)], 1).gather(1, column.cpu())
    return nearest_index, nearest_distance.cpu()


class BitwiseIndex:
    """Finds rows among others by their bits.

    Arguments:
        x: The rows to find, `(N, ...)`, float32.
    """

    def __init__(self, x: Tensor) -> None:
        self._x = x
        self._hashes, order = torch.cat([bit_hash(block) for block in x.split(SEARCH_BLOCK)]).sort()
        # A hash that is larger than all others belongs to no row; it is compared with the last one.
        self._order = torch.cat([order, order[-1:]])

    def candidates(self, x: Tensor) -> Tensor:
        """Returns, for each row of `x`, the index of the one row that may be equal, on the device of the rows."""
        return self._order[torch.searchsorted(self._hashes, bit_hash(x))]

    def find_all(self, x: Tensor) -> Tensor | None:
        """Returns the indices of rows, `(B,)`; None unless all of them are there."""
        hashes = bit_hash(x)
        position = torch.searchsorted(self._hashes, hashes).clamp(max=len(self._hashes) - 1)
        index = self._order[position]
        # Comparing the hashes first spares comparing the rows in most cases.
        return index if torch.equal(self._hashes[position], hashes) and torch.equal(self._x[index], x) else None


class ClassNeighbours:
    """Finds the nearest codes of the same class.

    Arguments:
        codes: The codes to search, `(N, L)`.
        y: Their labels, `(N,)`.
        class_index: Their indices by class.
    """

    def __init__(self, codes: Tensor, y: Tensor, class_index: ClassIndex) -> None:
        self._codes, self._y, self._class_index = codes, y, class_index
        self._bitwise_index = BitwiseIndex(codes.float())
        self._tables: dict[int, _Table] = {}

    def __call__(self, z: Tensor, y: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """Returns the indices of the nearest codes, `(B, width)`, nearest first, and the distance of the first, `(B,)`.

        Arguments:
            z: The codes whose neighbours are searched, `(B, L)`.
            y: Their labels, `(B,)`.
            width: The number of neighbours. In a class with fewer samples, further columns have no meaning.
        """
        if width not in self._tables:
            self._tables[width] = _Table(len(self._codes), width)
        table = self._tables[width]
        index = self._index_of(z, y)
        if not table.is_filled[index].all():
            new = index[(index >= 0) & ~table.is_filled[index]].unique()
            if len(new):
                table.fill(new, *self._search(self._codes[new.to(z.device)], self._y[new], width))
        neighbours, distance = table.neighbours[index], table.distance[index]
        unknown = index < 0
        if unknown.any():
            neighbours[unknown], distance[unknown] = self._search(z[unknown.to(z.device)], y[unknown], width)
        return neighbours, distance

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_tables": {}}

    def _index_of(self, z: Tensor, y: Tensor) -> Tensor:
        """Returns the indices of codes that are bitwise among those searched and have this label, `(B,)`; else -1."""
        candidates = self._bitwise_index.candidates(z.float())
        codes, index = self._codes[candidates], candidates.cpu()
        label = self._y[index]
        if torch.equal(codes, z) and torch.equal(label, y):
            return index
        return torch.where((codes == z).all(1).cpu() & (label == y), index, -1)

    def _search(self, z: Tensor, y: Tensor, width: int) -> tuple[Tensor, Tensor]:
        neighbours, distance = torch.zeros(len(z), width, dtype=torch.long), torch.zeros(len(z))
        for label in y.unique().tolist():
            of_class = torch.nonzero(y == label)[:, 0]
            members = self._class_index.members(label)
            # The parents of a chunk repeat: each distinct code is searched once.
            codes, inverse = z[of_class.to(z.device)].unique(dim=0, return_inverse=True)
            nearest_index, nearest_distance = nearest(codes, self._codes, members, min(width, len(members)))
            neighbours[of_class, : nearest_index.shape[1]] = nearest_index[inverse.cpu()]
            distance[of_class] = nearest_distance[inverse.cpu(), 0]
        return neighbours, distance


class _Table:
    """The neighbours of the codes that have been searched so far, for one width."""

    def __init__(self, size: int, width: int) -> None:
        # The operating system provides memory when it is written, so a large table costs only what is used of it.
        self.neighbours = torch.empty(size, width, dtype=torch.long)
        self.distance = torch.empty(size)
        self.is_filled = torch.zeros(size + 1, dtype=torch.bool)  # the last entry stands for the index -1

    def fill(self, index: Tensor, neighbours: Tensor, distance: Tensor) -> None:
        self.neighbours[index], self.distance[index], self.is_filled[index] = neighbours, distance, True
