"""Candidates of a search: ways to use an augmenter, none among them, and how they fared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from vaeaug.bench.stages.base import Growth, Job, Synthetic, with_children
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.stages.joined import Joined
from vaeaug.bench.stages.method import Arm
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.perturb.schemes import DEFAULT, Covariance, Difference, Extrapolate, Interpolate, Perturbation, Posterior
from vaeaug.plugins.torch.replacement import ADD
from vaeaug.runtime import checks, seeds


@dataclass(frozen=True)
class Candidate:
    """One way to use an augmenter. Without a perturbation it is *none*.

    Arguments:
        perturb: How to draw children.
        replace: The share of synthetic samples, in batches or in the training set of an estimator; in [0, 1).
        hardest_of: Of so many children the one with the highest loss is kept; for networks.
        add: So many children of each sample join a batch, in place of a ratio; for networks.
    """

    perturb: Perturbation | None = None
    replace: float = 0.0
    hardest_of: int | None = None
    add: int | None = None

    def __post_init__(self) -> None:
        checks.check_number("replace", self.replace, 0, 0.99)
        if self.hardest_of is not None:
            checks.check_number("hardest_of", self.hardest_of, 2, whole=True)
        if self.add is not None:
            checks.check_number("add", self.add, 1, whole=True)
        ways = (self.replace > 0) + (self.add is not None)
        if ways != (self.perturb is not None):
            there = f"perturb={self.perturb!r}, replace={self.replace!r}, add={self.add!r}"
            remedy = "pass Candidate(Extrapolate(1.0), 0.5), say, or Candidate() for none"
            checks.refuse("a perturbation and either a ratio above 0 or beside, or none of them", there, remedy)

    @property
    def name(self) -> str:
        """The candidate in words."""
        if self.perturb is None:
            return "none"
        default = type(self.perturb)()
        values = [(f.name, getattr(self.perturb, f.name)) for f in fields(self.perturb)]  # type: ignore[arg-type]
        told = ", ".join(f"{n} {v}" for n, v in values if n == "scale" or v != getattr(default, n))
        worst = f", worst of {self.hardest_of}" if self.hardest_of else ""
        way = f"{self.add} beside" if self.add else f"ratio {self.replace:g}"
        return f"{type(self.perturb).__name__.lower()} ({told}), {way}{worst}"

    @property
    def cost(self) -> int:
        """How the candidates are ordered by what they ask for: the children drawn for one that is used, and, where children
        join, the size of the batch."""
        return 0 if self.perturb is None else (self.hardest_of or 1) * (1 + self.add if self.add else 1)

    def arm(self, network: bool, classical: Classical | None = None) -> Arm:
        """Returns the arm of the benchmark that trains under this candidate."""
        after = () if classical is None else (ClassicalAugmentation(classical),)
        if self.perturb is None:
            return Arm(self.name, after)
        if network and self.add:
            every = Synthetic(self.perturb, 1.0, hardest_of=self.hardest_of)
            return Arm(self.name, (Joined(every, self.add), *after))
        if network:
            return Arm(self.name, (Synthetic(self.perturb, self.replace, hardest_of=self.hardest_of), *after))
        return Arm(self.name, after, Children(self.perturb, self.replace))


@dataclass(frozen=True)
class Children(Growth):
    """Adds children of every sample, equally many of each, until they have the share `replace`.

    Arguments:
        perturb: How to draw them.
        replace: In [0, 1): 0.5 is one child per real sample, 0.9 nine.
    """

    perturb: Perturbation
    replace: float

    def grow(self, job: Job) -> Samples:
        samples, augmenter = job.samples, job.augmenter().using(perturb=self.perturb)
        size = round(len(samples) * self.replace / (1 - self.replace))
        if size == 0:
            return samples
        return with_children(samples, augmenter.generate(size, samples.x, samples.y, seeds.derive(job.seed, 11)))


NONE = Candidate()
FOR_NETWORKS = (
    Candidate(DEFAULT, add=ADD),
    Candidate(DEFAULT, add=1),
    Candidate(DEFAULT, add=1, hardest_of=4),
    Candidate(Extrapolate(1.0), add=ADD),
    Candidate(Extrapolate(1.0), 0.5),
    Candidate(Interpolate(1.0), add=ADD),
    Candidate(Covariance(0.5), 0.5),
)
FOR_ESTIMATORS = (
    Candidate(Extrapolate(1.0), 0.9),
    Candidate(Extrapolate(0.5), 0.9),
    Candidate(Covariance(0.5), 0.9),
    Candidate(Extrapolate(0.5), 0.5),
    Candidate(Difference(1.0), 0.9),
    Candidate(Interpolate(1.0), 0.9),
    Candidate(Posterior(2.0), 0.9),
    Candidate(Covariance(1.0), 0.9),
)


@dataclass(frozen=True)
class Trial:
    """How a candidate fared.

    Arguments:
        name: The candidate.
        mean: Of the metric on held-out samples, in points (percent); not a number where nothing was judged.
        gain: The paired difference to none on the same splits, in points.
        error: The standard error of that difference, from sample to sample.
        splits: How many splits it was judged on.
        seconds: What that took, training the VAEs apart.
    """

    name: str
    mean: float
    gain: float
    error: float
    splits: int
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Arguments:
        chosen: The candidate to use; `Candidate()` where none is best.
        trials: One per candidate, none first.
        sentence: The verdict in words.
        not_reached: Candidates that the budget left with fewer splits than the search had planned for them.
        metric, folds, repeats, seed: As the search was asked.
        seconds: What it took, the VAEs and the last fit included.
        vae_seconds: Of these, training the VAEs.
    """

    chosen: Candidate
    trials: tuple[Trial, ...]
    sentence: str
    not_reached: tuple[str, ...]
    metric: str
    folds: int
    repeats: int
    seed: int
    seconds: float
    vae_seconds: float

    @property
    def replace(self) -> float:
        """The share of samples to replace: 0 where none is best, and where children join (see `add`)."""
        return self.chosen.replace

    @property
    def add(self) -> int | None:
        """How many children of each sample join a batch."""
        return self.chosen.add

    @property
    def hardest_of(self) -> int | None:
        """For `AugmentedLoader(..., hardest_of=..., classifier=network)`."""
        return self.chosen.hardest_of

    def settings(self, network: Any = None) -> dict[str, Any]:
        """Returns the arguments of `AugmentedLoader` or `VAEAugment` that the choice comes down to.

        Arguments:
            network: The network in training; needed where the worst of several children is used.
        """
        way = {"replace": self.replace} if self.add is None else {"add": self.add}
        if self.hardest_of is None:
            return way
        if network is None:
            checks.refuse("the network in training", "none", "pass tuned.settings(network)")
        return {**way, "hardest_of": self.hardest_of, "network": network}

    @property
    def table(self) -> str:
        """The trials as a Markdown table."""
        lines: list[Sequence[str]] = [
            ("candidate", f"{self.metric.replace('_', ' ')} %", "to none", "splits", "seconds")
        ]
        for trial in self.trials:
            gain = f"{trial.gain:+.1f} ± {trial.error:.1f}" if trial.splits and trial.name != NONE.name else ""
            mean = f"{trial.mean:.1f}" if trial.splits else ""
            name = f"**{trial.name}**" if trial.name == self.chosen.name else trial.name
            lines.append((name, mean, gain, str(trial.splits), f"{trial.seconds:.0f}"))
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        text = [
            f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
        ]
        return "\n".join([text[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *text[1:]])
