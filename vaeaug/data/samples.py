"""Labelled samples in one form, and the scaling of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data import images
from vaeaug.runtime import checks

SMALLEST_SIDE = 8  # pixels


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled samples.

    Arguments:
        x: The samples, `(N, C, H, W)` or `(N, features)`, float32, in the data's own range.
        y: The labels, `(N,)`, int64 in 0..K-1.
        names: The class names; by default the numbers.
        files: The file of each sample; empty if the samples were not read from files.
        columns: The names of the features and, last, of the label; empty if they are unknown.
    """

    x: Tensor
    y: Tensor
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            num_classes = int(self.y.max()) + 1 if len(self.y) else 0
            object.__setattr__(self, "names", tuple(map(str, range(num_classes))))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Any) -> Samples:
        files = tuple(self.files[i] for i in torch.arange(len(self))[index].tolist()) if self.files else ()
        return replace(self, x=self.x[index], y=self.y[index], files=files)

    def copy(self) -> Samples:
        """Returns the samples with copies of the tensors."""
        return replace(self, x=self.x.clone(), y=self.y.clone())

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.x.shape[1:])

    @property
    def counts(self) -> list[int]:
        """The number of samples of each class."""
        return torch.bincount(self.y, minlength=len(self.names)).tolist()


@dataclass(frozen=True)
class Scaling:
    """Maps the data's own range to the one a VAE trains in, and back: `x = offset + gain * u`.

    Images map to 0..1 with one offset and gain for all pixels; images that already lie in 0..1 stay exactly the same. Tabular
    data maps to mean 0 and standard deviation 1 per feature; a constant feature keeps gain 1.

    Arguments:
        offset, gain: One number, or one per feature.
        low, high: The range of the data: one number each, or one per feature.
    """

    offset: tuple[float, ...] = (0.0,)
    gain: tuple[float, ...] = (1.0,)
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    @property
    def is_unit(self) -> bool:
        """Whether the data are images that already lie in 0..1."""
        return self == Scaling()

    @classmethod
    def fit(cls, x: Tensor) -> Scaling:
        """Creates the scaling of training samples, `(N, *event)`."""
        if x.ndim > 2:
            low, high = float(x.min()), float(x.max())
            if low >= 0.0 and high <= 1.0:
                return cls()
            return cls((low,), ((high - low) or 1.0,), (low,), (high,))
        return cls.from_moments(x.mean(0), x.std(0, correction=0), x.amin(0), x.amax(0))

    @classmethod
    def from_moments(cls, mean: Tensor, stddev: Tensor, low: Tensor, high: Tensor) -> Scaling:
        """Creates the scaling of tabular data from the moments and the range of every feature, each `(features,)`."""
        largest = torch.maximum(low.abs(), high.abs())
        gain = torch.where(stddev > 1e-6 * largest.clamp(min=1e-6), stddev, 1.0)
        return cls(*(tuple(v.tolist()) for v in (mean, gain, low, high)))


def unit_float(x: Tensor) -> Tensor:
    """Returns samples as float32; uint8 images, but not tabular data, are divided by 255."""
    return x.float() / 255 if x.dtype == torch.uint8 and x.ndim > 2 else x.float()


def as_tensor(name: str, value: Any) -> Tensor:
    """Returns samples as a tensor.

    Arguments:
        name: The name of the samples in messages.
        value: A tensor, an array, a nested list of numbers, or a list of tensors, arrays or PIL images, which are stacked.

    Raises:
        InputError: If the samples are not numbers, or differ in shape.
    """
    if isinstance(value, Tensor):
        return value
    x = images.from_pil(value)
    if x is not None:
        return x
    if isinstance(value, list | tuple) and any(isinstance(sample, Tensor) for sample in value):
        return _stack_tensors(name, value)
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        indexable = hasattr(value, "__getitem__") and not isinstance(value, str)
        remedy = (
            "pass samples and labels separately, each as a tensor or an array" if indexable else "pass one of these"
        )
        checks.refuse(f"{name} as a tensor, an array or a list of samples", type(value).__name__, remedy)
    try:
        array = np.asarray(value)
    except ValueError:
        checks.refuse(f"samples of one shape in {name}", "samples of several shapes", "resize or convert them")
    if array.dtype.kind not in "uifb":
        checks.refuse(f"numbers in {name}", f"dtype {array.dtype}", "encode words and objects as numbers first")
    # Read-only memory, as that of a pandas frame, is copied, because torch warns about it.
    return torch.as_tensor(np.require(array, requirements=["C", "W"]))


def _stack_tensors(name: str, samples: Sequence[Any]) -> Tensor:
    tensors = [torch.as_tensor(sample) for sample in samples]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        got = " and ".join(str(shape) for shape in sorted(shapes)[:2])
        checks.refuse(f"samples of one shape in {name}", got, "resize them, or pass samples and labels separately")
    return torch.stack(tensors)


def from_arrays(x: Any, y: Any, names: Sequence[str] = ()) -> Samples:
    """Creates `Samples` from arrays or tensors.

    Arguments:
        x: Numbers of shape `(N, features)`, `(N, H, W)` or `(N, C, H, W)`, or a list of PIL images; uint8 images are
            divided by 255.
        y: The labels, `(N,)`: whole numbers from 0, or class names if `names` are passed.
        names: The class names; by default the numbers.

    Raises:
        InputError: If there are no samples, if a shape or a label is not valid, or if a value is NaN or infinite.
    """
    x = as_tensor("x", x)
    y = checks.check_labels(y, names=tuple(map(str, names)))
    if len(x) != len(y):
        checks.refuse("as many samples as labels", f"{len(x)} samples and {len(y)} labels", "check how they were read")
    if len(x) == 0:
        checks.refuse("at least one sample", "none", "pass data that is not empty")
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim not in (2, 4):
        shapes = "tabular data (N, features), grey images (N, H, W) or images (N, C, H, W)"
        checks.refuse(shapes, f"shape {tuple(x.shape)}", "reshape x")
    if x.ndim == 4:
        if x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4):
            checks.refuse("images (N, C, H, W)", f"shape {tuple(x.shape)}", "use x.transpose(0, 3, 1, 2)")
        if min(x.shape[2:]) < SMALLEST_SIDE:
            smallest = f"images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
            checks.refuse(smallest, f"{x.shape[2]}x{x.shape[3]}", "resize them, or flatten them to (N, features)")
    checks.check_finite("x", x)
    if x.dtype == torch.uint8 and x.ndim > 2 and x.max() == 1:
        checks.refuse("uint8 images in 0..255", "values of 0 and 1 alone", "pass floats in 0..1, or 255 times x")
    x = unit_float(x).cpu()
    # A finite float64 may overflow in float32.
    checks.check_finite("x as float32", x)
    return Samples(x, y.cpu(), tuple(map(str, names)))
