"""Labelled samples in one form, their range, and the small or lopsided parts of them that a benchmark trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.data import images
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream

SMALLEST_SIDE = 8


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled samples.

    Arguments:
        x: The samples, `(N, C, H, W)` or `(N, features)`, float32, in the data's own range.
        y: The labels, `(N,)`, int64 in 0..K-1.
        names: The class names; by default the numbers.
        files: The file that each sample was read from, where they are known.
        columns: The names of the features and, last, of the label, where they are known.
    """

    x: Tensor
    y: Tensor
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            classes = int(self.y.max()) + 1 if len(self.y) else 0
            object.__setattr__(self, "names", tuple(map(str, range(classes))))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Any) -> Samples:
        files = tuple(self.files[i] for i in torch.arange(len(self))[index].tolist()) if self.files else ()
        return replace(self, x=self.x[index], y=self.y[index], files=files)

    def copy(self) -> Samples:
        return replace(self, x=self.x.clone(), y=self.y.clone())

    @property
    def event_shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @property
    def counts(self) -> list[int]:
        """The number of samples of each class."""
        return torch.bincount(self.y, minlength=len(self.names)).tolist()


@dataclass(frozen=True)
class Scaling:
    """Maps the data's own range to the one a VAE trains in, and back: `x = offset + gain * u`.

    Images map to 0..1 as a whole, rows to mean 0 and standard deviation 1 feature by feature (a constant feature keeps
    gain 1). Images that already lie in 0..1 are left as they are, to the last bit.

    Arguments:
        offset, gain: One number, or one per feature.
        low, high: The range seen in the data: one number each, or one per feature.
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
        """Fits to the training samples, `(N, *event)`, and to nothing else."""
        if x.ndim > 2:
            low, high = float(x.min()), float(x.max())
            if low >= 0.0 and high <= 1.0:
                return cls()
            return cls((low,), ((high - low) or 1.0,), (low,), (high,))
        gain = x.std(0, correction=0)
        gain = torch.where(gain > 1e-6 * x.abs().amax(0).clamp(min=1e-6), gain, 1.0)
        return cls(*(tuple(v.tolist()) for v in (x.mean(0), gain, x.amin(0), x.amax(0))))


def unit_float(x: Tensor) -> Tensor:
    """Returns samples as float32; uint8 images, but not rows, are divided by 255."""
    return x.float() / 255 if x.dtype == torch.uint8 and x.ndim > 2 else x.float()


def as_tensor(name: str, value: Any) -> Tensor:
    """Returns samples as a tensor, or refuses them.

    Arguments:
        name: What messages call them.
        value: A tensor; an array or what becomes one; or a list of tensors, arrays or PIL images, which are stacked.
    """
    if isinstance(value, Tensor):
        return value
    found = images.as_pictures(value)
    if found is not None:
        return found
    if isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value):
        return _stacked(name, value)
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        apart = hasattr(value, "__getitem__") and not isinstance(value, str)
        remedy = "pass samples and labels apart, each as a tensor or an array" if apart else "pass one of these"
        checks.refuse(f"{name} as a tensor, an array or a list of samples", type(value).__name__, remedy)
    try:
        array = np.asarray(value)
    except ValueError:
        checks.refuse(f"samples of one shape in {name}", "samples of several shapes", "resize or convert them")
    if array.dtype.kind not in "uifb":
        checks.refuse(f"numbers in {name}", f"dtype {array.dtype}", "encode words and objects as numbers first")
    # A copy where the memory may not be written, as that of a pandas frame: torch warns of it.
    return torch.as_tensor(np.require(array, requirements=["C", "W"]))


def _stacked(name: str, parts: Sequence[Any]) -> Tensor:
    tensors = [torch.as_tensor(part) for part in parts]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        got = " and ".join(str(shape) for shape in sorted(shapes)[:2])
        checks.refuse(f"samples of one shape in {name}", got, "resize them, or pass samples and labels apart")
    return torch.stack(tensors)


def from_arrays(x: Any, y: Any, names: Sequence[str] = ()) -> Samples:
    """Brings arrays or tensors into the one form, or refuses them.

    Arguments:
        x: `(N, features)`, `(N, H, W)` or `(N, C, H, W)`, numbers, or a list of PIL images; uint8 images are divided by
            255.
        y: `(N,)`, whole numbers from 0.
        names: The class names; by default the numbers.
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
        shapes = "rows (N, features), grey images (N, H, W) or images (N, C, H, W)"
        checks.refuse(shapes, f"shape {tuple(x.shape)}", "reshape x")
    if x.ndim == 4:
        if x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4):
            checks.refuse("images (N, C, H, W)", f"shape {tuple(x.shape)}", "use x.transpose(0, 3, 1, 2)")
        if min(x.shape[2:]) < SMALLEST_SIDE:
            smallest = f"images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
            checks.refuse(smallest, f"{x.shape[2]}x{x.shape[3]}", "resize them, or pass them as rows")
    checks.check_finite("x", x)
    if x.dtype == torch.uint8 and x.ndim > 2 and x.max() == 1:
        checks.refuse("uint8 images in 0..255", "values of 0 and 1 alone", "pass floats in 0..1, or 255 times x")
    x = unit_float(x).cpu()
    # What was finite may have overflowed in float32.
    checks.check_finite("x as float32", x)
    return Samples(x, y.cpu(), tuple(map(str, names)))


def split(samples: Samples, test: float = 0.5, seed: int = 0) -> tuple[Samples, Samples]:
    """Splits into a training and a test part, class by class.

    Arguments:
        samples: What to split.
        test: The share of the test part, in (0, 1).
        seed: The same seed gives the same parts.
    """
    checks.check_number("test", test, 0, 1, above=True)
    test_counts = [max(1, round(test * count)) if count else 0 for count in samples.counts]
    chosen = torch.zeros(len(samples), dtype=torch.bool)
    chosen[_draw(samples, test_counts, seed)] = True
    return samples[~chosen], samples[chosen]


def subset(samples: Samples, per_class: int | Sequence[int], seed: int = 0) -> Samples:
    """Draws a small or lopsided training set: the benchmark's regimes.

    Arguments:
        samples: Where to draw from.
        per_class: The number of samples of every class, or a list with one count per class.
        seed: A smaller count under the same seed draws a part of what a larger one draws.

    Raises:
        InputError: If a class has fewer samples than asked for.
    """
    classes = len(samples.names)
    counts = [per_class] * classes if isinstance(per_class, int) else list(per_class)
    if len(counts) != classes:
        checks.refuse(f"one count or {classes} counts", f"{len(counts)} counts", "give one count per class")
    for label, (wanted, there) in enumerate(zip(counts, samples.counts, strict=True)):
        checks.check_number("per_class", wanted, 1, whole=True)
        if wanted > there:
            called = checks.describe_class(label, samples.names)
            checks.refuse(f"at least {wanted} samples of {called}", there, "ask for fewer samples per class")
    return samples[_draw(samples, counts, seed)]


def _draw(samples: Samples, counts: Sequence[int], seed: int) -> Tensor:
    places = []
    for label, count in enumerate(counts):
        of_class = torch.nonzero(samples.y == label)[:, 0]
        places.append(
            of_class[torch.randperm(len(of_class), generator=seeds.generator(seed, Stream.SUBSET, label))[:count]]
        )
    return torch.cat(places)
