"""The two parts that a method is made of: stages, which change batches, and resamplers, which enlarge the training set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaeaug.augmenter.generation import Generated
from vaeaug.bench.keys import stable_key
from vaeaug.bench.stages.context import Context
from vaeaug.data.samples import Samples

# Samples `(B, *event)`, targets `(B, K)` (one-hot until a stage mixes or weights them) and a seed -> samples and targets.
BatchTransform = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


class _Requiring:
    """What may need a package. `requires`: a package that it imports, and the extra of vaeaug that installs it."""

    requires: ClassVar[tuple[str, str] | None] = None

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return self.lacks is None

    @property
    def lacks(self) -> tuple[str, str] | None:
        """What it needs and is not there, and how to get it; None if nothing."""
        if self.requires is None or find_spec(self.requires[0]) is not None:
            return None
        package, extra = self.requires
        return f"the package {package}", f"pip install 'vaeaug[{extra}]'"


class Stage(_Requiring, ABC):
    """Abstract: one augmentation of batches. Concrete ones are frozen dataclasses with a `key` (see `vaeaug.bench.keys`).

    `networks_only`: an estimator cannot use it, because it mixes labels or needs the network in training. `images_only`:
    tabular data cannot use it. `weights_samples`: its targets weight the samples. `unlabelled_count`: the number of
    unlabelled samples that it needs. `wraps_estimators`: it changes the estimator (see `wrap`), not the samples.
    `spaces`: the spaces in which synthetic samples are made, `vae`, `pca` or `identity`.
    """

    key: ClassVar[str]
    networks_only: bool = False
    images_only: bool = False
    weights_samples: bool = False
    unlabelled_count: int = 0
    wraps_estimators: bool = False
    spaces: tuple[str, ...] = ()

    def wrap(self, context: Context, estimator: Any) -> Any:
        """Returns the estimator to train, where the stage changes it."""
        return estimator

    @abstractmethod
    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        """Returns the augmentation, fitted to the training subset.

        Arguments:
            context: The run.
            network: The network in training, from samples to logits.
        """

    def frame(self, for_network: bool) -> list[Any]:
        """Returns stable keys of what the stage does, whatever samples it uses: real ones, or synthetic ones of any origin.

        A method and its controls have the same frame. A stage that uses no synthetic samples is its own frame.

        Arguments:
            for_network: Whether batches of a network are augmented, not copies for an estimator.
        """
        return [stable_key(self)]

    def scheme(self, for_network: bool) -> Any:
        """Returns a stable key of how synthetic samples are made, whatever the space in which they are; None if none are.

        Arguments:
            for_network: As in `frame`.
        """
        return None


class Resampler(_Requiring, ABC):
    """Abstract: enlarges the training set once, before training. Concrete ones are frozen dataclasses with a `key`.

    `trains`: it trains a model, which the methods of a seed share and whose seconds are counted apart. `spaces`: as
    in `Stage`.
    """

    key: ClassVar[str]
    trains: ClassVar[bool] = False
    spaces: tuple[str, ...] = ()

    @abstractmethod
    def resample(self, context: Context) -> Samples:
        """Returns the training subset, followed by synthetic or repeated samples."""

    def frame(self, for_network: bool) -> list[Any]:
        """Returns stable keys of what the resampler does, whatever samples it adds; see `Stage.frame`."""
        return [stable_key(self)]

    def scheme(self, for_network: bool) -> Any:
        """Returns a stable key of how synthetic samples are made; see `Stage.scheme`."""
        return None


def with_synthetic(samples: Samples, generated: Generated) -> Samples:
    """Returns samples followed by synthetic ones."""
    return Samples(torch.cat([samples.x, generated.x]), torch.cat([samples.y, generated.y]), samples.names)


def target_count(counts: Sequence[int], factor: int) -> int:
    """Returns the size that every class is enlarged to: `factor` times the mean size, and at least the largest."""
    return max(*counts, round(factor * sum(counts) / len(counts)))
