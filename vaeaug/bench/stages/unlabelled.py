"""Adopting: the stage whose augmenter has unlabelled samples to hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.stages.base import Job, Synthetic
from vaeaug.data.lookup import SampleIndex
from vaeaug.runtime import checks, seeds


@dataclass(frozen=True)
class Adopting(Synthetic):
    """Replaces a share of the batch by children that also start from unlabelled samples; see `Augmenter.fit`.

    Arguments:
        count: How many samples of the pool, without their labels: others than those of the training subset.
        teacher: See `Augmenter.fit`.
    """

    count: int = 0
    teacher: Any = "forest"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_number("count", self.count, 1, whole=True)

    def fitted(self, job: Job) -> Augmenter:
        return job.shared(("adopting", self.count, self.teacher), lambda: self._fitted(job))

    def _fitted(self, job: Job) -> Augmenter:
        return Augmenter().fit(
            job.samples,
            unlabelled=self.drawn(job),
            teacher=self.teacher,
            seed=seeds.derive(job.seed, 1),
            progress=False,
            **dict(job.settings.vae),
        )

    def drawn(self, job: Job) -> Tensor:
        """Returns the unlabelled samples of a run, `(count, *event)`."""
        if job.pool is None:
            checks.refuse("a run that knows its pool", "one that does not", "use vaeaug.compare(..., unlabelled=1000)")
        places = SampleIndex(job.pool.x)
        taken = torch.zeros(len(places), dtype=torch.bool)
        at = places(job.samples.x)
        taken[at[at >= 0]] = True
        # What equals a sample of the subset is one of it, wherever it stands.
        left = torch.nonzero(~taken[places(job.pool.x)])[:, 0]
        order = torch.randperm(len(left), generator=seeds.generator(job.seed, 13))
        return job.pool.x[left[order[: self.count]]]
