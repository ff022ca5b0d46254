"""Synthetic samples with the soft labels of teachers, made once per run, so that a training step costs little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaeaug.bench.keys import stable_key
from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.data.classical import Classical
from vaeaug.data.lookup import SampleIndex
from vaeaug.filters.cross_fitted import CrossFitted
from vaeaug.models.classifiers import hardest_index
from vaeaug.perturb.schemes import Extrapolate, Perturbation
from vaeaug.plugins.torch.replacement import replaced_indices
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream

MAX_CACHE_BYTES = 2**28  # of synthetic samples


@dataclass(frozen=True)
class Distilled(Synthetic):
    """Replaces a fraction of a batch with cached synthetic samples that teachers have judged and labelled.

    It must be the first stage: it recognises the samples of the training subset by their content, and ignores others.

    Arguments:
        perturb, replace, residual, hardest_of: See `Synthetic`.
        teachers: The classifiers that teach, see `CrossFitted.fit`; estimators learn from synthetic samples, too. The
            errors of a random forest differ from those of a network, so it has more to teach than another network.
        folds, repeats: See `CrossFitted.fit`. By default one teacher of each kind sees the whole subset.
        steps: Optimiser steps of a network among the teachers; by default half of the run's.
        classical: The classical augmentation of the teachers' batches.
        n_cached: The number of cached synthetic samples per real one; fewer if they would take more than 256 MB.
        threshold: Where teachers give the label a lower probability, the real sample is cached, with its own label.
        weight: The weight of the teachers in soft labels; see `CrossFitted`.
        control_transform: What makes the cached samples instead of the VAE, for a control.
    """

    key: ClassVar[str] = "distilled"

    perturb: Perturbation = field(default_factory=lambda: Extrapolate(2.0))
    replace: float = 0.8
    teachers: tuple[Any, ...] = ("forest",)
    folds: int = 1
    repeats: int = 1
    steps: int | None = None
    classical: Classical = field(default_factory=Classical)
    n_cached: int = 48
    threshold: float = 0.0
    weight: float = 1.0
    control_transform: Stage | None = None

    networks_only: ClassVar[bool] = True  # type: ignore[misc]

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_number("n_cached", self.n_cached, 1, whole=True)
        checks.check_number("threshold", self.threshold, 0, 1)
        checks.check_number("weight", self.weight, 0, 1)

    def fit_teachers(self, context: Context) -> CrossFitted:
        """Returns the teachers."""
        return CrossFitted.fit(
            context.samples,
            self.teachers,
            folds=self.folds,
            repeats=self.repeats,
            seed=context.seed_of(Stream.TEACHERS),
            threshold=self.threshold,
            weight=self.weight,
            steps=self.steps or max(1, context.settings.steps // 2),
            classical=self.classical,
            augmenter=self.augmenter(context),
        )

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        if network is None:
            checks.refuse("a network for soft labels", "an estimator", "leave this method out")
        index_of = SampleIndex(context.samples.x)
        x, t = self._cache(context)
        n_cached, n_candidates = len(x), self.hardest_of or 1

        def transform(batch: Tensor, targets: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            replaced = replaced_indices(len(batch), self.replace, seeds.derive(seed, 0))
            sample = index_of(batch[replaced])
            replaced, sample = replaced[sample >= 0], sample[sample >= 0]
            candidates = torch.randint(n_cached, (n_candidates, len(sample)), generator=seeds.generator(seed, 1))
            chosen = candidates[0]
            if n_candidates > 1:
                hardest = hardest_index(x[candidates, sample], t[candidates, sample], network)
                chosen = candidates.gather(0, hardest[None])[0]
            # Targets may be weighted: a synthetic sample has the weight of its parent.
            weights = targets[replaced].sum(1, keepdim=True)
            new_targets = t[chosen, sample] * weights
            return batch.index_copy(0, replaced, x[chosen, sample]), targets.index_copy(0, replaced, new_targets)

        return transform

    def frame(self, for_network: bool) -> list[Any]:
        return [stable_key(replace(self, perturb=Extrapolate(), residual=True, control_transform=None))]

    def scheme(self, for_network: bool) -> Any:
        return super().scheme(for_network) if self.control_transform is None else None

    def _cache(self, context: Context) -> tuple[Tensor, Tensor]:
        """Returns synthetic samples `(n_cached, N, *event)` of the training subset, and their targets `(n_cached, N, K)`."""
        samples, teachers = context.samples, self.fit_teachers(context)
        one_hot = nn.functional.one_hot(samples.y, len(samples.names)).float()
        n_cached = max(1, min(self.n_cached, MAX_CACHE_BYTES // samples.x.nbytes))
        synthesize = self._synthesizer(context)
        x, t = samples.x.new_empty(n_cached, *samples.x.shape), one_hot.new_empty(n_cached, *one_hot.shape)
        unsmoothed = 1 - context.settings.smoothing
        for number in range(n_cached):
            synthetic = synthesize(context.seed_of(Stream.TEACHER_SAMPLES, number))
            soft_labels = teachers.soft(synthetic, samples.y, samples.x)
            if unsmoothed:
                # The run smooths labels later; undone here, so that the result is what the teachers said.
                soft_labels = (soft_labels - (1 - unsmoothed) * soft_labels.mean(1, keepdim=True)) / unsmoothed
            if self.threshold:
                accepted = teachers.for_parents(samples.x)(synthetic, samples.y).accepted
                synthetic = torch.where(accepted.view(-1, *[1] * (synthetic.ndim - 1)), synthetic, samples.x)
                soft_labels = torch.where(accepted[:, None], soft_labels, one_hot)
            x[number], t[number] = synthetic, soft_labels
        return x, t

    def _synthesizer(self, context: Context) -> Callable[[int], Tensor]:
        samples = context.samples
        if self.control_transform is not None:
            one_hot, control = nn.functional.one_hot(samples.y).float(), self.control_transform.fit(context)
            return lambda seed: control(samples.x, one_hot, seed)[0]
        augmenter = self.augmenter(context).using(perturb=self.perturb, residual=self.residual)
        return lambda seed: augmenter.generate(len(samples), samples.x, samples.y, seed).x
