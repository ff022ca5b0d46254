"""The scaling of samples: from the data's own range to the one a VAE trains in, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeaug.data.outliers import warn_of_far_values
from vaeaug.runtime import checks

CONSTANT = 1e-6  # float32 cannot tell whether a smaller relative standard deviation is one
SMALLEST_GAIN = 1e-30


@dataclass(frozen=True)
class Scaling:
    """Maps the data's own range to the one a VAE trains in, and back: `x = offset + gain * u`.

    Images map to 0..1 with one offset and gain for all pixels; images that already lie in 0..1 stay exactly the same. Tabular
    data maps to mean 0 and standard deviation 1 per feature, and signals per channel; a constant one keeps gain 1.

    Arguments:
        offset, gain: One number, or one per feature or channel.
        low, high: The range of the data: one number each, or one per feature or channel.

    Raises:
        InputError: If a number is NaN or infinite, or a gain is not above 0.
    """

    offset: tuple[float, ...] = (0.0,)
    gain: tuple[float, ...] = (1.0,)
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if not all(map(math.isfinite, values)) or (name == "gain" and min(values, default=0) <= 0):
                wanted = "finite numbers above 0" if name == "gain" else "finite numbers"
                checks.refuse(f"{wanted} as {name} of a Scaling", values[:5], "fit it to data: Scaling.fit(x)")

    def tensor(self, name: str, event_shape: Sequence[int]) -> Tensor:
        """Returns `offset`, `gain`, `low` or `high` as a tensor that broadcasts against samples, `(B, *event)`.

        One number is a scalar; numbers of features are `(features,)`, those of channels `(C, 1)`.
        """
        values = getattr(self, name)
        tensor = torch.tensor(values if len(values) > 1 else values[0], dtype=torch.float32)
        return tensor[:, None] if tensor.ndim and len(event_shape) == 2 else tensor

    @property
    def is_unit(self) -> bool:
        """Whether the data are images that already lie in 0..1."""
        return self == Scaling()

    @classmethod
    def fit(cls, x: Tensor, columns: Sequence[str] = ()) -> Scaling:
        """Creates the scaling of training samples.

        A value that lies far from all others, and so sets the scale alone, is named in a warning.

        Arguments:
            x: The samples, `(N, *event)`.
            columns: The names of the features, for the warning.
        """
        warn_of_far_values(x, columns)
        if x.ndim == 4:
            return cls.from_range(float(x.min()), float(x.max()))
        x = x.transpose(1, 2).flatten(0, 1) if x.ndim == 3 else x  # of signals, the points of each channel
        mean, stddev, low, high = x.mean(0), x.std(0, correction=0), x.amin(0), x.amax(0)
        # In float32, the moments of seconds since 1970, of an hour, and of values near the largest float are wrong.
        odd = ~_is_plain(mean, stddev, low, high) & (low < high)
        if odd.any():
            exact = x[:, odd].double()
            mean[odd], stddev[odd] = exact.mean(0).float(), exact.std(0, correction=0).float()
        return cls.from_moments(mean, stddev, low, high)

    @classmethod
    def from_range(cls, low: float, high: float) -> Scaling:
        """Creates the scaling of images from the smallest and the largest value of all pixels."""
        if low >= 0.0 and high <= 1.0:
            return cls()
        return cls((low,), ((high - low) or 1.0,), (low,), (high,))

    @classmethod
    def from_moments(cls, mean: Tensor, stddev: Tensor, low: Tensor, high: Tensor) -> Scaling:
        """Creates the scaling of tabular data from the moments and the range of every feature, each `(features,)`.

        The moments of a feature whose standard deviation is small beside its values have to be computed in float64.
        """
        varies = _is_plain(mean, stddev, low, high) | (low < high)
        gain = torch.where(varies, stddev.clamp(min=SMALLEST_GAIN), 1.0)
        return cls(*(tuple(v.tolist()) for v in (mean, gain, low, high)))


def _is_plain(mean: Tensor, stddev: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Returns for which features float32 gives the moments rightly."""
    largest = torch.maximum(low.abs(), high.abs())
    return (stddev > CONSTANT * largest.clamp(min=1e-6)) & stddev.isfinite() & mean.isfinite()
