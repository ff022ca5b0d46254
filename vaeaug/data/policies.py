"""Policies of torchvision, drawn per image: RandAugment, TrivialAugmentWide, random erasing and elastic deformation.

torchvision draws once per batch, and a Python loop over the images is slow. Here every image has draws of its own,
and the images with the same operation are transformed together, with torchvision's functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vaeaug.data.classical import Augmentation
from vaeaug.runtime import checks, modes, seeds

BINS = 31  # magnitudes, as in torchvision and the papers
SIGNED = ("shear x", "shear y", "translate x", "translate y", "rotate", "brightness", "color", "contrast", "sharpness")
OPERATIONS = ("identity", *SIGNED, "posterize", "solarize", "autocontrast", "equalize")

Magnitudes = dict[str, Tensor]  # of each operation, one per bin


@dataclass(frozen=True)
class RandAugment:
    """Applies random operations of one magnitude to every image (Cubuk et al., "RandAugment: practical automated data
    augmentation with a reduced search space", 2020, https://arxiv.org/abs/1909.13719).

    The operations and their ranges are torchvision's `v2.RandAugment`.

    Arguments:
        num_ops: The number of operations per image.
        magnitude: The magnitude of all of them, in 0..30. The default is torchvision's.
    """

    num_ops: int = 2
    magnitude: int = 9

    def __post_init__(self) -> None:
        checks.check_number("num_ops", self.num_ops, 1, whole=True)
        checks.check_number("magnitude", self.magnitude, 0, BINS - 1, whole=True)

    @modes.in_plain_modes
    def on(self, x: Tensor) -> Augmentation:
        """Returns the augmentation for images in the range of `x`, `(N, C, H, W)`."""
        height, width = _image_size(x)
        magnitudes = _magnitudes(0.3, 150 / 331 * width, 150 / 331 * height, 30, 0.9, 4)

        def augment(unit: Tensor, generator: torch.Generator) -> Tensor:
            for _ in range(self.num_ops):
                operation = torch.randint(len(OPERATIONS), (len(unit),), generator=generator)
                sign = 2 * torch.randint(2, (len(unit),), generator=generator) - 1
                unit = _apply(unit, operation, torch.full_like(operation, self.magnitude), sign, magnitudes)
            return unit

        return _in_unit_range(x, augment)


@dataclass(frozen=True)
class TrivialAugmentWide:
    """Applies one random operation of a random magnitude to every image (Müller and Hutter, "TrivialAugment: tuning-free
    yet state-of-the-art data augmentation", 2021, https://arxiv.org/abs/2103.10158).

    The operations and their ranges are torchvision's `v2.TrivialAugmentWide`.
    """

    @modes.in_plain_modes
    def on(self, x: Tensor) -> Augmentation:
        """Returns the augmentation for images in the range of `x`, `(N, C, H, W)`."""
        _image_size(x)
        magnitudes = _magnitudes(0.99, 32, 32, 135, 0.99, 6)

        def augment(unit: Tensor, generator: torch.Generator) -> Tensor:
            operation = torch.randint(len(OPERATIONS), (len(unit),), generator=generator)
            magnitude = torch.randint(BINS, (len(unit),), generator=generator)
            sign = 2 * torch.randint(2, (len(unit),), generator=generator) - 1
            return _apply(unit, operation, magnitude, sign, magnitudes)

        return _in_unit_range(x, augment)


@dataclass(frozen=True)
class RandomErasing:
    """Sets a random rectangle of some images to the minimum (Zhong et al., "Random erasing data augmentation", 2020,
    https://arxiv.org/abs/1708.04896).

    Arguments:
        p: The probability that an image is changed, in 0..1.
        scale: The smallest and the largest area of the rectangle, as a fraction of the image.
        ratio: The smallest and the largest ratio of its height to its width.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __post_init__(self) -> None:
        checks.check_number("p", self.p, 0, 1)
        for name, high in {"scale": 1.0, "ratio": float("inf")}.items():
            for value in getattr(self, name):
                checks.check_number(name, value, 0, high, above=True)

    @modes.in_plain_modes
    def on(self, x: Tensor) -> Augmentation:
        """Returns the augmentation for images in the range of `x`, `(N, C, H, W)`."""
        height, width = _image_size(x)
        low = x.min()

        def augment(batch: Tensor, seed: int) -> Tensor:
            u = torch.rand(5, len(batch), generator=seeds.generator(seed))
            area = height * width * (self.scale[0] + u[0] * (self.scale[1] - self.scale[0]))
            log_ratio = math.log(self.ratio[0]) + u[1] * math.log(self.ratio[1] / self.ratio[0])
            rectangle = (
                (area * log_ratio.exp()).sqrt().round().clamp(1, height),
                (area / log_ratio.exp()).sqrt().round().clamp(1, width),
            )
            inside = []
            for side, length, position in zip((height, width), rectangle, u[2:4], strict=True):
                start = (position * (side - length + 1)).floor()[:, None]
                index = torch.arange(side)
                inside.append((index >= start) & (index < start + length[:, None]))
            erased = inside[0][:, None, :, None] & inside[1][:, None, None, :] & (u[4] < self.p)[:, None, None, None]
            return torch.where(erased, low.to(batch), batch)

        return modes.in_plain_modes(augment)


@dataclass(frozen=True)
class Elastic:
    """Deforms every image by a smooth random field of displacements (Simard, Steinkraus and Platt, "Best practices for
    convolutional neural networks applied to visual document analysis", 2003).

    Arguments:
        alpha: The strength: the scale of the displacements, in pixels before smoothing, 0 or more.
        sigma: The standard deviation of the smoothing, in pixels, above 0.
    """

    alpha: float = 12.0
    sigma: float = 3.0

    def __post_init__(self) -> None:
        checks.check_number("alpha", self.alpha, 0)
        checks.check_number("sigma", self.sigma, 0, above=True)

    @modes.in_plain_modes
    def on(self, x: Tensor) -> Augmentation:
        """Returns the augmentation for images in the range of `x`, `(N, C, H, W)`."""
        height, width = _image_size(x)
        low = x.min()
        radius = max(1, round(3 * self.sigma))
        kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / self.sigma) ** 2)
        kernel = kernel / kernel.sum()
        identity = torch.eye(2, 3)[None]
        pixel = torch.tensor([2 / width, 2 / height]).view(1, 2, 1, 1)

        def augment(batch: Tensor, seed: int) -> Tensor:
            field = 2 * torch.rand(len(batch), 2, height, width, generator=seeds.generator(seed)) - 1
            for shape, padding in (((1, 1, 1, -1), (0, radius)), ((1, 1, -1, 1), (radius, 0))):
                weight = (
                    kernel.view(shape).expand(2, 1, -1, -1) if shape[3] == -1 else kernel.view(shape).repeat(2, 1, 1, 1)
                )
                field = functional.conv2d(field, weight, padding=padding, groups=2)
            displacement = (self.alpha * field * pixel).permute(0, 2, 3, 1)
            grid = functional.affine_grid(identity.expand(len(batch), -1, -1), list(batch.shape), align_corners=False)
            return low + functional.grid_sample(batch - low, grid + displacement, align_corners=False)

        return modes.in_plain_modes(augment)


def _image_size(x: Tensor) -> tuple[int, int]:
    if x.ndim != 4:
        checks.refuse("images (N, C, H, W)", f"shape {tuple(x.shape)}", "use Classical for tabular data")
    return x.shape[2], x.shape[3]


def _in_unit_range(x: Tensor, augment: Callable[[Tensor, torch.Generator], Tensor]) -> Augmentation:
    """Returns an augmentation of images in 0..1 for images in the range of `x`."""
    low, high = x.min(), x.max()
    gain = high - low if high > low else torch.ones(())
    return modes.in_plain_modes(
        lambda batch, seed: low + gain * augment(((batch - low) / gain).clamp(0, 1), seeds.generator(seed))
    )


def _magnitudes(shear: float, right: float, down: float, angle: float, factor: float, bits: int) -> Magnitudes:
    """Returns the magnitudes of each operation from its largest one; `bits` is how many bits posterizing may drop."""
    largest = dict(zip(SIGNED, (shear, shear, right, down, angle, factor, factor, factor, factor), strict=True))
    magnitudes = {name: torch.linspace(0, value, BINS) for name, value in largest.items()}
    posterize = (8 - torch.arange(BINS) / ((BINS - 1) / bits)).round()
    return magnitudes | {"posterize": posterize, "solarize": torch.linspace(1, 0, BINS)}


def _apply(x: Tensor, operation: Tensor, magnitude: Tensor, sign: Tensor, magnitudes: Magnitudes) -> Tensor:
    """Returns images in 0..1, each after its operation; images with the same one are transformed together."""
    settings = torch.stack([operation, magnitude, sign], 1)
    no_sign = torch.tensor([name not in SIGNED for name in OPERATIONS])[operation]
    settings[no_sign, 2] = 1
    no_magnitude = torch.tensor([name not in magnitudes for name in OPERATIONS])[operation]
    settings[no_magnitude, 1] = 0
    out = x.clone()
    distinct, group = settings.unique(dim=0, return_inverse=True)
    for number, (op, bin_, direction) in enumerate(distinct.tolist()):
        name = OPERATIONS[op]
        if name != "identity":
            index = torch.nonzero(group == number)[:, 0]
            value = float(magnitudes[name][bin_]) * direction if name in magnitudes else 0.0
            out[index] = _operations()[name](x[index], value)
    return out


def _affine(x: Tensor, value: float, *, shear: int | None = None, translate: int | None = None) -> Tensor:
    from torchvision.transforms.v2 import functional as F  # noqa: N812 (its usual name)

    shears, translations = [0.0, 0.0], [0, 0]
    if shear is not None:
        shears[shear] = math.degrees(math.atan(value))
    if translate is not None:
        translations[translate] = int(value)
    center = [0.0, 0.0] if shear is not None else None
    return F.affine(x, angle=0.0, translate=translations, scale=1.0, shear=shears, center=center)


def _operations() -> dict[str, Callable[[Tensor, float], Any]]:
    from torchvision.transforms.v2 import functional as F  # noqa: N812 (its usual name)

    return {
        "shear x": partial(_affine, shear=0),
        "shear y": partial(_affine, shear=1),
        "translate x": partial(_affine, translate=0),
        "translate y": partial(_affine, translate=1),
        "rotate": lambda x, value: F.rotate(x, angle=value),
        "brightness": lambda x, value: F.adjust_brightness(x, 1 + value),
        "color": lambda x, value: F.adjust_saturation(x, 1 + value),
        "contrast": lambda x, value: F.adjust_contrast(x, 1 + value),
        "sharpness": lambda x, value: F.adjust_sharpness(x, 1 + value),
        "posterize": lambda x, value: F.posterize(x, int(value)),
        "solarize": lambda x, value: F.solarize(x, value),
        "autocontrast": lambda x, value: F.autocontrast(x),
        "equalize": lambda x, value: F.equalize(x),
    }
