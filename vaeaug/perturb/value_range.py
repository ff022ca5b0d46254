"""The range of the data's values: what is refused because it lies outside, and what is clipped to it."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from vaeaug.data.samples import Scaling
from vaeaug.runtime import checks

NARROW = 20  # values in 0..1 that vary less than this fraction (1 / 20) of the data's range have probably been rescaled
SLACK_UNIT = 1e-3  # by how much images in 0..1 may exceed that range, as a fraction of it
SLACK_IMAGES = 1  # the same for images of another range, which is only known from the data
SLACK_FEATURES = 10  # the same for tabular data


class ValueRange:
    """The range of values of the real samples.

    Arguments:
        x: The samples, `(N, *event)`.
        scaling: Fitted to the samples; `low` and `high` are the bounds, one number each or one per feature.
        device: The device where samples are clipped.
    """

    def __init__(self, x: Tensor, scaling: Scaling, device: torch.device) -> None:
        self._x, self._scaling = x, scaling
        self.low = torch.tensor(scaling.low, device=device)
        self.high = torch.tensor(scaling.high, device=device)

    def in_range(self, x: Tensor) -> bool:
        """Returns whether all values lie in the range, which also means that they are finite."""
        if len(self.low) == 1:
            low, high = (bound.item() for bound in x.aminmax())
            return self._scaling.low[0] <= low and high <= self._scaling.high[0]
        low_per_feature, high_per_feature = self._bounds(x.device)
        return bool(((x >= low_per_feature) & (x <= high_per_feature)).all())

    def check_range(self, x: Tensor) -> None:
        """Refuses values far outside the range, which usually means a different scaling.

        Raises:
            InputError: If there are any, or if `check_spread` refuses the samples.
        """
        low, high = self._bounds(x.device)
        width = high - low
        slack = width * (SLACK_UNIT if self._scaling.is_unit else SLACK_FEATURES if x.ndim == 2 else SLACK_IMAGES)
        outside = ((x < low - slack) | (x > high + slack)) & (width > 0)
        if outside.any():
            checks.refuse(
                f"samples in the range of the data, {low.min():g} to {high.max():g}",
                f"values from {x.min():g} to {x.max():g}",
                "scale them like the data seen at fit, or pass normalize=(mean, std) to a plugin",
            )
        self.check_spread(x)

    def check_spread(self, x: Tensor) -> None:
        """Refuses samples scaled to 0..1 if the data's range is much wider.

        Dark and constant images are not refused: whole numbers, and values that vary no less than in some real sample.

        Raises:
            InputError: If the samples look rescaled.
        """
        low, high = min(self._scaling.low), max(self._scaling.high)
        if high - low < NARROW or x.min() < 0 or x.max() > 1 or torch.equal(x, x.round()):
            return
        spread = float(_spread(x).max())
        if 0 < spread < (high - low) / NARROW and spread < 0.9 * self._smallest_spread:
            checks.refuse(
                f"samples in the range of the data, {low:g} to {high:g}",
                f"values from {x.min():g} to {x.max():g}, which vary less than in any sample seen at fit",
                "scale them like the data seen at fit (for example near * 255), or pass normalize=(mean, std) to a plugin",
            )

    def clip_to_range_(self, x: Tensor, parents: Tensor | None) -> Tensor:
        """Clips samples to the range, in place.

        Arguments:
            x: Synthetic samples, `(B, *event)`.
            parents: Their parents, if some of these exceed the range: it is widened to include each parent's own values.
        """
        if parents is None and len(self.low) == 1:
            return x.clamp_(self._scaling.low[0], self._scaling.high[0])
        low, high = self._bounds(x.device)
        if parents is None:
            return x.clamp_(low, high)
        return x.clamp_(torch.minimum(low, parents), torch.maximum(high, parents))

    def _bounds(self, device: torch.device) -> tuple[Tensor, Tensor]:
        return self.low.to(device), self.high.to(device)

    @cached_property
    def _smallest_spread(self) -> float:
        """The smallest spread of the values in one real sample that is not constant."""
        spread = _spread(self._x)
        return float(spread[spread > 0].min()) if (spread > 0).any() else 0.0


def _spread(x: Tensor) -> Tensor:
    """Returns the difference between the largest and the smallest value of each sample, `(B,)`."""
    return x.flatten(1).amax(1) - x.flatten(1).amin(1)
