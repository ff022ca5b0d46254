"""Classical augmentation: flips, shifts, rotations, zooms and cutouts of images, warps of signals, jitter of tables."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeaug.data.signal_moves import SignalMoves
from vaeaug.runtime import checks, modes, seeds

Augmentation = Callable[[Tensor, int], Tensor]  # samples `(B, *event)` and a seed -> augmented samples


@dataclass(frozen=True)
class Classical:
    """Random affine transforms of images, one per image, the default `SignalMoves` of signals, and Gaussian jitter of tabular
    data.

    Images are resampled bilinearly and padded with the minimum of the training set. torchvision's transforms draw one
    transform per batch; here every image of a batch gets its own.

    Arguments:
        flip: Whether images are mirrored left to right, with probability 1/2.
        shift: The largest shift, as a fraction of the side, in 0..1.
        rotate: The largest rotation, in degrees, in 0..180.
        zoom: The largest change of size, as a fraction, in 0..0.9.
        cutout: The side of a square that is set to the minimum, as a fraction of the image's side, in 0..1. Its centre is
            uniform over the image (DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552).
        jitter: The standard deviation of the noise on tabular data, in standard deviations of each feature.

    Raises:
        InputError: If a number is out of its range.

    Example:
        >>> x = torch.rand(100, 1, 8, 8)
        >>> augment = Classical(shift=0.1, rotate=15).on(x)
        >>> augment(x[:64], seed=0).shape
        torch.Size([64, 1, 8, 8])
    """

    flip: bool = False
    shift: float = 0.07
    rotate: float = 0.0
    zoom: float = 0.0
    cutout: float = 0.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        for name, high in {"shift": 1, "rotate": 180, "zoom": 0.9, "cutout": 1, "jitter": math.inf}.items():
            checks.check_number(name, getattr(self, name), 0, high)

    @modes.in_plain_modes
    def on(self, x: Tensor) -> Augmentation:
        """Returns a function from a batch and a seed to the augmented batch.

        Arguments:
            x: The training samples, `(N, *event)`, whose minimum or standard deviations the augmentation uses.
        """
        if x.ndim == 2:
            stddev = self.jitter * x.std(0, correction=0)
            return modes.in_plain_modes(
                lambda batch, seed: batch + stddev * torch.randn(batch.shape, generator=seeds.generator(seed))
            )
        if x.ndim == 3:
            return SignalMoves().on(x)
        low = x.min()

        def augment(batch: Tensor, seed: int) -> Tensor:
            generator = seeds.generator(seed)
            return low + self._cutout(self._affine(batch - low, generator), generator)

        return modes.in_plain_modes(augment)

    def _affine(self, x: Tensor, generator: torch.Generator) -> Tensor:
        height, width = x.shape[2:]
        u = 2 * torch.rand(5, len(x), generator=generator) - 1
        angle, size = u[0] * math.radians(self.rotate), 1 + self.zoom * u[1]
        mirror = torch.where(u[2] > 0, -1.0, 1.0) if self.flip else torch.ones(len(x))
        # Shifts by whole pixels, which do not blur.
        right, down = ((u[3 + i] * self.shift * side).round() * 2 / side for i, side in enumerate((width, height)))
        theta = torch.stack(
            [
                torch.stack([mirror * angle.cos() / size, -angle.sin() / size * height / width, right], 1),
                torch.stack([mirror * angle.sin() / size * width / height, angle.cos() / size, down], 1),
            ],
            1,
        )
        grid = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
        return torch.nn.functional.grid_sample(x, grid, align_corners=False)

    def _cutout(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if not self.cutout:
            return x
        in_square = []
        for side in x.shape[2:]:
            size = max(1, round(self.cutout * side))
            start = torch.randint(side, (len(x), 1), generator=generator) - size // 2
            position = torch.arange(side)
            in_square.append((position >= start) & (position < start + size))
        rows, columns = in_square
        return x * ~(rows[:, None, :, None] & columns[:, None, None, :])
