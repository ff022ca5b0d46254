"""What a search compares: ways to use an augmenter, and how they scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import AddSynthetic, Append, Synthetic
from vaeaug.data.classical import Classical
from vaeaug.perturb.schemes import DEFAULT, Covariance, Difference, Extrapolate, Interpolate, Perturbation, Posterior
from vaeaug.plugins.torch.replacement import ADD
from vaeaug.runtime import checks
from vaeaug.runtime.checks import renamed


@renamed(ratio="replace", beside="add", worst_of="hardest_of")
@dataclass(frozen=True)
class Candidate:
    """One way to use an augmenter. `Candidate()`, without a perturbation, is *none*.

    Arguments:
        perturb: The perturbation.
        add: Synthetic samples per real one: in every batch of a network (a whole number), or in the training set of an
            estimator.
        replace: For networks: the fraction of a batch that is replaced instead, above 0.
        hardest_of: For networks: the number of synthetic samples drawn, of which the one with the highest loss is used.

    Raises:
        InputError: If a number is out of its range, or unless there is a perturbation with either `add` or `replace`.
    """

    perturb: Perturbation | None = None
    add: float | None = field(default=None, kw_only=True)
    replace: float | None = field(default=None, kw_only=True)
    hardest_of: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.add is not None:
            checks.check_number("add", self.add, 0, above=True)
        if self.replace is not None:
            checks.check_number("replace", self.replace, 0, 1, above=True)
        if self.hardest_of is not None:
            checks.check_number("hardest_of", self.hardest_of, 2, whole=True)
        uses = (self.add is not None) + (self.replace is not None)
        if uses != (self.perturb is not None):
            got = f"perturb={self.perturb!r}, add={self.add!r}, replace={self.replace!r}"
            remedy = "for example Candidate(Extrapolate(1.0), add=3), or Candidate() for none"
            checks.refuse("a perturbation and either add or replace, or none of them", got, remedy)

    @property
    def name(self) -> str:
        """The candidate in words."""
        if self.perturb is None:
            return "none"
        default = type(self.perturb)()
        values = [(f.name, getattr(self.perturb, f.name)) for f in fields(self.perturb)]  # type: ignore[arg-type]
        settings = ", ".join(f"{n} {v}" for n, v in values if n == "scale" or v != getattr(default, n))
        use = f"add {self.add:g}" if self.add else f"replace {self.replace:g}"
        hardest = f", hardest of {self.hardest_of}" if self.hardest_of else ""
        return f"{type(self.perturb).__name__.lower()} ({settings}), {use}{hardest}"

    @property
    def cost(self) -> float:
        """The relative cost of training a network: samples generated per sample used, times the size of the batch."""
        if self.perturb is None:
            return 0
        return (self.hardest_of or 1) * (1 + self.add if self.add else 1)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `AugmentedLoader` or `AugmentedClassifier` that the candidate stands for, without the network."""
        if self.perturb is None:
            return {"replace": 0.0}
        values = {"add": self.add, "replace": self.replace, "hardest_of": self.hardest_of}
        return {name: value for name, value in values.items() if value is not None}

    def method(self, for_network: bool, classical: Classical | None = None) -> Method:
        """Returns the benchmark's method that trains with this candidate, followed by classical augmentation."""
        classical_stages = () if classical is None else (ClassicalAugmentation(classical),)
        if self.perturb is None:
            return Method(self.name, classical_stages)
        if not for_network:
            return Method(self.name, classical_stages, AddSynthetic(self.perturb, self.add or 0))
        if self.add:
            synthetic = Synthetic(self.perturb, 1.0, hardest_of=self.hardest_of)
            return Method(self.name, (Append(synthetic, round(self.add)), *classical_stages))
        synthetic = Synthetic(self.perturb, self.replace or 0, hardest_of=self.hardest_of)
        return Method(self.name, (synthetic, *classical_stages))


NONE = Candidate()
FOR_NETWORKS = (
    Candidate(DEFAULT, add=ADD),
    Candidate(DEFAULT, add=1),
    Candidate(DEFAULT, add=1, hardest_of=4),
    Candidate(Extrapolate(1.0), add=ADD),
    Candidate(Extrapolate(1.0), replace=0.5),
    Candidate(Interpolate(1.0), add=ADD),
    Candidate(Covariance(0.5), replace=0.5),
)
FOR_ESTIMATORS = (
    Candidate(Extrapolate(1.0), add=9),
    Candidate(Extrapolate(0.5), add=9),
    Candidate(Covariance(0.5), add=9),
    Candidate(Extrapolate(0.5), add=1),
    Candidate(Difference(1.0), add=9),
    Candidate(Interpolate(1.0), add=9),
    Candidate(Posterior(2.0), add=9),
    Candidate(Covariance(1.0), add=9),
)


@dataclass(frozen=True)
class CandidateScore:
    """How a candidate scored.

    Arguments:
        name: The candidate.
        mean: The metric on held-out samples, in points (percent); NaN if it was not evaluated.
        gain: The paired difference to none on the same splits, in points.
        error: The standard error of that difference, over samples.
        splits: The number of splits that it was evaluated on.
        seconds: The seconds for that, without training the VAEs.
    """

    name: str
    mean: float
    gain: float
    error: float
    splits: int
    seconds: float


@dataclass(frozen=True)
class TuningResult:
    """The result of a search.

    Arguments:
        chosen: The candidate to use; `Candidate()` if none is best.
        for_network: Whether the classifier was a network.
        scores: One per candidate, none first.
        sentence: The outcome in words.
        cut_short: Candidates that the time budget left with fewer splits than planned.
        metric, folds, repeats, seed: The arguments of the search.
        seconds: The seconds of the whole search, including the VAEs and the last fit.
        vae_seconds: The seconds of training the VAEs.
    """

    chosen: Candidate
    for_network: bool
    scores: tuple[CandidateScore, ...]
    sentence: str
    cut_short: tuple[str, ...]
    metric: str
    folds: int
    repeats: int
    seed: int
    seconds: float
    vae_seconds: float

    def settings(self, network: Any = None) -> dict[str, Any]:
        """Returns the arguments of `AugmentedLoader` or `VAEAugment` for the chosen candidate.

        Arguments:
            network: The network in training; needed if the candidate uses the hardest of several samples.
        """
        arguments = self.chosen.arguments
        if self.chosen.hardest_of is None:
            return arguments
        if network is None:
            checks.refuse("the network in training", "none", "pass result.settings(network)")
        return {**arguments, "network": network}

    @property
    def usage(self) -> str:
        """The line of Python that was evaluated."""
        if self.chosen.perturb is None:
            return "no augmentation: train on the data as it is"
        arguments = ", ".join(f"{name}={value:g}" for name, value in self.chosen.arguments.items())
        if not self.for_network:
            return f"AugmentedClassifier(estimator, perturb={self.chosen.perturb!r}, {arguments})"
        network = ", network=network" if self.chosen.hardest_of else ""
        return f"AugmentedLoader(loader, augmenter, {arguments}{network})"

    @property
    def table(self) -> str:
        """The scores as a Markdown table."""
        lines: list[Sequence[str]] = [
            ("candidate", f"{self.metric.replace('_', ' ')} %", "vs. none", "splits", "seconds")
        ]
        for score in self.scores:
            gain = f"{score.gain:+.1f} ± {score.error:.1f}" if score.splits and score.name != NONE.name else ""
            mean = f"{score.mean:.1f}" if score.splits else ""
            name = f"**{score.name}**" if score.name == self.chosen.name else score.name
            lines.append((name, mean, gain, str(score.splits), f"{score.seconds:.0f}"))
        return markdown_table(lines)
