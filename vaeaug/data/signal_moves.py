"""Classical augmentation of signals: jitter, scaling, and warps of the magnitude and of the time.

They are own code, because tsaug, which has them, is no longer kept, and other libraries bring a whole toolkit of time series.
Every signal of a batch gets moves of its own, and all are drawn at once.

References: Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using convolutional
neural networks", 2017, https://arxiv.org/abs/1706.00527 (jitter, scaling, magnitude warp, time warp); Le Guennec, Malinowski
and Tavenard, "Data augmentation for time series classification using convolutional neural networks", 2016,
https://shs.hal.science/halshs-01357973 (window warping). Iwana and Uchida, "An empirical survey of data augmentation for time
series classification with neural networks", 2021, https://doi.org/10.1371/journal.pone.0254841, compare them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeaug.runtime import checks, modes, seeds

SPEEDS = (0.5, 2.0)  # at which a window is played, as in the reference


@dataclass(frozen=True)
class SignalMoves:
    """Random moves of signals `(B, C, T)`; with the defaults, a weak time warp alone.

    It was best of them on the sets that chose the defaults (`benchmarks/signals.py --develop`), and is judged on others in
    docs/signals.md.

    Arguments:
        jitter: The standard deviation of noise on every point, in standard deviations of each channel; Um et al. use 0.05.
        scaling: The standard deviation of a factor around 1 for each channel; Um et al. use 0.1.
        magnitude_warp: The standard deviation of a factor around 1 that changes smoothly along the signal; Um et al. use 0.2.
        time_warp: The standard deviation of the logarithm of a speed that changes smoothly along the signal.
        window_warp: The length of a window that is played at half or double speed, as a fraction of the signal, in 0..0.9; Le
            Guennec et al. use 0.1. The signal keeps its length.
        knots: The number of random values that smooth changes run through, 2 or more.

    Raises:
        InputError: If a number is out of its range.

    Example:
        >>> x = torch.randn(100, 3, 150)
        >>> augment = SignalMoves(jitter=0.05).on(x)
        >>> augment(x[:64], seed=0).shape
        torch.Size([64, 3, 150])
    """

    jitter: float = 0.0
    scaling: float = 0.0
    magnitude_warp: float = 0.0
    time_warp: float = 0.1
    window_warp: float = 0.0
    knots: int = 6

    def __post_init__(self) -> None:
        for name in ("jitter", "scaling", "magnitude_warp", "time_warp", "window_warp"):
            checks.check_number(name, getattr(self, name), 0, 0.9 if name == "window_warp" else math.inf)
        checks.check_number("knots", self.knots, 2, whole=True)

    @modes.in_plain_modes
    def on(self, x: Tensor) -> Callable[[Tensor, int], Tensor]:
        """Returns a function from a batch and a seed to the augmented batch.

        Arguments:
            x: The training signals, `(N, C, T)`, whose standard deviations the jitter uses.
        """
        if x.ndim != 3:
            checks.refuse("signals (N, C, T)", f"shape {tuple(x.shape)}", "use Classical for images and tables")
        stddev = x.std((0, 2), correction=0)[:, None]

        def augment(batch: Tensor, seed: int) -> Tensor:
            generator = seeds.generator(seed)
            factor = self._factor(batch, generator)
            batch = _sample_at(batch, self._positions(len(batch), batch.shape[2], generator))
            batch = batch if factor is None else batch * factor
            if self.jitter:
                batch = batch + self.jitter * stddev * torch.randn(batch.shape, generator=generator)
            return batch

        return modes.in_plain_modes(augment)

    def _factor(self, x: Tensor, generator: torch.Generator) -> Tensor | None:
        """Returns what the values are multiplied by, broadcastable to `(B, C, T)`; None for nothing."""
        size, channels, length = x.shape
        factor = None
        if self.scaling:
            factor = 1 + self.scaling * torch.randn(size, channels, 1, generator=generator)
        if self.magnitude_warp:
            curve = 1 + self.magnitude_warp * self._curve(size, length, generator)[:, None]
            factor = curve if factor is None else factor * curve
        return factor

    def _positions(self, size: int, length: int, generator: torch.Generator) -> Tensor | None:
        """Returns for every point of the warped signals where it lies in the original ones, `(B, T)`; None for unwarped."""
        positions = torch.arange(length, dtype=torch.float32).expand(size, length)
        if self.time_warp:
            speed = (self.time_warp * self._curve(size, length, generator)).exp()
            travelled = torch.cat([torch.zeros(size, 1), speed[:, 1:].cumsum(1)], 1)
            positions = travelled / travelled[:, -1:] * (length - 1)
        if self.window_warp:
            positions = self._play_window(positions, length, generator)
        return positions if self.time_warp or self.window_warp else None

    def _play_window(self, positions: Tensor, length: int, generator: torch.Generator) -> Tensor:
        size = len(positions)
        window = self.window_warp * (length - 1)
        start = torch.rand(size, 1, generator=generator) * (length - 1 - window)
        speed = torch.tensor(SPEEDS)[torch.randint(len(SPEEDS), (size, 1), generator=generator)]
        played = window / speed  # the window's length after the warp
        v = positions * (length - 1 - window + played) / (length - 1)
        inside = start + (v - start) * speed
        return torch.where(v < start, v, torch.where(v < start + played, inside, v - played + window))

    def _curve(self, size: int, length: int, generator: torch.Generator) -> Tensor:
        """Returns smooth random curves with standard deviation 1 at their knots, `(B, T)`."""
        knots = torch.randn(size, 1, 1, self.knots, generator=generator)
        curve = torch.nn.functional.interpolate(knots, (1, length), mode="bicubic", align_corners=True)
        return curve[:, 0, 0]


def _sample_at(x: Tensor, positions: Tensor | None) -> Tensor:
    """Returns signals `(B, C, T)` at positions between their points, `(B, T)`, by linear interpolation."""
    if positions is None:
        return x
    last = x.shape[2] - 1
    left = positions.floor().clamp(0, last - 1)
    share = (positions - left).clamp(0, 1)[:, None].to(x)
    index = left.long()[:, None].expand_as(x)
    return x.gather(2, index) * (1 - share) + x.gather(2, index + 1) * share
