"""The precision of a user's models: their own, whatever it is, with samples and codes in float32 around them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from vaeaug.models.training import dtype_of
from vaeaug.runtime import checks


class Float32Buffers(nn.Module):
    """Abstract: a module whose own buffers stay float32 when its weights change their dtype.

    They hold the range of the data, which half precision would round, or overflow, for good.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            after = self._buffers[name]
            if buffer is not None and after is not None and after.dtype != buffer.dtype:
                self._buffers[name] = buffer.to(after.device)
        return self


def at_least_float32(x: Tensor) -> Tensor:
    """Returns float64 as it is, and everything else as float32."""
    return x if x.dtype == torch.float64 else x.float()


def is_finite(x: Tensor) -> bool:
    """Returns whether all values are finite."""
    # Their sum is forty times as fast as a look at each, and is finite only if they all are; it may overflow if they are.
    return math.isfinite(float(x.sum())) or bool(torch.isfinite(x).all())


def check_finite_output(what: str, x: Tensor, model: Any) -> None:
    """Checks what a user's model has computed.

    Arguments:
        what: What gave it, for the message.
        x: The values, `(B, ...)`.
        model: The model.

    Raises:
        InputError: If any value is NaN or infinite.
    """
    if not is_finite(x):
        _refuse_not_finite(what, x, dtype_of(model))


def _refuse_not_finite(what: str, x: Tensor, dtype: torch.dtype) -> NoReturn:
    count = int((~torch.isfinite(x)).flatten(1).any(1).sum())
    name = str(dtype).removeprefix("torch.")
    remedy = "look for NaN in its weights, or for inputs far from those that it was trained on"
    if dtype.itemsize < 4:
        remedy = f"{name} overflows or rounds: convert its weights with .float()"
    checks.refuse(f"finite numbers from {what}", f"NaN or infinity in {count} of {len(x)} samples in {name}", remedy)
