"""The values of synthetic samples as they are written: whole numbers, truth values and decimals like those at fit."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from vaeaug.data.csv_columns import MOST_DECIMALS
from vaeaug.data.samples import Samples

FLOAT_DIGITS = 9  # a float32 has no more that mean anything
FEW_DECIMALS = 4  # so many are always written, even after many digits in front of them


def dtype_of(samples: Samples) -> str:
    """Returns the dtype for an array of samples like these: that of the array at fit, or of a file of whole numbers."""
    if not samples.decimals or any(samples.decimals) or len(samples.integer_columns) < samples.x.shape[1]:
        return samples.dtype
    return "bool" if samples.boolean_columns == samples.integer_columns else "int64"


def confidence_text(confidence: float) -> str:
    """Returns a confidence as text; empty where nothing judged the sample."""
    return "" if math.isnan(confidence) else f"{confidence:.4f}"


def as_dtype(x: Tensor, dtype: str) -> np.ndarray:
    """Returns synthetic samples `(B, *event)` as an array of a dtype of `dtype_of`; floats if that is empty."""
    array = x.numpy()
    if not dtype or not x.is_floating_point():
        return array
    array = np.rint(array * 255.0 if dtype == "uint8" and x.ndim == 4 else array)
    if dtype == "bool":
        return array > 0
    # Rounding to float32 may have increased the largest number, and that of 64 bits is no float64 either.
    limits = np.iinfo(dtype)
    high = np.nextafter(float(limits.max), 0) if limits.bits == 64 else limits.max
    return np.clip(array.astype(np.float64), limits.min, high).astype(dtype)


def formats_of(samples: Samples) -> tuple[Callable[[float], str], ...]:
    """Returns for every feature of tabular samples how its values are written."""
    booleans, integers = set(samples.boolean_columns), set(samples.integer_columns)
    decimals = samples.decimals or tuple(0 if i in integers else MOST_DECIMALS for i in range(samples.x.shape[1]))
    return tuple(_truth if i in booleans else _format(n, whole=i in integers) for i, n in enumerate(decimals))


def _format(decimals: int, *, whole: bool) -> Callable[[float], str]:
    """Returns how to write numbers with so many decimals, but not more digits than float32 knows."""
    if whole or decimals <= FEW_DECIMALS:
        # round() may give -0, and adding 0 makes it 0.
        return lambda value: f"{round(value, decimals) + 0.0:.{decimals}f}"

    def write(value: float) -> str:
        text = f"{round(value, decimals) + 0.0:.{decimals}f}"
        digits = len(text.replace(".", "").lstrip("-0"))
        return text if decimals < MOST_DECIMALS and digits <= FLOAT_DIGITS else f"{value:.{FLOAT_DIGITS}g}"

    return write


def _truth(value: float) -> str:
    return str(value > 0.5)
