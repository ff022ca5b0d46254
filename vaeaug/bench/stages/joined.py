"""Joined: what another stage makes of a batch stands beside it, and does not take its place."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from vaeaug.bench.stages.base import Job, Stage, Synthetic, Transform
from vaeaug.perturb.schemes import DEFAULT
from vaeaug.plugins.torch.replacement import ADD
from vaeaug.runtime import checks, seeds


@dataclass(frozen=True)
class Joined(Stage):
    """Adds changed copies of every sample to a batch. The number of steps, and of real samples in each, stays.

    Reference: Hoffer et al., "Augment your batch: improving generalization through instance repetition", 2020,
    https://arxiv.org/abs/1901.09335

    Where copies for an estimator are made it is the other stage: copies join the real samples there anyway.

    Arguments:
        stage: What makes the copies; by default all of them are children.
        add: Copies of each sample: a batch is 1 + `add` times as large.
    """

    stage: Stage = field(default_factory=lambda: Synthetic(DEFAULT, replace=1.0))
    add: int = ADD

    def __post_init__(self) -> None:
        checks.check_number("add", self.add, 1, whole=True)

    @property
    def count(self) -> int:  # type: ignore[override]
        return self.stage.count

    @property
    def networks_only(self) -> bool:  # type: ignore[override]
        return self.stage.networks_only

    @property
    def weights_samples(self) -> bool:  # type: ignore[override]
        return self.stage.weights_samples

    @property
    def images_only(self) -> bool:  # type: ignore[override]
        return self.stage.images_only

    def fit(self, job: Job) -> Transform:
        apply = self.stage.fit(job)
        if job.network is None:
            return apply

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            near = x.repeat(self.add, *[1] * (x.ndim - 1)), t.repeat(self.add, 1)
            made, told = apply(*near, seeds.derive(seed, 1))
            return torch.cat([x, made]), torch.cat([t, told])

        return transform
