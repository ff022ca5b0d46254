"""The cross-validation of a classifier of the benchmark."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from vaeaug.bench import runs
from vaeaug.bench.runs import SeedRun
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context, augmenter_key
from vaeaug.bench.tuning.candidates import method_of
from vaeaug.choice.candidates import Candidate
from vaeaug.choice.trials import CrossValidation, OutOfTime, SearchSettings
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier
from vaeaug.runtime import seeds


class Split(NamedTuple):
    """One split: the run on its training part, and the held-out samples."""

    run: SeedRun
    held_out: Samples


class BenchTrials(CrossValidation):
    """Trains a classifier of the benchmark with candidates.

    Arguments:
        samples: The training samples.
        classifier: The classifier.
        settings: The training of classifiers and VAEs.
        search: How candidates are cross-validated.
        classical: Classical augmentation after every candidate, if any.
        bar: A progress bar that counts trainings.
    """

    def __init__(
        self,
        samples: Samples,
        classifier: Classifier,
        settings: Settings,
        search: SearchSettings,
        bar: Any,
        classical: Classical | None = None,
    ) -> None:
        super().__init__(samples.y, search, bar)
        self.samples, self.classifier, self.settings, self.classical = samples, classifier, settings, classical
        self.for_network = classifier.is_network
        self._splits: dict[int, Split] = {}

    def split(self, number: int) -> Split:
        """Returns one split."""
        if number not in self._splits:
            train, held_out = self.index(number)
            # An augmenter needs two samples of every class: if only one is left, it is used twice.
            single = train[torch.bincount(self.y[train])[self.y[train]] == 1]
            seed = seeds.derive(self.search.seed, 2, number) % 2**31
            run = SeedRun(self.samples[torch.cat([train, single])], seed, self.settings)
            self._splits[number] = Split(run, self.samples[held_out])
        return self._splits[number]

    def lacks_vae(self, candidate: Candidate, number: int) -> bool:
        uses_vae = candidate.perturb is not None and candidate.space == "vae"
        return uses_vae and augmenter_key("vae") not in self.split(number).run.shared

    def train_vae(self, candidate: Candidate, number: int) -> None:
        self.split(number).run.context(self.classifier).augmenter()

    def train(self, candidate: Candidate, number: int, deadline: float) -> Tensor:
        split = self.split(number)
        method = method_of(candidate, self.for_network, self.classical)
        if self.for_network:
            method = replace(method, stages=(_Deadline(deadline), *method.stages))
        predict = runs.fit_classifier(split.run.context(self.classifier), method).predict
        return predict(split.held_out.x) == split.held_out.y


@dataclass(frozen=True)
class _Deadline(Stage):
    """Aborts a training when the time is up."""

    key: ClassVar[str] = "deadline"

    deadline: float

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        def check_deadline(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            if time.monotonic() > self.deadline:
                raise OutOfTime
            return x, t

        return check_deadline
