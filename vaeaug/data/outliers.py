"""Warnings about values that hide all others: far values that set the range of the data, and numbers that float32 rounds.

Nothing here changes a value. Each function warns once, and names the column or the value.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vaeaug.runtime.errors import warn

FAR = 8.0  # a value farther from all others than so many times their span is far
FAR_OF_FEW = 50.0  # the same for few samples, whose span is small by chance, and for images in 0..1, which may be dark
FEW_SAMPLES = 20
FAR_PIXEL = 2.0  # the same for one value among all the pixels of a data set
LARGEST_SHARE = 0.3  # a value of more than this share of all values is no exception
TAIL = 0.001  # the share of pixels that may be far
CHECKED_PIXELS = 100_000
NAMED = 3  # columns that get a warning each; of more, as among the 1,000 features of a network, one warning counts them
ROUNDED = 0.01  # the share of a column's standard deviation that rounding to float32 may change
REMEDY = "if it marks missing values or is a fault, replace it or drop these samples"


def warn_of_far_values(x: Tensor, columns: Sequence[str] = ()) -> None:
    """Warns if one value, such as -9999 for missing data, lies far from all others.

    Arguments:
        x: The samples, `(N, features)`, `(N, C, T)` or `(N, C, H, W)`.
        columns: The names of the features.
    """
    if len(x) and x.ndim == 2:
        _warn_of_columns(x, columns)
    elif len(x):
        _warn_of_pixels(x)


def warn_of_rounding(exact: Tensor, rounded: Tensor, columns: Sequence[str]) -> None:
    """Warns of columns whose values float32 cannot tell apart, such as dates in seconds and IDs.

    Arguments:
        exact: The samples as they were passed, `(N, features)`.
        rounded: The samples as float32.
        columns: The names of the features.
    """
    if exact.dtype not in (torch.float64, torch.int64, torch.int32):
        return
    exact = exact.double().cpu()
    change = (exact - rounded.double()).abs().amax(0)
    for i in torch.nonzero(change > ROUNDED * exact.std(0, correction=0))[:, 0].tolist():
        low, high = float(exact[:, i].min()), float(exact[:, i].max())
        remedy = "subtract its smallest value, or leave the column out if it is an ID"
        warn(f"{column_name(i, columns)} has values from {low:.10g} to {high:.10g}, which float32 rounds; {remedy}")


def _warn_of_columns(x: Tensor, columns: Sequence[str]) -> None:
    low, high = x.amin(0), x.amax(0)
    second = torch.where(x > low, x, torch.inf).amin(0)
    second_last = torch.where(x < high, x, -torch.inf).amax(0)
    inner = second_last - second
    far = FAR if len(x) >= FEW_SAMPLES else FAR_OF_FEW
    # Infinite gaps, of constant columns, have an infinite or negative span beside them and never count.
    sides = ((low, second - low, high - second), (high, high - second_last, second_last - low))
    found = []
    for value, gap, rest in sides:
        span = torch.where(inner > 0, inner, rest)
        share = (x == value).float().mean(0)
        odd = (span > 0) & span.isfinite() & (gap > far * span) & (share <= LARGEST_SHARE)
        for i in torch.nonzero(odd)[:, 0].tolist():
            count = int((x[:, i] == value[i]).sum())
            found.append(f"{column_name(i, columns)}: the value {float(value[i]):g}, in {count} of {len(x)} samples")
    if len(found) > NAMED:
        first = f"{len(found)} columns have a value that lies far from all others and sets the scale of the column"
        warn(f"{first}; the first is {found[0]}; {REMEDY}")
        return
    for got in found:
        warn(f"{got}, lies far from all others and sets the scale of the column; {REMEDY}")


def _warn_of_pixels(x: Tensor) -> None:
    low, high = (float(v) for v in x.aminmax())
    unit = low >= 0 and high <= 1
    some = x.flatten()[:: max(1, x.numel() // CHECKED_PIXELS)]
    least, most = (float(v) for v in some.quantile(torch.tensor([TAIL, 1 - TAIL])))
    span, far = most - least, FAR_OF_FEW if unit else FAR
    for value, gap in ((low, least - low), (high, high - most)):
        # Most data are done with after some of their values.
        if (span > 0 and gap > far * span) or (
            not unit and _is_far_from_all(some[None], value) and _is_far_from_all(x, value)
        ):
            count = int((x == value).flatten(1).any(1).sum())
            got = f"the value {value:g}, in {count} of {len(x)} samples"
            kind = "images" if x.ndim == 4 else "signals"
            warn(f"{got}, lies far from almost all others and sets the range of the {kind}; {REMEDY}")


def _is_far_from_all(x: Tensor, value: float) -> bool:
    """Returns whether an extreme value is far from every other value of the data."""
    other_low, other_high, count = torch.inf, -torch.inf, 0
    for block in x.split(1024):  # so that no second copy of the data is made
        others = block[block != value]
        count += block.numel() - others.numel()
        if others.numel():
            low, high = (float(v) for v in others.aminmax())
            other_low, other_high = min(other_low, low), max(other_high, high)
    gap = max(other_low - value, value - other_high)
    return 0 < FAR_PIXEL * (other_high - other_low) < gap and count <= LARGEST_SHARE * x.numel()


def column_name(i: int, columns: Sequence[str]) -> str:
    """Returns how messages refer to a column: by its name, or by its number if it has none."""
    return f"column {columns[i]!r}" if i < len(columns) else f"column {i} (from 0)"
