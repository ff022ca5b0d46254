"""Maps samples between the range of a loader and the range of the data seen at fit."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaeaug.runtime import checks


class Range(ABC):
    """Abstract: maps samples `(B, *event)` between the loader's range and the range seen at fit."""

    @abstractmethod
    def denormalize(self, x: Tensor) -> Tensor:
        """Returns samples in the range seen at fit."""

    @abstractmethod
    def normalize(self, x: Tensor) -> Tensor:
        """Returns samples in the loader's range."""


@dataclass(frozen=True, eq=False)
class Affine(Range):
    """The range of `torchvision.transforms.v2.Normalize(mean, std)`: x = (u - mean) / std, for u in the range seen at fit.

    Arguments:
        mean, std: One number each, or one per channel (tabular data: per feature).
        event_shape: The shape of one sample.
    """

    mean: Any
    std: Any
    event_shape: Sequence[int]

    def __post_init__(self) -> None:
        self._vector("mean")
        if not (self._vector("std") > 0).all():
            checks.refuse("standard deviations above 0 in normalize", repr(self.std), "pass those of v2.Normalize")

    def denormalize(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            dtype = str(x.dtype).removeprefix("torch.")
            checks.refuse(
                "normalized images as floats", dtype, "leave normalize out for images that are not normalized"
            )
        return x * self._vector("std").to(x) + self._vector("mean").to(x)

    def normalize(self, x: Tensor) -> Tensor:
        return (x - self._vector("mean").to(x)) / self._vector("std").to(x)

    def _vector(self, name: str) -> Tensor:
        value, channels = getattr(self, name), self.event_shape[0]
        try:
            vector = torch.as_tensor(value, dtype=torch.float64).flatten()
        except (TypeError, ValueError, RuntimeError):
            vector = torch.tensor([math.nan])
        if len(vector) not in (1, channels) or not vector.isfinite().all():
            remedy = "pass what v2.Normalize was given"
            checks.refuse(f"{name} in normalize to be a number or {channels} numbers", repr(value), remedy)
        return vector.view(-1, *[1] * (len(self.event_shape) - 1))


@dataclass(frozen=True, eq=False)
class CustomRange(Range):
    """A pair of functions, each from samples `(B, *event)` to samples `(B, *event)`.

    Arguments:
        to_fit: The function to the range seen at fit.
        from_fit: Its inverse.
    """

    to_fit: Callable[[Tensor], Tensor]
    from_fit: Callable[[Tensor], Tensor]

    def denormalize(self, x: Tensor) -> Tensor:
        return _check_shape(self.to_fit(x), x)

    def normalize(self, x: Tensor) -> Tensor:
        return _check_shape(self.from_fit(x), x)


def as_range(normalize: Any, event_shape: Sequence[int]) -> Range | None:
    """Returns the range that a user's `normalize` describes; None stays None.

    Arguments:
        normalize: None, `(mean, std)`, or a pair of functions (to the range seen at fit, and back).
        event_shape: The shape of one sample.

    Raises:
        InputError: If `normalize` is anything else.
    """
    if normalize is None:
        return None
    if isinstance(normalize, tuple | list) and len(normalize) == 2:
        a, b = normalize
        if callable(a) and callable(b):
            return CustomRange(a, b)
        if not callable(a) and not callable(b):
            return Affine(a, b, tuple(event_shape))
    expected = "normalize to be (mean, std) or a pair of functions (to the range seen at fit, back)"
    checks.refuse(expected, repr(normalize), "for example ((0.5,), (0.5,))")


def _check_shape(out: Any, x: Tensor) -> Tensor:
    if not isinstance(out, Tensor) or out.shape != x.shape:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        remedy = "pass functions that map a batch elementwise"
        checks.refuse(f"the functions of normalize to preserve the shape {tuple(x.shape)}", got, remedy)
    return out
