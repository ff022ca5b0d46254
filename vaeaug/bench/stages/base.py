"""Stages: the kinds of augmentation that a benchmark compares, and the VAE's own; see `rivals` and `controls` for the rest.

A `Growth` makes a larger training set, once. A `Stage` changes batches: fitted to the training subset, it gives a function
from samples, targets (one-hot until a stage mixes or weighs them) and a seed to samples and targets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.augmenter.generation import Generated
from vaeaug.data.samples import Samples
from vaeaug.perturb.schemes import DEFAULT, Extrapolate, Perturbation
from vaeaug.plugins.torch.replacement import Replacement, replace_some
from vaeaug.runtime import checks, seeds

Transform = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


class Job(ABC):
    """Abstract: what a stage may know of its run.

    Arguments:
        samples: The training subset.
        seed: Of the run.
        network: The network in training, from samples to logits; None where copies for an estimator are made, all of which
            are to be changed.
        classifier: What is being trained, as `vaeaug.bench.runs` knows it.
        settings: What the arms of the run share, a `vaeaug.bench.runs.Settings`.
        vae_steps: Optimiser steps of the VAE.
        pool: What the training subset was drawn from, where that is known.
    """

    samples: Samples
    seed: int
    network: nn.Module | None
    classifier: Any
    settings: Any
    vae_steps: int
    pool: Samples | None = None

    @abstractmethod
    def grown(self, growth: Growth) -> Samples:
        """Returns the larger training set. The arms of a run share what a growth that trains has made."""

    @abstractmethod
    def augmenter(self) -> Augmenter:
        """Returns an augmenter fitted to the training subset. The arms of a run share it; the first call trains it."""

    def shared(self, thing: Any, make: Callable[[], Any]) -> Any:
        """Returns what `make` makes. The arms of a run share it, where the run can keep it under the name `thing`."""
        return make()


class Growth(ABC):
    """Abstract: makes a larger training set. Concrete ones are frozen dataclasses.

    `trains` says that it trains a model, whose seconds are told apart. `needs` names a package that it imports, and the extra
    of ours that installs it.
    """

    trains = False
    needs: tuple[str, str] | None = None

    @property
    def ready(self) -> bool:
        """Whether the package that it needs is installed."""
        return self.needs is None or find_spec(self.needs[0]) is not None

    @abstractmethod
    def grow(self, job: Job) -> Samples:
        """Returns the training subset with synthetic or repeated samples behind it."""


def with_children(samples: Samples, made: Generated) -> Samples:
    """Returns samples with their children behind them."""
    return Samples(torch.cat([samples.x, made.x]), torch.cat([samples.y, made.y]), samples.names)


def goal(counts: Sequence[int], factor: int) -> int:
    """Returns the size that every class grows to: alike for all, `factor` times the mean size, and at least the largest."""
    return max(*counts, round(factor * sum(counts) / len(counts)))


class Stage(ABC):
    """Abstract: one kind of augmentation of batches. Concrete ones are frozen dataclasses.

    `networks_only` says that an estimator cannot use it: it mixes labels, or asks the network in training. `images_only`
    that rows cannot. `weights_samples` says that its targets weigh the samples. `count` is how many samples
    without labels it asks for.
    """

    count: int = 0
    networks_only = False
    images_only = False
    weights_samples = False

    @abstractmethod
    def fit(self, job: Job) -> Transform:
        """Returns a function from samples `(B, *event)`, targets `(B, K)` and a seed to samples and targets."""


@dataclass(frozen=True)
class Synthetic(Stage):
    """Replaces a share of the batch by children of its samples, made by the VAE.

    Arguments:
        perturb: How to draw the children.
        replace: The share, in 0..1; all where copies for an estimator are made.
        residual: Whether the decoded change is added to the sample.
        hardest_of: Keeps, of so many children, the one with the highest loss under the network in training.
    """

    perturb: Perturbation = field(default_factory=Extrapolate)
    replace: float = 0.5
    residual: bool = True
    hardest_of: int | None = None

    def __post_init__(self) -> None:
        checks.check_number("replace", self.replace, 0, 1)

    @property
    def networks_only(self) -> bool:  # type: ignore[override]
        return self.hardest_of is not None

    def fitted(self, job: Job) -> Augmenter:
        """Returns the augmenter that makes the children."""
        return job.augmenter()

    def fit(self, job: Job) -> Transform:
        augmenter = self.fitted(job).using(perturb=self.perturb, residual=self.residual)
        network = job.network if self.hardest_of else None
        children = Replacement(augmenter, hardest_of=self.hardest_of, network=network).synthesize
        replace = 1.0 if job.network is None else self.replace
        return lambda x, t, seed: (replace_some(augmenter, x, t.argmax(1), replace, seed, children), t)


@dataclass(frozen=True)
class Fill(Growth):
    """Grows the rarer classes by children until every class has as many samples as the richest: what `VAEOverSampler` does.

    Arguments:
        perturb: How to draw the children.
    """

    perturb: Perturbation = DEFAULT

    def grow(self, job: Job) -> Samples:
        samples = job.samples
        missing = max(samples.counts) - torch.tensor(samples.counts)
        labels = torch.arange(len(missing)).repeat_interleave(missing)
        if not len(labels):
            return samples
        augmenter = job.augmenter().using(perturb=self.perturb)
        return with_children(samples, augmenter.generate(len(labels), labels=labels, seed=seeds.derive(job.seed, 14)))
