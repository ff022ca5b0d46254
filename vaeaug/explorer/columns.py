"""What the page knows of the columns of tabular data: their names, kinds and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data.samples import Samples
from vaeaug.data.tables.columns import CategoryColumn, NumberColumn
from vaeaug.data.tables.table import Table

FEWEST_POINTS = 16  # of a row that is drawn as a curve unless its columns have names


def describe(samples: Samples, arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Returns the columns of tabular samples; the values that occur in a mixed table's columns of numbers become an array.

    Only values and levels that occur among these samples are named: a page without real samples has no other ones.

    Arguments:
        samples: The samples of the page.
        arrays: Where the array `seen` is put.
    """
    if samples.table is not None:
        return _of_table(samples.table, samples.x, arrays)
    width = samples.x.shape[1]
    names = samples.columns[:-1] or tuple(f"feature {i}" for i in range(width))
    decimals = samples.decimals or (-1,) * width
    return [
        {
            "name": names[i],
            "kind": "number",
            "feature": i,
            "decimals": decimals[i],
            "is_integer": i in samples.integer_columns,
            "is_boolean": i in samples.boolean_columns,
        }
        for i in range(width)
    ]


def axis(samples: Samples) -> list[float] | None:
    """Returns where the points of samples that are curves lie: the numbers that name their columns, or 0, 1, ...

    None for images, for tables whose columns have names, and for rows of few numbers.
    """
    x = samples.x
    if x.ndim == 3:
        return list(map(float, range(x.shape[2])))
    if x.ndim != 2 or samples.table is not None or x.shape[1] < FEWEST_POINTS:
        return None
    names = samples.columns[:-1]
    try:
        points = [float(name) for name in names] or list(map(float, range(x.shape[1])))
    except ValueError:
        return None
    increasing = all(a < b for a, b in zip(points, points[1:], strict=False))
    return points if increasing and np.isfinite(points).all() else None


def _of_table(table: Table, x: Tensor, arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    columns, seen, start = [], [], 0
    for column, part in zip(table.columns, table.layout.slices, strict=True):
        values = x[:, part]
        entry: dict[str, Any] = {"name": column.name, "feature": part.start, "has_missing": column.has_missing}
        if isinstance(column, NumberColumn):
            present = values[:, 1] == 0 if column.has_missing else torch.ones(len(x), dtype=torch.bool)
            scaled = values[present, 0].unique()
            features = torch.stack([scaled, torch.zeros_like(scaled)], 1)[:, : column.block.size]
            texts = list(map(str, column.decode(features.numpy())[0].tolist()))
            entry |= {"kind": "number", "start": start, "texts": texts}
            seen.append(scaled)
            start += len(scaled)
        elif isinstance(column, CategoryColumn):
            occurs = (values.sum(0) > 0).tolist()
            levels = [str(level) if occurs[i] else "(another)" for i, level in enumerate(column.levels)]
            entry |= {"kind": "category", "size": column.block.size, "levels": levels}
        columns.append(entry)
    arrays["seen"] = torch.cat(seen).numpy() if seen else np.zeros(0, dtype=np.float32)
    return columns
