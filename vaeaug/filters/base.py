"""The interface of filters, and the count of what they accept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaeaug.runtime.errors import warn

LOW_FRACTION = 0.1  # a filter that accepts a smaller fraction of a class gets a warning
MIN_COUNT = 20  # samples of a class after which that fraction is reliable enough to warn about


class FilterResult(NamedTuple):
    """The answer of a filter.

    Arguments:
        accepted: Which samples the filter accepts, booleans `(B,)`.
        confidence: The probability of each sample's label, `(B,)`, in 0..1.
    """

    accepted: Tensor
    confidence: Tensor


class Filter(ABC):
    """Abstract: accepts or rejects labelled samples. Concrete filters are frozen dataclasses."""

    @abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        """Judges samples `(B, *event)` with labels `(B,)`."""

    def for_parents(self, parents: Tensor) -> Filter:
        """Returns the filter to use for one synthetic sample of each parent; by default the filter itself.

        Arguments:
            parents: Real samples, `(B, *event)`; the returned filter is called with their synthetic samples, in this order.
        """
        return self


class Teacher(Filter):
    """Abstract: a filter that also gives soft labels."""

    @abstractmethod
    def soft(self, x: Tensor, y: Tensor, parents: Tensor | None = None) -> Tensor:
        """Returns soft labels `(B, K)` that sum to 1, on the device of `x`.

        Arguments:
            x: Synthetic samples, `(B, *event)`, in the range seen at fit.
            y: Their labels, `(B,)`.
            parents: The real sample that each was generated from, `(B, *event)`.
        """


class AcceptanceCounts:
    """Counts, per class, how many samples a filter judged and accepted; warns when it accepts few of a class.

    Arguments:
        names: The class names.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._total = torch.zeros(len(self.names), dtype=torch.long)
        self._accepted = torch.zeros(len(self.names), dtype=torch.long)
        self._warned: set[str] = set()

    def add(self, y: Tensor, accepted: Tensor) -> None:
        """Counts judged samples.

        Arguments:
            y: Their labels, `(B,)`.
            accepted: Which of them the filter accepted, booleans `(B,)`.
        """
        self._total += torch.bincount(y, minlength=len(self.names))
        self._accepted += torch.bincount(y[accepted], minlength=len(self.names))
        is_low = (self._total >= MIN_COUNT) & (self._accepted < LOW_FRACTION * self._total)
        low = {name for name, flag in zip(self.names, is_low.tolist(), strict=True) if flag}
        if low - self._warned:
            self._warned |= low
            warn(
                f"the filter accepts less than {LOW_FRACTION:.0%} of the synthetic samples of class "
                f"{', '.join(sorted(low))}; most are replaced by their parents: lower its threshold or the "
                f"perturbation's scale"
            )

    def fractions(self) -> dict[str, float]:
        """Returns the accepted fraction by class name, without the classes that were never judged."""
        columns = zip(self.names, self._total.tolist(), self._accepted.tolist(), strict=True)
        return {name: accepted / total for name, total, accepted in columns if total}
