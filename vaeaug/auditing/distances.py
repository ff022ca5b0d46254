"""Exact distances to nearest samples, a block at a time: 10,000 samples of 784 features against as many take 0.3 GB.

Euclidean distances come in two steps. A matrix product in float32 says which samples may be the nearest; its error has a
bound, and all samples within it are compared in float64. So equal samples have the distance 0, and ties are ties.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaeaug.auditing.statistics import TIE

BLOCK_BYTES = 2**25  # of one block of distances
PAIRS = 2**23  # numbers that are compared in float64 at once
MANY = 0.2  # of a block, divided by the number of features: so many pairs cost more than the block as a whole


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest samples.

    Arguments:
        distance: The distances to the k nearest, from the nearest on, `(N, k)`, float64.
        index: Their indices, `(N, k)`; of equally near ones the first is the nearest.
        ties: How many are as near as the nearest, `(N,)`, 1 or more.
    """

    distance: np.ndarray
    index: np.ndarray
    ties: np.ndarray


class Distance(ABC):
    """Abstract: distances between samples, which are given by their positions in one pool of samples.

    Arguments:
        name: What is compared, in words.
    """

    name: str

    @abstractmethod
    def nearest(self, queries: np.ndarray, references: np.ndarray, k: int = 1, *, others: bool = False) -> Nearest:
        """Returns the k nearest references of each query.

        Arguments:
            queries, references: Positions in the pool, `(N,)` and `(R,)`; R is k or more, and k + 1 or more with `others`.
            k: How many.
            others: Whether the queries are the references, of which none is its own neighbour.
        """

    @abstractmethod
    def count_within(self, centres: np.ndarray, radius: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Returns how many samples lie within the radius of each centre, the radius included, `(N,)`."""


class _Smallest:
    """Collects the k smallest distances of each query, from blocks of all distances or of pairs."""

    def __init__(self, size: int, k: int, others: bool) -> None:
        self.k, self.others = k, others
        self.distance, self.index = np.full((size, k), np.inf), np.zeros((size, k), dtype=np.int64)
        self.ties = np.ones(size, dtype=np.int64)

    def add_block(self, start: int, block: Tensor) -> None:
        """Adds the distances of the queries from `start` on to all references, `(n, R)`."""
        rows = torch.arange(len(block))
        if self.others:
            block[rows, rows + start] = torch.inf
        at = slice(start, start + len(block))
        nearest = block.topk(self.k, largest=False)
        self.distance[at], self.index[at] = nearest.values.numpy(), nearest.indices.numpy()
        self.index[at, 0] = block.argmin(1).numpy()  # of equal ones the first
        self.ties[at] = (block <= nearest.values[:, :1] * (1 + TIE)).sum(1).numpy()

    def add_pairs(self, rows: Tensor, columns: Tensor, exact: Tensor) -> None:
        """Adds all pairs of some queries that may be among the smallest: query, reference and distance, each `(P,)`."""
        if self.others:
            keep = rows != columns
            rows, columns, exact = rows[keep], columns[keep], exact[keep]
        # By row, then by distance, then by index: stable sorts, the last key first.
        order = torch.argsort(exact, stable=True)
        order = order[torch.argsort(rows[order], stable=True)]
        rows, columns, exact = rows[order], columns[order], exact[order]
        first = torch.searchsorted(rows, rows)
        tied = exact <= exact[first] * (1 + TIE)
        own = torch.unique(rows)
        self.ties[own.numpy()] = torch.bincount(rows[tied], minlength=len(self.ties))[own].numpy()
        place = torch.arange(len(rows)) - first
        chosen = place < self.k
        at = rows[chosen].numpy(), place[chosen].numpy()
        self.distance[at], self.index[at] = exact[chosen].numpy(), columns[chosen].numpy()

    def found(self) -> Nearest:
        """Returns the nearest."""
        return Nearest(self.distance, self.index, self.ties)


@dataclass(frozen=True, eq=False)
class Euclidean(Distance):
    """Euclidean distances.

    Arguments:
        name: What is compared, in words.
        pool: The features of all samples, `(P, D)`, float32.
    """

    name: str
    pool: Tensor

    def nearest(self, queries: np.ndarray, references: np.ndarray, k: int = 1, *, others: bool = False) -> Nearest:
        a, b = self.pool[torch.from_numpy(queries)], self.pool[torch.from_numpy(references)]
        smallest = _Smallest(len(a), k, others)
        for start, squared, bound in _blocks(a, b):
            needed = min(k + others, len(b))
            kth = squared.amin(1) if needed == 1 else squared.kthvalue(needed, dim=1).values
            # Within the error of either of the two that are compared.
            candidates = squared - bound <= (kth + bound.amax(1))[:, None]
            if int(candidates.sum()) > MANY * candidates.numel() / a.shape[1]:
                smallest.add_block(start, _exact_block(a[start : start + len(squared)], b))
            else:
                rows, columns = candidates.nonzero(as_tuple=True)
                smallest.add_pairs(rows + start, columns, _exact(a, b, rows + start, columns))
        return smallest.found()

    def count_within(self, centres: np.ndarray, radius: np.ndarray, samples: np.ndarray) -> np.ndarray:
        a, b = self.pool[torch.from_numpy(centres)], self.pool[torch.from_numpy(samples)]
        limit, counts = torch.from_numpy(radius * (1 + TIE)), torch.zeros(len(a), dtype=torch.long)
        for start, squared, bound in _blocks(a, b):
            own = limit[start : start + len(squared)]
            squared_limit = (own**2).float()[:, None]
            surely = squared + bound < squared_limit * (1 - 1e-6)
            counts[start : start + len(squared)] = surely.sum(1)
            rows, columns = ((squared - bound <= squared_limit * (1 + 1e-6)) & ~surely).nonzero(as_tuple=True)
            inside = _exact(a, b, rows + start, columns) <= own[rows]
            counts += torch.bincount(rows[inside] + start, minlength=len(a))
        return counts.numpy()


def _blocks(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yields blocks of squared distances with a bound of their errors, and the first row of each."""
    centre = b.double().mean(0).float()  # small numbers have small errors
    b = b - centre
    norms, size = (b.double() ** 2).sum(1).float(), max(1, BLOCK_BYTES // (4 * max(len(b), 1)))
    # The error of a sum of D products, each within half a unit of the last place, and of centring: Higham, "Accuracy and
    # stability of numerical algorithms", 2002, section 3.1.
    unit = (a.shape[1] + 8) * torch.finfo(torch.float32).eps
    for start in range(0, len(a), size):
        rows = a[start : start + size] - centre
        own = (rows.double() ** 2).sum(1).float()[:, None]
        sums = own + norms
        yield start, torch.addmm(sums, rows, b.T, alpha=-2), unit * sums


def _exact(a: Tensor, b: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Returns the distances of pairs, float64."""
    size = max(1, PAIRS // max(a.shape[1], 1))
    parts = [
        ((a[i].double() - b[j].double()) ** 2).sum(1).sqrt()
        for i, j in zip(rows.split(size), columns.split(size), strict=True)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def _exact_block(a: Tensor, b: Tensor) -> Tensor:
    """Returns all distances, `(n, R)`, float64."""
    total = torch.zeros(len(a), len(b), dtype=torch.float64)
    for own, other in zip(a.double().T, b.double().T, strict=True):
        total += (own[:, None] - other) ** 2
    return total.sqrt()


@dataclass(frozen=True, eq=False)
class Gower(Distance):
    """Gower's distance of rows with numbers and categories.

    It is the mean over the columns of |a - b| / range for numbers, and of 0 for the same category or 1 for another one. A
    missing value is a category of its own. ("A general coefficient of similarity and some of its properties", 1971.)

    Arguments:
        name: What is compared, in words.
        numbers: The columns of numbers, `(P, A)`, float64, NaN where they are missing.
        categories: The columns of categories, as numbers, `(P, B)`, int64.
        ranges: The range of each column of numbers among the real samples, `(A,)`. Where it is 0, a number counts as equal or
            not.
    """

    name: str
    numbers: np.ndarray
    categories: np.ndarray
    ranges: np.ndarray

    def nearest(self, queries: np.ndarray, references: np.ndarray, k: int = 1, *, others: bool = False) -> Nearest:
        smallest = _Smallest(len(queries), k, others)
        for start, block in self._blocks(queries, references):
            smallest.add_block(start, block)
        return smallest.found()

    def count_within(self, centres: np.ndarray, radius: np.ndarray, samples: np.ndarray) -> np.ndarray:
        limit = torch.from_numpy(radius * (1 + TIE))
        counts = [
            (block <= limit[start : start + len(block), None]).sum(1) for start, block in self._blocks(centres, samples)
        ]
        return torch.cat(counts).numpy()

    def _blocks(self, a: np.ndarray, b: np.ndarray) -> Iterator[tuple[int, Tensor]]:
        size = max(1, BLOCK_BYTES // (8 * max(len(b), 1)))
        columns = self.numbers.shape[1] + self.categories.shape[1]
        for start in range(0, len(a), size):
            rows = a[start : start + size]
            total = np.zeros((len(rows), len(b)))
            for j, width in enumerate(self.ranges):
                total += _number_part(self.numbers[rows, j], self.numbers[b, j], width)
            for j in range(self.categories.shape[1]):
                total += self.categories[rows, j][:, None] != self.categories[b, j]
            yield start, torch.from_numpy(total / columns)


def _number_part(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    gaps_a, gaps_b = np.isnan(a)[:, None], np.isnan(b)
    part = np.abs(a[:, None] - b) / width if width > 0 else (a[:, None] != b).astype(float)
    return np.where(gaps_a | gaps_b, (gaps_a != gaps_b).astype(float), part) if gaps_a.any() or gaps_b.any() else part
