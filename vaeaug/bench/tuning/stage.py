"""The methods that tune on the training subset and apply the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn

from vaeaug.bench.stages.base import BatchTransform, Resampler, Stage
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.stages.context import Context
from vaeaug.bench.tuning import search
from vaeaug.bench.tuning.candidates import VAE_FOR_ESTIMATORS, VAE_FOR_NETWORKS, method_of
from vaeaug.choice.candidates import Candidate
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.runtime import checks
from vaeaug.runtime.seeds import Stream


@dataclass(frozen=True)
class TunedAugmentation(Stage, Resampler):
    """Augments as a search inside the training subset chooses among perturbations in one space, or not at all.

    It is the stage of networks and the resampler of estimators. A method has it as both and has no other stage, so that
    where none is chosen, exactly the method without it is trained.

    Arguments:
        classical: Classical augmentation after it, if any.
        folds, repeats, min_standard_errors: See `vaeaug.tune`.
        steps: Optimiser steps of a network in the search; by default the run's own.
    """

    key: ClassVar[str] = "tuned"

    classical: Classical | None = None
    folds: int = 5
    repeats: int = 2
    min_standard_errors: float = 1.0
    steps: int | None = None

    def __post_init__(self) -> None:
        checks.check_number("min_standard_errors", self.min_standard_errors, 0)

    def search(self, context: Context) -> Candidate:
        """Returns the candidate that a search chooses."""
        listed = VAE_FOR_NETWORKS if context.for_network else VAE_FOR_ESTIMATORS
        _, result = search.tune(
            context.samples,
            context.classifier,
            time_budget=None,
            candidates=tuple(replace(candidate, space=context.space) for candidate in listed),
            classical=self.classical,
            folds=self.folds,
            repeats=self.repeats,
            steps=self.steps or context.settings.steps,
            vae=dict(context.settings.vae),
            min_standard_errors=self.min_standard_errors,
            seed=context.seed_of(Stream.TUNING),
            progress=False,
        )
        return result.chosen

    def resample(self, context: Context) -> Samples:
        if context.for_network:
            return context.samples
        return method_of(self.search(context), for_network=False).resample(context)

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        chosen = self.search(context) if context.for_network else None
        if chosen is not None and chosen.perturb:
            return method_of(chosen, for_network=True, classical=self.classical).fit(context, network)
        if self.classical is not None:
            return ClassicalAugmentation(self.classical).fit(context, network)
        # For an estimator, the search works on the training set; no copies are needed.
        return identity if context.for_network else no_copies


def identity(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Returns the batch."""
    return x, t


def no_copies(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Returns an empty batch."""
    return x[:0], t[:0]
