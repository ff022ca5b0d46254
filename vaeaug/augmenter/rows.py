"""From the sums of residual decoding to valid rows: categories drawn, numbers that were seen, missing cells kept."""

from __future__ import annotations

import torch
from torch import Tensor

from vaeaug.data.tables import Table
from vaeaug.data.tables.columns import nearest


def settle_(x: Tensor, parents: Tensor, table: Table, u: Tensor) -> Tensor:
    """Makes valid rows of sums x', in place, and returns them.

    A category is drawn with the probabilities max(x', 0), normalised over its levels. A number becomes the nearest value that
    was seen in its column, or its parent's: columns with many zeros keep them. A cell is missing where its parent's is.

    Arguments:
        x: The sums, `(B, D)`.
        parents: The rows that they start from, `(B, D)`.
        table: The schema.
        u: Uniform random numbers in 0..1, one for each column of categories, `(B, K)`.
    """
    layout = table.layout
    for i, (part, has_missing) in enumerate(layout.categories):
        _draw_level_(x[:, part], parents[:, part], has_missing, u[:, i].to(x.device))
    for feature, seen in zip(layout.numbers, table.observed, strict=True):
        _snap_(x[:, feature], parents[:, feature], seen.to(x.device))
    if layout.number_missing:
        flags = torch.tensor(layout.number_missing, device=x.device)
        x[:, flags] = parents[:, flags]
        x[:, flags - 1] = torch.where(parents[:, flags] > 0, parents[:, flags - 1], x[:, flags - 1])
    return x


def _draw_level_(x: Tensor, parents: Tensor, has_missing: bool, u: Tensor) -> None:
    weight = x.double().clamp(min=0)
    own = parents.argmax(1)
    if has_missing:
        weight[:, -1] = 0
    cumulative = weight.cumsum(1)
    total = cumulative[:, -1:]
    level = (cumulative <= u[:, None].double() * total).sum(1)
    # Nothing to draw from is left where the parent's level has lost all its weight to that of missing values.
    keeps = total[:, 0] <= 0
    if has_missing:
        keeps |= own == x.shape[1] - 1
    x.zero_().scatter_(1, torch.where(keeps, own, level)[:, None], 1.0)


def _snap_(x: Tensor, parents: Tensor, seen: Tensor) -> None:
    if not len(seen):
        x.copy_(parents)
        return
    snapped = seen[nearest(seen, x)]
    x.copy_(torch.where((x - parents).abs() <= (x - snapped).abs(), parents, snapped))


def uniform(table: Table, size: int, generator: torch.Generator) -> Tensor:
    """Returns the random numbers that `settle_` takes, for `size` rows."""
    return torch.rand(size, len(table.layout.categories), generator=generator)
