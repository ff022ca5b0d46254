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


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest samples.

    Arguments:
        distance: The distances to the k nearest, from the nearest on, `(N, k)`, float64.
        index: Their indices, `(N, k)`; of equally near ones the first comes first.
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

    def _smallest(self, size: int, parts: Iterator[tuple[Tensor, Tensor, Tensor]], k: int, others: bool) -> Nearest:
        distance, index, ties = np.full((size, k), np.inf), np.zeros((size, k), dtype=np.int64), np.ones(size, np.int64)
        for rows, columns, exact in parts:
            if others:
                keep = rows != columns
                rows, columns, exact = rows[keep], columns[keep], exact[keep]
            # By row, then by distance, then by index: three stable sorts, the last key first.
            order = torch.argsort(exact, stable=True)
            order = order[torch.argsort(rows[order], stable=True)]
            rows, columns, exact = rows[order], columns[order], exact[order]
            first = torch.searchsorted(rows, rows)
            place = torch.arange(len(rows)) - first
            smallest = exact[first]
            tied = exact <= smallest * (1 + TIE)
            own = torch.unique(rows)
            ties[own.numpy()] = torch.bincount(rows[tied], minlength=size)[own].numpy()
            chosen = place < k
            at = rows[chosen].numpy(), place[chosen].numpy()
            distance[at], index[at] = exact[chosen].numpy(), columns[chosen].numpy()
        return Nearest(distance, index, ties)


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
        return self._smallest(len(a), self._candidates(a, b, k + others), k, others)

    def _candidates(self, a: Tensor, b: Tensor, k: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yields the pairs that may be among the k nearest of their rows, with their exact distances, a block at a time."""
        for start, squared, bound in _blocks(a, b):
            kth = squared.amin(1) if k == 1 else squared.kthvalue(min(k, len(b)), dim=1).values
            # Within the error of either of the two that are compared.
            rows, columns = (squared - bound <= (kth + bound.amax(1))[:, None]).nonzero(as_tuple=True)
            yield rows + start, columns, _exact(a, b, rows + start, columns)

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


@dataclass(frozen=True, eq=False)
class Gower(Distance):
    """Gower's distance of rows with numbers and categories.

    It is the mean over the columns of |a - b| / range for numbers, and of 0
    for the same category or 1 for another one. A missing value is a category of its own. ("A general coefficient of
    similarity and some of its properties", 1971.)

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
        return self._smallest(len(queries), self._candidates(queries, references, k + others), k, others)

    def _candidates(self, a: np.ndarray, b: np.ndarray, k: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start, block in self._blocks(a, b):
            kth = block.kthvalue(min(k, block.shape[1]), dim=1).values
            rows, columns = (block <= (kth * (1 + TIE))[:, None]).nonzero(as_tuple=True)
            yield rows + start, columns, block[rows, columns]

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
