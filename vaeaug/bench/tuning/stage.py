"""Searched: the arm that asks `Augmenter.tune`, inside the training subset, what to do, and does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vaeaug.bench.stages.base import Growth, Job, Stage, Transform
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.tuning import search
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.runtime import seeds


@dataclass(frozen=True)
class Searched(Stage, Growth):
    """Augments as a search inside the training subset chooses, or not at all.

    It is the stage of networks and the growth of estimators; an arm has it as both, and no other stage: where none is
    chosen, what is computed is what the arm without it computes.

    Arguments:
        classical: The classical augmentation that comes after it, if any.
        folds, repeats, errors: See `vaeaug.bench.tuning.search.tune`.
        steps: Of a network in the search; by default the run's own.
    """

    classical: Classical | None = None
    folds: int = 5
    repeats: int = 2
    errors: float = 1.0
    steps: int | None = None

    def choice(self, job: Job) -> Any:
        """Returns the candidate that a search chooses."""
        _, found = search.tune(
            job.samples,
            job.classifier,
            time_budget=None,
            classical=self.classical,
            folds=self.folds,
            repeats=self.repeats,
            steps=self.steps or job.settings.steps,
            vae=dict(job.settings.vae),
            min_standard_errors=self.errors,
            seed=seeds.derive(job.seed, 12),
            progress=False,
        )
        return found.chosen

    def grow(self, job: Job) -> Samples:
        if job.network is not None:
            return job.samples
        chosen = self.choice(job)
        return chosen.arm(network=False).grow(job) if chosen.perturb else job.samples

    def fit(self, job: Job) -> Transform:
        chosen = None if job.network is None else self.choice(job)
        if chosen is not None and chosen.perturb:
            return chosen.arm(network=True, classical=self.classical).fit(job)
        if self.classical is not None:
            return ClassicalAugmentation(self.classical).fit(job)
        # What a search adds for an estimator is in the grown set; copies of it are not needed.
        return _nothing if job.network is None else _same


def _same(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    return x, t


def _nothing(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    return x[:0], t[:0]
