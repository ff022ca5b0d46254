"""Cross-validation inside the training samples: candidates trained and evaluated split by split, within the time budget."""

from __future__ import annotations

import math
import time
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaeaug.choice.candidates import NONE, Candidate
from vaeaug.runtime import seeds

METRICS = ("accuracy", "balanced_accuracy")


class OutOfTime(Exception):
    """Raised inside a training when the time budget is used up."""


class SplitIndex(NamedTuple):
    """The samples of one split, by index."""

    train: Tensor
    held_out: Tensor


@dataclass(frozen=True)
class SearchSettings:
    """How candidates are cross-validated.

    Arguments:
        metric: `accuracy` or `balanced_accuracy`.
        folds, repeats: The number of folds, and of repetitions with other folds.
        seed: The seed of the splits.
        deadline: The time, by `time.monotonic`, at which the search ends.
        first_rung: The splits that every candidate is evaluated on, if there are as many.
        min_standard_errors: The number of standard errors by which a candidate must beat none.
        usual: The candidate that is used unless another is clearly better; None if no choice is usual for such data.
        clearly: The number of standard errors that a candidate must be above the usual one.
    """

    metric: str
    folds: int
    repeats: int
    seed: int
    deadline: float = math.inf
    first_rung: int = 3
    min_standard_errors: float = 1.0
    usual: Candidate | None = None
    clearly: float = 2.0

    @property
    def splits(self) -> int:
        """The number of splits."""
        return self.folds * self.repeats


@dataclass(frozen=True)
class CandidateScore:
    """How a candidate scored.

    Arguments:
        candidate: The candidate.
        mean: The metric on held-out samples, in points (percent); NaN if it was not evaluated.
        gain: The paired difference to none on the same splits, in points.
        error: The standard error of that difference, over samples.
        splits: The number of splits that it was evaluated on.
        seconds: The seconds for that, without training the VAEs.
    """

    candidate: Candidate
    mean: float
    gain: float
    error: float
    splits: int
    seconds: float

    @property
    def name(self) -> str:
        """The candidate in words."""
        return self.candidate.name


class CrossValidation(ABC):
    """Abstract: trains candidates and keeps, per candidate and split, which held-out samples were classified correctly.

    Arguments:
        y: The labels of the training samples, `(N,)`, numbers from 0.
        search: How candidates are cross-validated.
        bar: A progress bar that counts trainings.
    """

    for_network: bool

    def __init__(self, y: Tensor, search: SearchSettings, bar: Any) -> None:
        self.y, self.search, self.bar = y, search, bar
        self.vae_seconds: list[float] = []
        self._correct: dict[tuple[Candidate, int], Tensor] = {}
        self._seconds: dict[Candidate, list[float]] = {}
        self._index: dict[int, SplitIndex] = {}

    @abstractmethod
    def lacks_vae(self, candidate: Candidate, number: int) -> bool:
        """Returns whether the candidate needs a VAE of this split that is not trained yet."""

    @abstractmethod
    def train_vae(self, candidate: Candidate, number: int) -> None:
        """Trains the VAE of a split, which its candidates share."""

    @abstractmethod
    def train(self, candidate: Candidate, number: int, deadline: float) -> Tensor:
        """Trains a candidate on a split, and returns which of the held-out samples it classifies correctly.

        Raises:
            OutOfTime: If the training did not end before the deadline.
        """

    def index(self, number: int) -> SplitIndex:
        """Returns the samples of one split."""
        if number not in self._index:
            self._index[number] = split_index(self.y, self.search, number)
        return self._index[number]

    def evaluate(self, candidate: Candidate, number: int) -> bool:
        """Trains and evaluates a candidate on one split, unless that was done before; returns whether there was time."""
        if (candidate, number) in self._correct:
            return True
        trains_vae = self.lacks_vae(candidate, number)
        past_seconds = self._seconds.get(candidate) or [s for seconds in self._seconds.values() for s in seconds]
        # The last fit needs time for a VAE, too.
        reserved = max(self.vae_seconds, default=0.0) * (1 + trains_vae)
        if self.search.deadline - time.monotonic() - reserved <= max(past_seconds, default=0.0):
            return False
        try:
            self._train_and_time(candidate, number, trains_vae)
        except OutOfTime:
            return False
        self.bar.update()
        return True

    def n_splits(self, candidate: Candidate, other: Candidate = NONE) -> int:
        """Returns the number of splits that both candidates were evaluated on."""
        return len(self._common_splits(candidate, other))

    def difference(self, candidate: Candidate, other: Candidate | None) -> tuple[float, float]:
        """Returns the mean of a candidate (minus another's, on the same splits) and its standard error, in 0..1.

        Every held-out sample counts once, with its mean over the repeats; the error is over samples.
        """
        total, count = torch.zeros(2, len(self.y), dtype=torch.float64)
        for number in self._common_splits(candidate, other or candidate):
            index, value = self.index(number).held_out, self._correct[candidate, number].double()
            total[index] += value - (self._correct[other, number].double() if other else 0)
            count[index] += 1
        evaluated = count > 0
        if not evaluated.any():
            return math.nan, math.nan
        d, y = total[evaluated] / count[evaluated], self.y[evaluated]
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
        return CandidateScore(candidate, 100 * mean, 100 * gain, 100 * error, self.n_splits(candidate), seconds)

    def _common_splits(self, candidate: Candidate, other: Candidate) -> list[int]:
        numbers = range(self.search.splits)
        return [n for n in numbers if (candidate, n) in self._correct and (other, n) in self._correct]

    def _train_and_time(self, candidate: Candidate, number: int, trains_vae: bool) -> None:
        if trains_vae:
            start = time.monotonic()
            self.train_vae(candidate, number)
            self.vae_seconds.append(time.monotonic() - start)
        start = time.monotonic()
        deadline = self.search.deadline - max(self.vae_seconds, default=0.0)
        self._correct[candidate, number] = self.train(candidate, number, deadline)
        self._seconds.setdefault(candidate, []).append(time.monotonic() - start)


def split_index(y: Tensor, search: SearchSettings, number: int) -> SplitIndex:
    """Returns the samples of one split of stratified folds.

    Arguments:
        y: The labels, `(N,)`. The only sample of a class is never held out.
        search: The folds and their seed.
        number: The number of the split, repeat after repeat.
    """
    from sklearn.model_selection import StratifiedKFold

    repeat, fold = divmod(number, search.folds)
    labels = y.numpy()
    random_state = seeds.derive(search.seed, 1, repeat) % 2**32
    folds = StratifiedKFold(search.folds, shuffle=True, random_state=random_state)
    with warnings.catch_warnings():
        # A class with fewer samples than folds is absent from some held-out parts, which is fine.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        train, held_out = (torch.as_tensor(part) for part in list(folds.split(labels, labels))[fold])
    alone = torch.bincount(y)[y] == 1
    return SplitIndex(torch.cat([train, held_out[alone[held_out]]]), held_out[~alone[held_out]])
