"""The range of the data's values: what is refused because it lies outside, and what is clipped to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vaeaug.data.outliers import FEW_SAMPLES, column_name
from vaeaug.data.samples import Samples, Scaling
from vaeaug.perturb.column_scale import ENOUGH, NARROW, SCALED, ColumnScale
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn

ROUNDING = 1e-3  # by how much images of a known range may exceed it without a warning, as a fraction of it
OVERSHOOT = (
    0.25  # the same with one: bicubic resizing overshoots by up to 0.25 for noise of 0 and 1, by 0.17 for digits
)
SLACK_IMAGES = 1  # the same for images of another range, which is only known from the data
SLACK_FEATURES = 10  # the same for tabular data
SLACK_OF_FEW = 50  # the same if there are fewer than `FEW_SAMPLES`, whose range is small by chance
KNOWN = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))  # ranges of images that end there
RAISED = (
    0.1  # images whose darkest values lie higher than those at fit by this fraction of the range are in another range
)
RAISED_FEW = 0.25  # the same for fewer than `ENOUGH` images
REMEDY = "scale them like the data seen at fit, or pass normalize=(mean, std) to a plugin"


class ValueRange:
    """The range of values of the real samples.

    Arguments:
        x: The samples, `(N, *event)`.
        scaling: Fitted to the samples; `low` and `high` are the bounds, one number each or one per feature or channel.
        device: The device where samples are clipped.
        columns: The names of the features, for messages.
    """

    def __init__(self, x: Tensor, scaling: Scaling, device: torch.device, columns: Sequence[str] = ()) -> None:
        self._x, self._scaling, self._columns = x, scaling, columns
        self.low, self.high = (scaling.tensor(name, x.shape[1:]).to(device) for name in ("low", "high"))
        self._is_one = not self.low.ndim  # whether all values have one range
        self._warned = False

    @classmethod
    def of(cls, samples: Samples) -> ValueRange:
        """Returns the range of samples on the CPU."""
        x = samples.x
        if x.ndim == 4:
            scaling = Scaling.from_range(float(x.min()), float(x.max()))
        else:
            axes = (0, 2) if x.ndim == 3 else 0
            scaling = Scaling(low=tuple(x.amin(axes).tolist()), high=tuple(x.amax(axes).tolist()))
        return cls(x, scaling, x.device, samples.columns[:-1])

    def checked(self, x: Tensor) -> tuple[Tensor, bool]:
        """Returns a user's samples, and whether all values lie in the range of the data.

        Images that exceed a known range a little, as after bicubic resizing, are clipped to it, with one warning.

        Arguments:
            x: The samples, `(B, *event)`, float32 on the CPU.

        Raises:
            InputError: If a value is not finite or far outside, or the samples lie in another scaling.
        """
        in_range = self._in_range(x)
        if not in_range:
            checks.check_finite("near", x)
            self._check_far(x)
        self.check_scale(x)
        if not in_range and self._is_known:
            clipped = x.clamp(self._scaling.low[0], self._scaling.high[0])
            if float((x - clipped).abs().max()) > ROUNDING * self._width:
                self._warn_of_overshoot(x)
                return clipped, True
        return x, in_range

    def check_pool(self, x: Tensor) -> None:
        """Refuses unlabelled samples in another scaling. In tables they may have a far wider range than a few labelled ones.

        Raises:
            InputError: If they look rescaled, or images are far outside the range.
        """
        if x.ndim == 4:
            self._check_far(x, "unlabelled samples")
        self.check_scale(x, "unlabelled samples")

    def check_scale(self, x: Tensor, name: str = "samples") -> None:
        """Refuses samples in another scaling, such as standardised ones beside others, wherever that can be told.

        Dark and constant images are not refused: whole numbers, and values that vary no less than in some real sample.

        Arguments:
            x: The samples, `(B, *event)`, float32 on the CPU.
            name: What they are called in the message.

        Raises:
            InputError: If the samples look rescaled.
        """
        self._check_spread(x, name)
        other = self._column_scale.other_columns(x) if x.ndim == 2 else []
        if other:
            self._refuse_columns(x, other, name)

    def _check_spread(self, x: Tensor, name: str) -> None:
        """Refuses samples of which each varies too little for the range of the data, or is never as low."""
        low, high = min(self._scaling.low), max(self._scaling.high)
        if high - low < NARROW and low >= 0:
            return
        x_low, x_high = (float(v) for v in x.aminmax())
        in_unit_range = x_low >= 0 and x_high <= 1
        may_be_scaled = in_unit_range or (x.ndim > 2 and x_low >= -SCALED and x_high <= SCALED)
        if not may_be_scaled or torch.equal(x, x.round()):
            return
        spread = float(_spread(x).max())
        varies_less = (
            high - low >= NARROW and 0 < spread < (high - low) / NARROW and spread < 0.9 * self._smallest_spread
        )
        if varies_less or (x.ndim == 4 and in_unit_range and self._is_raised(x)):
            how = (
                ", which vary less than in any sample seen at fit" if varies_less else ", none of them as low as at fit"
            )
            example = " (for example near * 255)" if in_unit_range and (low, high) == (0, 255) else ""
            checks.refuse(
                f"{name} in the range of the data, {low:g} to {high:g}",
                f"values from {x_low:g} to {x_high:g}{how}",
                REMEDY.replace(" fit,", f" fit{example},"),
            )

    def clip_to_range_(self, x: Tensor, parents: Tensor | None) -> Tensor:
        """Clips samples to the range, in place.

        Arguments:
            x: Synthetic samples, `(B, *event)`.
            parents: Their parents, if some of these exceed the range: it is widened to include each parent's own values.
        """
        if parents is None and self._is_one:
            return x.clamp_(self._scaling.low[0], self._scaling.high[0])
        low, high = self._bounds(x.device)
        if parents is None:
            return x.clamp_(low, high)
        return x.clamp_(torch.minimum(low, parents), torch.maximum(high, parents))

    def _in_range(self, x: Tensor) -> bool:
        """Returns whether all values lie in the range, which also means that they are finite."""
        if self._is_one:
            low, high = (bound.item() for bound in x.aminmax())
            return self._scaling.low[0] <= low and high <= self._scaling.high[0]
        low_per_feature, high_per_feature = self._bounds(x.device)
        return bool(((x >= low_per_feature) & (x <= high_per_feature)).all())

    def _check_far(self, x: Tensor, name: str = "samples") -> None:
        """Refuses values far outside the range, which usually means a different scaling."""
        low, high = self._bounds(x.device)
        width = high - low
        of_features = SLACK_FEATURES if len(self._x) >= FEW_SAMPLES else SLACK_OF_FEW
        slack = width * (of_features if x.ndim < 4 else OVERSHOOT if self._is_known else SLACK_IMAGES)
        outside = ((x < low - slack) | (x > high + slack)) & (width > 0)
        if not outside.any():
            return
        if not self._is_one:
            of_columns = outside.flatten(2).any(2) if x.ndim == 3 else outside
            self._refuse_columns(x, torch.nonzero(of_columns.any(0))[:, 0].tolist(), name)
        got = f"values from {x.min():g} to {x.max():g}"
        checks.refuse(f"{name} in the range of the data, {float(low):g} to {float(high):g}", got, REMEDY)

    def _refuse_columns(self, x: Tensor, columns: Sequence[int], name: str) -> None:
        i = columns[0]
        low, high = (float(bound) for bound in (self._x[:, i].min(), self._x[:, i].max()))
        kind = "channels" if x.ndim == 3 else "columns"
        others = f", and others in {len(columns) - 1} more {kind}" if len(columns) > 1 else ""
        where = f"channel {i} (from 0)" if x.ndim == 3 else column_name(i, self._columns)
        checks.refuse(
            f"{name} in the range of the data, {low:g} to {high:g} in {where}",
            f"values from {x[:, i].min():g} to {x[:, i].max():g}{others}",
            REMEDY,
        )

    def _warn_of_overshoot(self, x: Tensor) -> None:
        if not self._warned:
            self._warned = True
            low, high = self._scaling.low[0], self._scaling.high[0]
            got = f"values from {x.min():.3g} to {x.max():.3g} in near"
            warn(
                f"{got} exceed {low:g} to {high:g}, as after bicubic resizing, and are clipped; clamp them to avoid it"
            )

    def _is_raised(self, x: Tensor) -> bool:
        """Returns whether images in 0..1 are never as dark as those of the data, which has values below 0."""
        if self._scaling.low[0] >= 0:
            return False
        minima, usual = x.flatten(1).amin(1), self._minima
        if len(x) < ENOUGH:
            return bool((minima > usual[-1] + RAISED_FEW * self._width).all())
        return float(minima.median()) > float(usual[int(0.95 * (len(usual) - 1))]) + RAISED * self._width

    def _bounds(self, device: torch.device) -> tuple[Tensor, Tensor]:
        return self.low.to(device), self.high.to(device)

    @property
    def _is_known(self) -> bool:
        """Whether these are images of a range that is known, not only estimated from the data."""
        return self._x.ndim == 4 and (self._scaling.low[0], self._scaling.high[0]) in KNOWN

    @property
    def _width(self) -> float:
        return self._scaling.high[0] - self._scaling.low[0]

    @cached_property
    def _column_scale(self) -> ColumnScale:
        return ColumnScale.fit(self._x)

    @cached_property
    def _minima(self) -> Tensor:
        """The smallest value of every real sample, in increasing order."""
        return self._x.flatten(1).amin(1).sort().values

    @cached_property
    def _smallest_spread(self) -> float:
        """The smallest spread of the values in one real sample that is not constant."""
        spread = _spread(self._x)
        return float(spread[spread > 0].min()) if (spread > 0).any() else 0.0


def check_range_of(vae: Any, samples: Samples) -> None:
    """Refuses samples that lie in another range than those that a VAE was trained on.

    Arguments:
        vae: A `VAE`, which knows its range.
        samples: The samples, on the CPU.

    Raises:
        InputError: If they do, wherever that can be told.
    """
    x = samples.x
    offset, gain, low, high = (getattr(vae, name).cpu() for name in ("offset", "gain", "low", "high"))
    remedy = "scale them like the samples that the VAE was trained on"
    if x.ndim == 2 and gain.ndim == 1:
        half = torch.where(low < high, 3 * gain, 0)  # almost all values lie within three standard deviations
        outside = ((offset < 0) | (offset > 1)).float()
        columns = ColumnScale(offset - half, offset + half, half / 2, low < 0, outside).other_columns(x)
        if columns:
            i = columns[0]
            expected = (
                f"samples in the range of the VAE, {low[i]:g} to {high[i]:g} in {column_name(i, samples.columns)}"
            )
            checks.refuse(expected, f"values from {x[:, i].min():g} to {x[:, i].max():g}", remedy)
    elif x.ndim > 2 and not gain.ndim:
        width, is_known = float(high - low), x.ndim == 4 and (float(low), float(high)) in KNOWN
        slack = (OVERSHOOT if is_known else SLACK_IMAGES) * width
        is_narrow = NARROW * float(_spread(x).max()) < width and not torch.equal(x, x.round())
        if x.min() < low - slack or x.max() > high + slack or (is_narrow and len(x) >= ENOUGH and width >= NARROW):
            expected = f"samples in the range of the VAE, {float(low):g} to {float(high):g}"
            checks.refuse(expected, f"values from {x.min():g} to {x.max():g}", remedy)


def _spread(x: Tensor) -> Tensor:
    """Returns the difference between the largest and the smallest value of each sample, `(B,)`."""
    return x.flatten(1).amax(1) - x.flatten(1).amin(1)
