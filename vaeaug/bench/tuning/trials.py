"""Trials: candidates of a search trained and judged, split by split, inside the training samples and within the time."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any, NamedTuple

import torch
from sklearn.model_selection import StratifiedKFold
from torch import Tensor
from tqdm.auto import tqdm

from vaeaug.bench import runs
from vaeaug.bench.runs import Run, Settings
from vaeaug.bench.stages.base import Job, Stage, Transform
from vaeaug.bench.tuning.candidates import NONE, Candidate, Trial
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier
from vaeaug.runtime import seeds

FACTOR = 3  # one in so many candidates goes on, to so many times the splits
FIRST = 3  # splits that every candidate is judged on, where there are as many


class OutOfTime(Exception):
    """Raised inside a training that the budget ends."""


class Split(NamedTuple):
    run: Run
    test: Samples
    places: Tensor


class Trials:
    """What has been judged so far: for each candidate and split, which held-out samples were classified rightly."""

    def __init__(
        self,
        samples: Samples,
        classifier: Classifier,
        candidates: tuple[Candidate, ...],
        classical: Classical | None,
        settings: Settings,
        metric: str,
        splits: tuple[int, int],
    ) -> None:
        self.samples, self.classifier, self.candidates, self.classical = samples, classifier, candidates, classical
        self.settings, self.metric, (self.folds, self.repeats) = settings, metric, splits
        self.seed, self.ends = 0, math.inf
        self.right: dict[tuple[Candidate, int], Tensor] = {}
        self.seconds: dict[Candidate, list[float]] = {}
        self.vae_seconds: list[float] = []
        self.planned: dict[Candidate, int] = {}
        self._splits: dict[int, Split] = {}
        self._with_vae: set[int] = set()

    @property
    def size(self) -> int:
        return self.folds * self.repeats

    def bar(self, progress: bool) -> Any:
        first = min(FIRST, self.size)
        total, left, there = first, len(self.candidates), 0
        while first <= self.size and left:
            total, there, first, left = total + left * (first - there), first, first * FACTOR, -(-left // FACTOR)
            if left == 1 and there:
                break
        self._bar = tqdm(total=total, desc="tuning", disable=not progress, leave=False, unit="training")
        return self._bar

    def split(self, number: int) -> Split:
        if number not in self._splits:
            repeat, fold = divmod(number, self.folds)
            state = seeds.derive(self.seed, 1, repeat) % 2**32
            y = self.samples.y.numpy()
            with warnings.catch_warnings():
                # A class with fewer samples than folds is absent from some held-out parts, which is all right.
                warnings.filterwarnings("ignore", "The least populated class", UserWarning)
                parts = list(StratifiedKFold(self.folds, shuffle=True, random_state=state).split(y, y))
            known, places = (torch.as_tensor(part) for part in parts[fold])
            # An augmenter wants two samples of every class: the only one that is left of a class stands twice.
            alone = known[torch.bincount(self.samples.y[known])[self.samples.y[known]] == 1]
            run = Run(
                self.samples[torch.cat([known, alone])], seeds.derive(self.seed, 2, number) % 2**31, self.settings
            )
            self._splits[number] = Split(run, self.samples[places], places)
        return self._splits[number]

    def judge(self, candidate: Candidate, number: int) -> bool:
        """Trains and judges a candidate on one split, unless that was done; says whether there was time."""
        if (candidate, number) in self.right:
            return True
        split = self.split(number)
        fresh = candidate.perturb is not None and number not in self._with_vae
        known = self.seconds.get(candidate) or [s for told in self.seconds.values() for s in told]
        # The last fit needs its time, too.
        left = self.ends - time.monotonic() - max(self.vae_seconds, default=0.0) * (1 + fresh)
        if left <= max(known, default=0.0):
            return False
        try:
            return self._train(candidate, number, split)
        except OutOfTime:
            return False

    def _train(self, candidate: Candidate, number: int, split: Split) -> bool:
        network = self.classifier.is_network
        start = time.monotonic()
        if candidate.perturb is not None and number not in self._with_vae:
            split.run.augmenter()
            self._with_vae.add(number)
            self.vae_seconds.append(time.monotonic() - start)
        start = time.monotonic()
        arm = candidate.arm(network, self.classical)
        if network:
            arm = arm.__class__(arm.name, (_Deadline(self.ends - max(self.vae_seconds, default=0.0)), *arm.stages))
        fit = runs.fit_network if network else runs.fit_estimator
        predict = fit(split.run, self.classifier, arm).predict
        self.right[candidate, number] = predict(split.test.x) == split.test.y
        self.seconds.setdefault(candidate, []).append(time.monotonic() - start)
        self._bar.set_postfix_str(candidate.name, refresh=False)
        self._bar.update()
        return True

    def done(self, candidate: Candidate, other: Candidate = NONE) -> int:
        """Returns the number of splits that both were judged on."""
        return sum((candidate, n) in self.right and (other, n) in self.right for n in range(self.size))

    def difference(self, candidate: Candidate, other: Candidate | None) -> tuple[float, float]:
        """Returns the mean of a candidate (less another's, on the same splits) and its standard error, in 0..1.

        Every held-out sample counts once, with its mean over the repeats; the error is that from sample to sample.
        """
        total, count = torch.zeros(2, len(self.samples), dtype=torch.float64)
        for n in range(self.size):
            if (candidate, n) in self.right and (other or candidate, n) in self.right:
                places, value = self.split(n).places, self.right[candidate, n].double()
                total[places] += value - (self.right[other, n].double() if other else 0)
                count[places] += 1
        judged = count > 0
        if not judged.any():
            return math.nan, math.nan
        d, y = total[judged] / count[judged], self.samples.y[judged]
        weight = 1 / torch.bincount(y)[y] if self.metric == "balanced_accuracy" else torch.ones(len(d))
        weight = (weight / weight.sum()).double()
        mean = (weight * d).sum()
        spread = (weight.square() * (d - mean).square()).sum() * len(d) / max(1, len(d) - 1)
        return float(mean), float(spread.sqrt())

    def trial(self, candidate: Candidate) -> Trial:
        mean, _ = self.difference(candidate, None)
        gain, error = self.difference(candidate, NONE)
        seconds = sum(self.seconds.get(candidate, []))
        return Trial(candidate.name, 100 * mean, 100 * gain, 100 * error, self.done(candidate), seconds)


class _Deadline(Stage):
    """Ends a training when the time is over."""

    def __init__(self, ends: float) -> None:
        self.ends = ends

    def fit(self, job: Job) -> Transform:
        def look(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            if time.monotonic() > self.ends:
                raise OutOfTime
            return x, t

        return look
