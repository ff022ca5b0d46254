"""The result of a search, and the benchmark's method for each candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.stages.base import Stage
from vaeaug.bench.stages.baselines import ClassicalAugmentation, ClassWeights, Mix, PolicyAugmentation
from vaeaug.bench.stages.controls import Unchanged
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import AddSynthetic, Append, BalanceWithSynthetic, Synthetic
from vaeaug.choice.candidates import NONE, RAND_AUGMENT, Candidate
from vaeaug.choice.search import Choice
from vaeaug.choice.trials import CandidateScore
from vaeaug.data.classical import Classical
from vaeaug.data.policies import RandAugment
from vaeaug.perturb.schemes import DEFAULT, Covariance, Difference, Extrapolate, Interpolate, Posterior
from vaeaug.runtime import checks

ADD = 3

# The candidates of the method `tuned`: perturbations in one space, that of a VAE by default, and no baseline. The defaults of
# `vaeaug.tune` are those of `vaeaug.choice.candidates`.
VAE_FOR_NETWORKS = (
    Candidate(DEFAULT, add=ADD),
    Candidate(DEFAULT, add=1),
    Candidate(DEFAULT, add=1, hardest_of=4),
    Candidate(Extrapolate(1.0), add=ADD),
    Candidate(Extrapolate(1.0), replace=0.5),
    Candidate(Interpolate(1.0), add=ADD),
    Candidate(Covariance(0.5), replace=0.5),
)
VAE_FOR_ESTIMATORS = (
    Candidate(Extrapolate(1.0), add=9),
    Candidate(Extrapolate(0.5), add=9),
    Candidate(Covariance(0.5), add=9),
    Candidate(Extrapolate(0.5), add=1),
    Candidate(Difference(1.0), add=9),
    Candidate(Interpolate(1.0), add=9),
    Candidate(Posterior(2.0), add=9),
    Candidate(Covariance(1.0), add=9),
)
# The magnitude of the method *RandAugment*, chosen on development seeds: benchmarks/recipe/q20_policies.py.
BASELINE_STAGES: dict[str, tuple[Stage, ...]] = {
    "classical": (ClassicalAugmentation(),),
    "class weights": (ClassWeights(),),
    "MixUp": (Mix(),),
    RAND_AUGMENT: (PolicyAugmentation(RandAugment(magnitude=3)), Mix()),
}


def method_of(candidate: Candidate, for_network: bool, classical: Classical | None = None) -> Method:
    """Returns the benchmark's method that trains with a candidate.

    Arguments:
        candidate: The candidate.
        for_network: Whether the classifier is a network rather than an estimator.
        classical: Classical augmentation after its synthetic samples, if any.
    """
    classical_stages = () if classical is None else (ClassicalAugmentation(classical),)
    after = (*classical_stages, *BASELINE_STAGES.get(candidate.baseline or "", ()))
    perturb, name, space = candidate.perturb, candidate.name, candidate.space
    if perturb is None:
        repeated = (Append(Unchanged(), round(candidate.add)),) if candidate.add else ()
        return Method(name, (*repeated, *after))
    if candidate.balance:
        return Method(name, after, BalanceWithSynthetic(perturb), space=space)
    if not for_network:
        return Method(name, after, AddSynthetic(perturb, candidate.add or 0), space=space)
    if candidate.add:
        synthetic = Synthetic(perturb, 1.0, hardest_of=candidate.hardest_of)
        return Method(name, (Append(synthetic, round(candidate.add)), *after), space=space)
    synthetic = Synthetic(perturb, candidate.replace or 0, hardest_of=candidate.hardest_of)
    return Method(name, (synthetic, *after), space=space)


@dataclass(frozen=True)
class TuningResult:
    """The result of `vaeaug.tune`.

    Arguments:
        choice: What was chosen, why, and the scores.
        for_network: Whether the classifier was a network.
        time_budget: The seconds that the search was given; None for no limit.
        latent_dim: The argument of `fit_vae` and `PCA`; None for the default.
        seconds: The seconds of the whole search, including the VAEs and the last fit.
        vae_seconds: The seconds of training the VAEs.
    """

    choice: Choice
    for_network: bool
    time_budget: float | None
    latent_dim: int | None
    seconds: float
    vae_seconds: float

    @property
    def chosen(self) -> Candidate:
        """The candidate to use; `Candidate()` if none is worth its cost."""
        return self.choice.chosen

    @property
    def best(self) -> Candidate | None:
        """The candidate of the highest mean; see `Choice`."""
        return self.choice.best

    @property
    def reason(self) -> str:
        """Why the chosen candidate was taken; see `Choice`."""
        return self.choice.reason

    @property
    def scores(self) -> tuple[CandidateScore, ...]:
        """One per candidate, none first."""
        return self.choice.scores

    @property
    def cut_short(self) -> tuple[Candidate, ...]:
        """Candidates that the time budget left with fewer splits than planned."""
        return self.choice.cut_short

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if not self.cut_short:
            return self.choice.sentence
        names = "; ".join(candidate.name for candidate in self.cut_short)
        budget = f"The time budget of {self.time_budget:g} s ended before these were evaluated as planned: {names}."
        return f"{self.choice.sentence} {budget}"

    def settings(self, network: Any = None) -> dict[str, Any]:
        """Returns the arguments of `AugmentedLoader` or `VAEAugment` for the synthetic samples of the chosen candidate.

        What comes after them, a baseline, is up to your pipeline; see `usage`.

        Arguments:
            network: The network in training; needed if the candidate uses the hardest of several samples.
        """
        chosen = self.chosen
        if chosen.perturb is None:
            return {"replace": 0.0}
        if chosen.balance:
            checks.refuse("synthetic samples in every batch", "classes that are filled up once", f"use {self.usage}")
        values = {"add": chosen.add, "replace": chosen.replace, "hardest_of": chosen.hardest_of}
        arguments = {name: value for name, value in values.items() if value is not None}
        if chosen.hardest_of is None:
            return arguments
        if network is None:
            checks.refuse("the network in training", "none", "pass result.settings(network)")
        return {**arguments, "network": network}

    @property
    def usage(self) -> str:
        """The line of Python that was evaluated."""
        chosen = self.chosen
        if chosen == NONE:
            return "no augmentation: train on the data as it is"
        after = _USAGE_OF_BASELINES.get(chosen.baseline or "")
        if chosen.perturb is None:
            repeated = f", after repeating every sample of a batch {chosen.add:g} times" if chosen.add else ""
            return f"{after}{repeated}; no synthetic samples"
        return f"{self._usage_of_samples()}{f', then {after}' if after else ''}"

    def _usage_of_samples(self) -> str:
        chosen = self.chosen
        values = {"add": chosen.add, "replace": chosen.replace, "hardest_of": chosen.hardest_of}
        arguments = "".join(f", {name}={value:g}" for name, value in values.items() if value is not None)
        calls = {"pca": f"vae=PCA({self.latent_dim or ''}), ", "identity": "vae=Identity(), "}
        vae = calls.get(chosen.space, "")
        if chosen.balance:
            return f"VAEOverSampler({vae}perturb={chosen.perturb!r}).fit_resample(X, y)"
        if not self.for_network:
            return f"AugmentedClassifier(estimator, {vae}perturb={chosen.perturb!r}{arguments})"
        network = ", network=network" if chosen.hardest_of else ""
        return f"AugmentedLoader(loader, augmenter{arguments}{network})"

    @property
    def table(self) -> str:
        """The scores as a Markdown table."""
        header, *lines = self.table_lines
        bold = [line[0] == self.chosen.name for line in lines]
        marked = [(f"**{line[0]}**" if b else line[0], *line[1:]) for line, b in zip(lines, bold, strict=True)]
        return markdown_table([header, *marked])

    @property
    def table_lines(self) -> list[tuple[str, ...]]:
        """The cells of the table of scores, its header first."""
        lines: list[tuple[str, ...]] = [
            ("candidate", f"{self.choice.metric.replace('_', ' ')} %", "vs. none", "splits", "seconds")
        ]
        for score in self.scores:
            gain = f"{score.gain:+.1f} ± {score.error:.1f}" if score.splits and score.candidate != NONE else ""
            mean = f"{score.mean:.1f}" if score.splits else ""
            lines.append((score.name, mean, gain, str(score.splits), f"{score.seconds:.0f}"))
        return lines


_USAGE_OF_BASELINES = {
    "classical": "vaeaug.Classical() on every batch",
    "class weights": 'sample_weight=sklearn.utils.compute_sample_weight("balanced", y)',
    "MixUp": "torchvision.transforms.v2.MixUp(alpha=0.2, num_classes=K) on every batch",
    RAND_AUGMENT: "v2.RandAugment(magnitude=3) on every image and v2.MixUp(alpha=0.2, num_classes=K) on every batch, "
    "of torchvision.transforms",
}
