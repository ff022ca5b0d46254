"""Distilled: children with the soft labels of cross-fitted teachers, made once per run, so that a step costs little."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug.bench.stages.base import Job, Stage, Synthetic, Transform
from vaeaug.data.classical import Classical
from vaeaug.data.lookup import SampleIndex
from vaeaug.filters.cross_fitted import CrossFitted
from vaeaug.models.classifiers import hardest_index
from vaeaug.perturb.schemes import Extrapolate, Perturbation
from vaeaug.plugins.torch.replacement import replaced_indices
from vaeaug.runtime import checks, seeds

KEPT = 2**28  # bytes of children that a pool holds at most


@dataclass(frozen=True)
class Distilled(Synthetic):
    """Replaces a share of the batch by children of its samples out of a pool that teachers have judged and labelled.

    It comes first in its arm: it knows the samples of the training subset by their content, and leaves others as they are.

    Arguments:
        perturb, ratio, residual, worst_of: See `Synthetic`.
        teachers: The kinds of teachers, see `CrossFitted.fit`: estimators learn from children, too. A random forest errs
            otherwise than a network, so it has more to tell one than other networks have.
        folds, repeats: See `CrossFitted.fit`. By default one of each kind sees the whole subset.
        steps: Optimiser steps of a network among the teachers; by default half of the run's.
        classical: The classical augmentation of the teachers' batches.
        pool: Children of each sample; fewer where they would take more than 256 MB.
        threshold: Where the teachers give the label less, the parent stands in the pool, with its own label.
        weight: See `CrossFitted`.
        smoothed: Whether the run's label smoothing applies to soft labels, too.
        copies: What makes the pool in place of the VAE: a control.
    """

    perturb: Perturbation = field(default_factory=lambda: Extrapolate(2.0))
    replace: float = 0.8
    teachers: tuple[Any, ...] = ("forest",)
    folds: int = 1
    repeats: int = 1
    steps: int | None = None
    classical: Classical = field(default_factory=Classical)
    pool: int = 48
    threshold: float = 0.0
    weight: float = 1.0
    smoothed: bool = False
    copies: Stage | None = None

    networks_only = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_number("pool", self.pool, 1, whole=True)

    def taught(self, job: Job) -> CrossFitted:
        """Returns the teachers."""
        return CrossFitted.fit(
            job.samples,
            self.teachers,
            folds=self.folds,
            repeats=self.repeats,
            seed=seeds.derive(job.seed, 9),
            threshold=self.threshold,
            weight=self.weight,
            steps=self.steps or max(1, job.settings.steps // 2),
            classical=self.classical,
            augmenter=self.fitted(job),
        )

    def fit(self, job: Job) -> Transform:
        network, places = job.network, SampleIndex(job.samples.x)
        if network is None:
            checks.refuse("a network for soft labels", "an estimator", "leave this arm out")
        x, t = self._pool(job)
        size, tries = len(x), self.hardest_of or 1

        def transform(batch: Tensor, targets: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            rows = replaced_indices(len(batch), self.replace, seeds.derive(seed, 0))
            at = places(batch[rows])
            rows, at = rows[at >= 0], at[at >= 0]
            pick = torch.randint(size, (tries, len(at)), generator=seeds.generator(seed, 1))
            best = pick[0] if tries == 1 else pick.gather(0, hardest_index(x[pick, at], t[pick, at], network).cpu()[None])[0]
            made, told = x[best, at], t[best, at]
            # Targets may be weighted: a child weighs what its parent does.
            weights = targets[rows].sum(1, keepdim=True)
            return batch.index_copy(0, rows, made), targets.index_copy(0, rows, told * weights)

        return transform

    def _pool(self, job: Job) -> tuple[Tensor, Tensor]:
        """Returns children `(pool, N, *event)` of every sample of the subset, and their targets `(pool, N, K)`."""
        samples, teachers = job.samples, self.taught(job)
        hard = nn.functional.one_hot(samples.y, len(samples.names)).float()
        size = max(1, min(self.pool, KEPT // samples.x.nbytes))
        make = self._children(job)
        x, t = samples.x.new_empty(size, *samples.x.shape), hard.new_empty(size, *hard.shape)
        for number in range(size):
            made = make(seeds.derive(job.seed, 10, number))
            told = teachers.soft(made, samples.y, samples.x)
            if not self.smoothed:
                # Such that the smoothing, which comes later, gives what the teachers said.
                kept = 1 - job.settings.smoothing
                told = (told - (1 - kept) * told.mean(1, keepdim=True)) / kept if kept else told
            if self.threshold:
                keep = teachers.for_parents(samples.x)(made, samples.y).accepted
                made = torch.where(keep.view(-1, *[1] * (made.ndim - 1)), made, samples.x)
                told = torch.where(keep[:, None], told, hard)
            x[number], t[number] = made, told
        return x, t

    def _children(self, job: Job) -> Any:
        samples = job.samples
        if self.copies is not None:
            hard, apply = nn.functional.one_hot(samples.y).float(), self.copies.fit(job)
            return lambda seed: apply(samples.x, hard, seed)[0]
        augmenter = self.fitted(job).using(perturb=self.perturb, residual=self.residual)
        return lambda seed: augmenter.generate(len(samples), samples.x, samples.y, seed).x
