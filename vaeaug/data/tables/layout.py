"""The layout of an encoded table: which features of a sample belong to which column, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Literal

import torch
from torch import Tensor

from vaeaug.runtime import schema


@dataclass(frozen=True)
class Block:
    """The features of one column.

    Arguments:
        kind: `number`: its scaled value and, if the column has missing values, a second feature that is 1 where the value is
            missing and 0 elsewhere; the value is 0 where it is missing. `category`: one-hot, and a last level for missing
            values if the column has any.
        size: The number of features.
        has_missing: Whether the column has missing values.
    """

    kind: Literal["number", "category"]
    size: Annotated[int, schema.Between(1, 2**20)]
    has_missing: bool = False


@dataclass(frozen=True)
class Layout:
    """The blocks of all columns, one after the other.

    Arguments:
        blocks: The blocks, in the order of the columns.
    """

    blocks: tuple[Block, ...]

    @property
    def width(self) -> int:
        """The number of features of a sample."""
        return sum(block.size for block in self.blocks)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """The features of each column."""
        stops = accumulate(block.size for block in self.blocks)
        return tuple(slice(stop - block.size, stop) for block, stop in zip(self.blocks, stops, strict=True))

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The feature with the value of each column of numbers."""
        return tuple(part.start for _, part in self._parts("number"))

    @cached_property
    def number_missing(self) -> tuple[int, ...]:
        """For each column of numbers with missing values: the feature that says where. In the order of the columns."""
        return tuple(part.start + 1 for block, part in self._parts("number") if block.has_missing)

    @cached_property
    def categories(self) -> tuple[tuple[slice, bool], ...]:
        """For each column of categories: its features, and whether the last of them stands for missing values."""
        return tuple((part, block.has_missing) for block, part in self._parts("category"))

    def observed(self, x: Tensor) -> Tensor:
        """Returns 0 for the values of numbers that are missing, and 1 for all other features.

        Arguments:
            x: Encoded rows, `(B, D)`.
        """
        mask = torch.ones_like(x)
        if self.number_missing:
            flags = torch.tensor(self.number_missing, device=x.device)
            mask[:, flags - 1] = 1 - x[:, flags]
        return mask

    def feature_names(self, columns: Sequence[str], levels: Sequence[Sequence[str]]) -> tuple[str, ...]:
        """Returns a name for each feature.

        Arguments:
            columns: The names of the columns.
            levels: The names of the levels of each column; none for numbers.
        """
        names: list[str] = []
        for block, column, of_column in zip(self.blocks, columns, levels, strict=True):
            own = [f"{column}={level}" for level in of_column] if block.kind == "category" else [column]
            names += [*own, *([f"{column} is missing"] if block.has_missing else [])]
        return tuple(names)

    def _parts(self, kind: str) -> list[tuple[Block, slice]]:
        return [(b, part) for b, part in zip(self.blocks, self.slices, strict=True) if b.kind == kind]
