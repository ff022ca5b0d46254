"""Columns that only number the samples: they tell the label if the samples are sorted by it.

A `.csv` is read without them (see `csv_tables.read`). The columns of a frame or an array were chosen by the user, who expects
as many back: they are kept, and named in a warning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from vaeaug.runtime.errors import warn

NAMES = re.compile(r"id|index|unnamed: \d+(\.\d+)*|row|row[ _]?(id|number)|level_0", re.IGNORECASE)
FEWEST_ROWS = 4  # a column of fewer rows counts by chance
FEWEST_UNNAMED = 20  # the same for a column without a name: small arrays are often numpy.arange


def is_name(name: str) -> bool:
    """Returns whether columns of this name usually number the rows: `Id`, `index`, `Unnamed: 0` and the like."""
    return NAMES.fullmatch(name) is not None


def counts(values: np.ndarray) -> bool:
    """Returns whether a column, `(N,)`, holds each of N whole numbers in a row once, in any order."""
    if len(values) < FEWEST_ROWS or not (values == np.round(values)).all():
        return False
    low, high = int(values.min()), int(values.max())
    return high - low == len(values) - 1 and len(np.unique(values)) == len(values)


def warn_of_row_numbers(x: np.ndarray, columns: Sequence[str] = ()) -> None:
    """Warns of columns that number the samples, once for all.

    Arguments:
        x: The values, `(N, features)`.
        columns: The names of the columns; empty if they are unknown.
    """
    if columns:
        found = [repr(name) for i, name in enumerate(columns) if is_name(name) or counts(x[:, i])]
    elif len(x) >= FEWEST_UNNAMED:
        found = [f"{i} (from 0)" for i in range(x.shape[1]) if counts(x[:, i])]
    else:
        return
    if found and len(found) < x.shape[1]:
        names = ", ".join(found)
        remedy = "if it is no measurement, drop it"
        warn(f"column {names} of x seems to number the samples, which may tell the label; it is kept; {remedy}")
