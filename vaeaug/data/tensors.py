"""Samples of any kind as one tensor: tensors, arrays, data frames, images, and lists of these."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data import frames, images
from vaeaug.data.columns import listed
from vaeaug.runtime import checks


def unit_float(x: Tensor) -> Tensor:
    """Returns samples as float32; uint8 images, but not tabular data, are divided by 255. It is not for signals."""
    return x.float() / 255 if x.dtype == torch.uint8 and x.ndim > 2 else x.float()


def as_tensor(name: str, value: Any, columns: Sequence[str] = ()) -> Tensor:
    """Returns samples as a tensor.

    Arguments:
        name: The name of the samples in messages.
        value: A tensor, an array, a data frame, a nested list of numbers, or a list of tensors, arrays or PIL images, which
            are stacked.
        columns: The names of the features that a data frame must have, if they are known; they are read in this order.

    Raises:
        InputError: If the samples are not numbers, differ in shape, or have missing values.
    """
    value = listed(value)
    if isinstance(value, Tensor):
        return _dense(name, value)
    x = images.from_pil(value)
    if x is not None:
        return x
    if frames.is_frame(value):
        return torch.from_numpy(frames.read(name, value, columns).x)
    if isinstance(value, list | tuple) and any(map(_is_odd, value)):
        return stack(name, value)
    if hasattr(value, "toarray"):
        checks.refuse(f"{name} as a dense array", f"a sparse {type(value).__name__}", f"pass {name}.toarray()")
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        indexable = hasattr(value, "__getitem__") and not isinstance(value, str)
        remedy = (
            "pass samples and labels separately, each as a tensor or an array" if indexable else "pass one of these"
        )
        checks.refuse(f"{name} as a tensor, an array or a list of samples", type(value).__name__, remedy)
    try:
        array = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
    except ValueError:
        checks.refuse(f"samples of one shape in {name}", "samples of several shapes", "resize or convert them")
    return torch.as_tensor(_numbers(name, array))


def _is_odd(sample: Any) -> bool:
    """Returns whether numpy would read a sample in a list only in part, or not at all."""
    return isinstance(sample, Tensor | np.ma.MaskedArray) or hasattr(sample, "toarray")


def stack(name: str, samples: Sequence[Any]) -> Tensor:
    """Stacks samples, each a tensor, an array, a PIL image or a list of numbers.

    Raises:
        InputError: If a sample is not made of numbers, or if they differ in shape.
    """
    # Not torch.stack: some PIL images may be grey and others coloured, or have 16 bits.
    x = images.from_pil(samples)
    if x is not None:
        return x
    tensors = [images.image_to_tensor(s) if images.is_pil_image(s) else as_tensor(name, s) for s in samples]
    shapes = sorted({tuple(t.shape) for t in tensors})
    if len(shapes) > 1:
        remedy = "resize them, or pass samples and labels separately"
        checks.refuse(f"samples of one shape in {name}", f"{shapes[0]} and {shapes[1]}", remedy)
    return torch.stack(tensors)


def _dense(name: str, x: Tensor) -> Tensor:
    """Returns a tensor of real numbers, without its gradient."""
    if x.layout != torch.strided or x.is_nested:
        checks.refuse(f"{name} as a dense tensor", f"a sparse or nested one ({x.layout})", f"pass {name}.to_dense()")
    if x.is_complex():
        _refuse_complex(name, x.dtype)
    if x.is_quantized:
        checks.refuse(f"numbers in {name}", f"dtype {x.dtype}", f"pass {name}.dequantize()")
    if x.is_meta:
        checks.refuse(f"numbers in {name}", "a tensor on the device 'meta', which has no values", "pass a real tensor")
    return x.detach() if x.requires_grad else x


def _numbers(name: str, array: np.ndarray) -> np.ndarray:
    """Returns an array of real numbers, in the order and the types that torch knows."""
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.is_masked(array):
            got = f"{np.ma.count_masked(array)} masked values"
            checks.refuse(f"values that are all there in {name}", got, "drop or impute them first")
        array = np.ma.getdata(array)
    if array.dtype.kind == "O":
        array = _from_objects(name, array)
    if array.dtype.kind == "c":
        _refuse_complex(name, array.dtype)
    if array.dtype.kind not in "uifb":
        checks.refuse(f"numbers in {name}", f"dtype {array.dtype}", "encode words and objects as numbers first")
    # torch has no arithmetic for uint16 to uint64, no long doubles and no foreign byte order.
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and size > 1:
        array = array.astype(np.float64 if array.size and array.max() >= 2**63 else np.int64)
    if kind == "f" and size > 8:
        array = array.astype(np.float64)
    # Read-only memory, as that of a pandas frame, is copied, because torch warns about it.
    return np.require(array, dtype=array.dtype.newbyteorder("="), requirements=["C", "W"])


def _from_objects(name: str, array: np.ndarray) -> np.ndarray:
    flat = array.ravel().tolist()
    if any(isinstance(v, list | tuple | np.ndarray) for v in flat):
        checks.refuse(f"samples of one shape in {name}", "samples of several shapes", "resize or convert them")
    if not all(isinstance(v, Real) for v in flat):
        return array
    try:
        return array.astype(np.float64)
    except OverflowError:
        return array


def _refuse_complex(name: str, dtype: Any) -> None:
    remedy = f"pass its parts as two channels or columns, {name}.real and {name}.imag, or {name}.abs()"
    checks.refuse(f"real numbers in {name}", f"dtype {str(dtype).removeprefix('torch.')}", remedy)
