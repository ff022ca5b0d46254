"""Cross-validation inside the training samples: candidates trained and evaluated split by split, within the time budget."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from vaeaug.bench import runs
from vaeaug.bench.runs import SeedRun
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.bench.tuning.candidates import NONE, Candidate, CandidateScore
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier
from vaeaug.runtime import seeds


class OutOfTime(Exception):
    """Raised inside a training when the time budget is used up."""


class Split(NamedTuple):
    """One split: the run on its training part, and the held-out samples with their indices."""

    run: SeedRun
    held_out: Samples
    held_out_index: Tensor


@dataclass(frozen=True)
class SearchSettings:
    """How candidates are cross-validated.

    Arguments:
        settings: The training of classifiers and VAEs.
        metric: `accuracy` or `balanced_accuracy`.
        folds, repeats: The number of folds, and of repetitions with other folds.
        seed: The seed of the splits.
        deadline: The time, by `time.monotonic`, at which the search ends.
        classical: Classical augmentation after every candidate.
    """

    settings: Settings
    metric: str
    folds: int
    repeats: int
    seed: int
    deadline: float = math.inf
    classical: Classical | None = None

    @property
    def splits(self) -> int:
        """The number of splits."""
        return self.folds * self.repeats


class CrossValidation:
    """Trains candidates and keeps, per candidate and split, which held-out samples were classified correctly.

    Arguments:
        samples: The training samples.
        classifier: The classifier.
        search: How candidates are cross-validated.
        bar: A progress bar that counts trainings.
    """

    def __init__(self, samples: Samples, classifier: Classifier, search: SearchSettings, bar: tqdm[Any]) -> None:
        self.samples, self.classifier, self.search, self.bar = samples, classifier, search, bar
        self.vae_seconds: list[float] = []
        self._correct: dict[tuple[Candidate, int], Tensor] = {}
        self._seconds: dict[Candidate, list[float]] = {}
        self._splits: dict[int, Split] = {}

    def split(self, number: int) -> Split:
        """Returns one split."""
        if number not in self._splits:
            self._splits[number] = self._make_split(number)
        return self._splits[number]

    def evaluate(self, candidate: Candidate, number: int) -> bool:
        """Trains and evaluates a candidate on one split, unless that was done before; returns whether there was time."""
        if (candidate, number) in self._correct:
            return True
        trains_vae = candidate.perturb is not None and "augmenter" not in self.split(number).run.shared
        past_seconds = self._seconds.get(candidate) or [s for seconds in self._seconds.values() for s in seconds]
        # The last fit needs time for a VAE, too.
        reserved = max(self.vae_seconds, default=0.0) * (1 + trains_vae)
        if self.search.deadline - time.monotonic() - reserved <= max(past_seconds, default=0.0):
            return False
        try:
            self._train(candidate, number, trains_vae)
        except OutOfTime:
            return False
        self.bar.set_postfix_str(candidate.name, refresh=False)
        self.bar.update()
        return True

    def n_splits(self, candidate: Candidate, other: Candidate = NONE) -> int:
        """Returns the number of splits that both candidates were evaluated on."""
        return len(self._common_splits(candidate, other))

    def difference(self, candidate: Candidate, other: Candidate | None) -> tuple[float, float]:
        """Returns the mean of a candidate (minus another's, on the same splits) and its standard error, in 0..1.

        Every held-out sample counts once, with its mean over the repeats; the error is over samples.
        """
        total, count = torch.zeros(2, len(self.samples), dtype=torch.float64)
        for number in self._common_splits(candidate, other or candidate):
            index, value = self.split(number).held_out_index, self._correct[candidate, number].double()
            total[index] += value - (self._correct[other, number].double() if other else 0)
            count[index] += 1
        evaluated = count > 0
        if not evaluated.any():
            return math.nan, math.nan
        d, y = total[evaluated] / count[evaluated], self.samples.y[evaluated]
        balanced = self.search.metric == "balanced_accuracy"
        weight = 1 / torch.bincount(y)[y] if balanced else torch.ones(len(d))
        weight = (weight / weight.sum()).double()
        mean = (weight * d).sum()
        variance = (weight.square() * (d - mean).square()).sum() * len(d) / max(1, len(d) - 1)
        return float(mean), float(variance.sqrt())

    def score(self, candidate: Candidate) -> CandidateScore:
        """Returns how a candidate scored so far."""
        mean, _ = self.difference(candidate, None)
        gain, error = self.difference(candidate, NONE)
        seconds = sum(self._seconds.get(candidate, []))
        return CandidateScore(candidate.name, 100 * mean, 100 * gain, 100 * error, self.n_splits(candidate), seconds)

    def _common_splits(self, candidate: Candidate, other: Candidate) -> list[int]:
        numbers = range(self.search.splits)
        return [n for n in numbers if (candidate, n) in self._correct and (other, n) in self._correct]

    def _make_split(self, number: int) -> Split:
        from sklearn.model_selection import StratifiedKFold

        repeat, fold = divmod(number, self.search.folds)
        y = self.samples.y.numpy()
        random_state = seeds.derive(self.search.seed, 1, repeat) % 2**32
        folds = StratifiedKFold(self.search.folds, shuffle=True, random_state=random_state)
        with warnings.catch_warnings():
            # A class with fewer samples than folds is absent from some held-out parts, which is fine.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            train_index, test_index = (torch.as_tensor(part) for part in list(folds.split(y, y))[fold])
        # An augmenter needs two samples of every class: if only one is left, it is used twice.
        train_y = self.samples.y[train_index]
        single = train_index[torch.bincount(train_y)[train_y] == 1]
        run_seed = seeds.derive(self.search.seed, 2, number) % 2**31
        run = SeedRun(self.samples[torch.cat([train_index, single])], run_seed, self.search.settings)
        return Split(run, self.samples[test_index], test_index)

    def _train(self, candidate: Candidate, number: int, trains_vae: bool) -> None:
        split, for_network = self.split(number), self.classifier.is_network
        context = split.run.context(self.classifier)
        if trains_vae:
            start = time.monotonic()
            context.augmenter()
            self.vae_seconds.append(time.monotonic() - start)
        start = time.monotonic()
        method = candidate.method(for_network, self.search.classical)
        if for_network:
            deadline = self.search.deadline - max(self.vae_seconds, default=0.0)
            method = replace(method, stages=(_Deadline(deadline), *method.stages))
        predict = runs.fit_classifier(context, method).predict
        self._correct[candidate, number] = predict(split.held_out.x) == split.held_out.y
        self._seconds.setdefault(candidate, []).append(time.monotonic() - start)


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
