"""Architectures of encoder and decoder: shapes in, shapes out, no probability.

An architecture is a frozen value that builds a pair of modules: an encoder from `(B, *event)` to features `(B, F)`, and a
decoder from its inputs `(B, D)` to `(B, *event)`, unbounded.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from vaeaug.runtime import checks


class Architecture(ABC):
    """Abstract: builds encoder and decoder. Concrete architectures are frozen dataclasses."""

    @abstractmethod
    def build(self, event_shape: Sequence[int], decoder_inputs: int) -> tuple[nn.Module, int, nn.Module]:
        """Returns the encoder, the number of its features, and the decoder.

        Arguments:
            event_shape: The shape of one sample.
            decoder_inputs: The number D of inputs of the decoder: the latent dimension, plus the number of classes of a
                conditional VAE.
        """


@dataclass(frozen=True)
class MLP(Architecture):
    """Creates a fully connected encoder and a decoder that mirrors it.

    Arguments:
        hidden: The widths of the hidden layers, from the data inwards. `(512,)` with `latent_dim=2` is the article's network
            (docs/article.md).
    """

    hidden: tuple[int, ...] = (256, 128)

    def build(self, event_shape: Sequence[int], decoder_inputs: int) -> tuple[nn.Module, int, nn.Module]:
        size = math.prod(event_shape)
        encoder = nn.Sequential(nn.Flatten(), *_dense((size, *self.hidden)))
        decoder = nn.Sequential(
            *_dense((decoder_inputs, *self.hidden[::-1])),
            nn.Linear(self.hidden[0], size),
            nn.Unflatten(1, tuple(event_shape)),
        )
        return encoder, self.hidden[-1], decoder


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    pairs = zip(widths, widths[1:], strict=False)
    return [module for a, b in pairs for module in (nn.Linear(a, b), nn.ReLU())]


@dataclass(frozen=True)
class Conv(Architecture):
    """Creates a convolutional encoder and decoder for images of any height and width from 8 up.

    Each level halves the sides (rounding up) until the shorter one is at most 7. The first two levels (on small images the
    first) are one step: patches become channels, and all convolutions run on the resulting small grid. The decoder
    upsamples by pixel shuffle (Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", 2016, https://arxiv.org/abs/1609.05158), which computes the same function family
    as a transposed convolution but runs as a plain one, and crops the padding. docs/speed.md has the timings.

    Arguments:
        width: The channels of the first level; each further one has twice as many, up to 4 times.
    """

    width: int = 32

    def build(self, event_shape: Sequence[int], decoder_inputs: int) -> tuple[nn.Module, int, nn.Module]:
        if len(event_shape) != 3:
            checks.refuse(
                "an event shape (C, H, W) for a Conv", tuple(event_shape), "use architecture='mlp' for tabular data"
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

        up: list[nn.Module] = [nn.Linear(decoder_inputs, features), nn.ReLU(), _Grid(rows, columns)]
        for a, b in zip(widths[::-1], widths[-2::-1], strict=False):
            up += [nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
        up += [nn.Conv2d(widths[0], channels * patch**2, 3, padding=1), nn.PixelShuffle(patch), _Crop(height, width)]
        return nn.Sequential(*down, _Flat()), features, nn.Sequential(*up)


@dataclass(frozen=True)
class Conv1d(Architecture):
    """Creates a convolutional encoder and decoder for signals `(C, T)` of any length from 8 up.

    It is `Conv` along one axis: each level halves the length (rounding up) until it is at most 7, the first two levels are
    one step, and the decoder upsamples by pixel shuffle and crops the padding.

    Arguments:
        width: The channels of the first level; each further one has twice as many, up to 4 times.
    """

    width: int = 32

    def build(self, event_shape: Sequence[int], decoder_inputs: int) -> tuple[nn.Module, int, nn.Module]:
        if len(event_shape) != 2:
            remedy = "use architecture='conv' for images and 'mlp' for tabular data"
            checks.refuse("an event shape (C, T) for a Conv1d", tuple(event_shape), remedy)
        channels, length = event_shape
        levels = 1
        while math.ceil(length / 2**levels) > 7:
            levels += 1
        merged = min(levels, 2)
        patch = 2**merged
        widths = [self.width * min(2**i, 4) for i in range(merged - 1, levels)]
        points = math.ceil(length / 2**levels)
        features = widths[-1] * points

        down: list[nn.Module] = [_PadTo1d(points * 2**levels), _Unshuffle1d(patch)]
        down += [nn.Conv1d(channels * patch, widths[0], 5, padding=2), nn.ReLU()]
        for a, b in zip(widths, widths[1:], strict=False):
            down += [nn.Conv1d(a, b, 4, stride=2, padding=1), nn.ReLU()]

        up: list[nn.Module] = [nn.Linear(decoder_inputs, features), nn.ReLU(), nn.Unflatten(1, (widths[-1], points))]
        for a, b in zip(widths[::-1], widths[-2::-1], strict=False):
            up += [nn.Conv1d(a, 2 * b, 3, padding=1), _Shuffle1d(2), nn.ReLU()]
        up += [nn.Conv1d(widths[0], channels * patch, 5, padding=2), _Shuffle1d(patch), _Crop1d(length)]
        return nn.Sequential(*down, nn.Flatten()), features, nn.Sequential(*up)


class _Flat(nn.Module):
    """Flattens with the channels last, which is their order in memory, so nothing is copied."""

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
        right, bottom = self.columns - x.shape[3], self.rows - x.shape[2]
        return nn.functional.pad(x, (0, right, 0, bottom), mode="replicate") if right or bottom else x


class _Crop(nn.Module):
    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : self.height, : self.width]


class _PadTo1d(nn.Module):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        right = self.length - x.shape[2]
        return nn.functional.pad(x, (0, right), mode="replicate") if right else x


class _Crop1d(nn.Module):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : self.length]


class _Unshuffle1d(nn.Module):
    """Makes channels of `patch` points that follow each other."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (-1, self.patch)).transpose(2, 3).flatten(1, 2)


class _Shuffle1d(nn.Module):
    """The inverse of `_Unshuffle1d`."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.patch)).transpose(2, 3).flatten(2, 3)


ARCHITECTURES: dict[str, type[Architecture]] = {"conv": Conv, "conv1d": Conv1d, "mlp": MLP}
