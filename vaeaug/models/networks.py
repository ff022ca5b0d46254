"""Encoder and decoder bodies: shapes in, shapes out, no probability.

A body is a frozen value that builds a pair of modules: an encoder from `(B, *event)` to features `(B, F)`, and a
decoder from codes `(B, D)` to `(B, *event)`, unbounded.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from vaeaug.runtime import checks


class Architecture(ABC):
    """Abstract: builds the two halves of an autoencoder. Concrete ones are frozen dataclasses."""

    @abstractmethod
    def build(self, event_shape: Sequence[int], codes: int) -> tuple[nn.Module, int, nn.Module]:
        """Returns the encoder, the number of its features, and the decoder.

        Arguments:
            event_shape: The shape of one sample.
            codes: The number of inputs of the decoder (latent numbers, and one per class when conditional).
        """


@dataclass(frozen=True)
class MLP(Architecture):
    """Creates fully connected halves, mirror images of each other.

    Arguments:
        hidden: The widths of the hidden layers, from the data inwards. `(512,)` with `latent=2` is the article's network.
    """

    hidden: tuple[int, ...] = (256, 128)

    def build(self, event_shape: Sequence[int], codes: int) -> tuple[nn.Module, int, nn.Module]:
        size = math.prod(event_shape)
        encoder = nn.Sequential(nn.Flatten(), *_dense((size, *self.hidden)))
        decoder = nn.Sequential(
            *_dense((codes, *self.hidden[::-1])), nn.Linear(self.hidden[0], size), nn.Unflatten(1, tuple(event_shape))
        )
        return encoder, self.hidden[-1], decoder


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    pairs = zip(widths, widths[1:], strict=False)
    return [module for a, b in pairs for module in (nn.Linear(a, b), nn.ReLU())]


@dataclass(frozen=True)
class Conv(Architecture):
    """Creates convolutional halves for images of any height and width from 8 up.

    Each level halves the sides (rounding up) until the shorter one is at most 7. The first two levels (on small images the
    first) are one step: patches become channels, and all convolutions run on the small grid that is left. The decoder
    goes back up by pixel shuffle (Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", 2016, arXiv 1609.05158), which computes the same function family as a
    transposed convolution but runs as a plain one, and crops what the rounding added. docs/speed.md has the times.

    Arguments:
        width: The channels of the first level; each further one has twice as many, up to 4 times.
    """

    width: int = 32

    def build(self, event_shape: Sequence[int], codes: int) -> tuple[nn.Module, int, nn.Module]:
        if len(event_shape) != 3:
            checks.refuse(
                "an event shape (C, H, W) for a Conv body", tuple(event_shape), "use architecture='mlp' for rows"
            )
        channels, height, width = event_shape
        levels = 1
        while math.ceil(min(height, width) / 2**levels) > 7:
            levels += 1
        merged = min(levels, 2)
        patch = 2**merged
        widths = [self.width * min(2**i, 4) for i in range(merged - 1, levels)]
        rows, columns = (math.ceil(side / 2**levels) for side in (height, width))
        features = widths[-1] * rows * columns

        down: list[nn.Module] = [_PadTo(rows * 2**levels, columns * 2**levels), nn.PixelUnshuffle(patch)]
        down += [nn.Conv2d(channels * patch**2, widths[0], 3, padding=1), nn.ReLU()]
        for a, b in zip(widths, widths[1:], strict=False):
            down += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.ReLU()]

        up: list[nn.Module] = [nn.Linear(codes, features), nn.ReLU(), _Grid(rows, columns)]
        for a, b in zip(widths[::-1], widths[-2::-1], strict=False):
            up += [nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
        up += [nn.Conv2d(widths[0], channels * patch**2, 3, padding=1), nn.PixelShuffle(patch), _Crop(height, width)]
        return nn.Sequential(*down, _Flat()), features, nn.Sequential(*up)


class _Flat(nn.Module):
    """Flattens with the channels last, which is their order in memory: no copy."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class _Grid(nn.Module):
    """The inverse of `_Flat`."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.rows, self.columns, -1)).permute(0, 3, 1, 2)


class _PadTo(nn.Module):
    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, x: Tensor) -> Tensor:
        right, below = self.columns - x.shape[3], self.rows - x.shape[2]
        return nn.functional.pad(x, (0, right, 0, below), mode="replicate") if right or below else x


class _Crop(nn.Module):
    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : self.height, : self.width]


ARCHITECTURES: dict[str, type[Architecture]] = {"conv": Conv, "mlp": MLP}
