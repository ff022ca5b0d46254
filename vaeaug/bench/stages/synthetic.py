"""The library's own methods: synthetic samples that replace part of a batch, are appended to it, or fill the rare classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.keys import stable_key
from vaeaug.bench.stages.base import BatchTransform, Resampler, Stage, with_synthetic
from vaeaug.bench.stages.baselines import RandomOversampling
from vaeaug.bench.stages.context import Context
from vaeaug.data.samples import Samples
from vaeaug.perturb.schemes import DEFAULT, Extrapolate, Perturbation
from vaeaug.plugins.torch.replacement import ADD, Replacement, replace_some
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream


@dataclass(frozen=True)
class Synthetic(Stage):
    """Replaces a fraction of a batch with synthetic samples made from these same samples.

    Arguments:
        perturb: The perturbation.
        replace: The fraction, in 0..1. Where copies for an estimator are made, all of them are replaced.
        residual: Whether the decoded change is added to the real sample.
        hardest_of: The number of synthetic samples drawn, of which the one with the highest loss under the network in
            training is used; None draws one.
    """

    key: ClassVar[str] = "synthetic"
    spaces: ClassVar[tuple[str, ...]] = ("vae",)  # type: ignore[misc]

    perturb: Perturbation = field(default_factory=Extrapolate)
    replace: float = 0.5
    residual: bool = True
    hardest_of: int | None = None

    def __post_init__(self) -> None:
        checks.check_number("replace", self.replace, 0, 1)

    @property
    def networks_only(self) -> bool:  # type: ignore[override]
        return self.hardest_of is not None

    def augmenter(self, context: Context) -> Augmenter:
        """Returns the augmenter that makes the samples, fitted to the training subset."""
        return context.augmenter()

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        augmenter = self.augmenter(context).using(perturb=self.perturb, residual=self.residual)
        judge = network if self.hardest_of else None
        synthesize = Replacement(augmenter, hardest_of=self.hardest_of, network=judge).synthesize
        fraction = self.replace if context.for_network else 1.0
        return lambda x, t, seed: (replace_some(augmenter, x, t.argmax(1), fraction, seed, synthesize), t)

    def frame(self, for_network: bool) -> list[Any]:
        # Real samples in place of synthetic ones made from them: nothing happens, unless the hardest of several is chosen.
        return [{"hardest_of": self.hardest_of}] if self.hardest_of else []

    def scheme(self, for_network: bool) -> Any:
        return [stable_key(self.perturb), self.residual, self.hardest_of, self.replace if for_network else 1.0]


@dataclass(frozen=True)
class Append(Stage):
    """Appends the output of another stage to the batch. The number of steps, and of real samples in each, stays.

    Reference: Hoffer et al., "Augment your batch: improving generalization through instance repetition", 2020,
    https://arxiv.org/abs/1901.09335

    Where copies for an estimator are made it is the other stage itself, because copies are appended anyway.

    Arguments:
        stage: What changes the copies; by default all of them become synthetic samples.
        add: The number of copies of each sample: a batch becomes 1 + `add` times as large.
    """

    key: ClassVar[str] = "append"

    stage: Stage = field(default_factory=lambda: Synthetic(DEFAULT, replace=1.0))
    add: int = ADD

    def __post_init__(self) -> None:
        checks.check_number("add", self.add, 1, whole=True)
        for name in ("unlabelled_count", "networks_only", "images_only", "weights_samples", "spaces"):
            object.__setattr__(self, name, getattr(self.stage, name))

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        stage_transform = self.stage.fit(context, network)
        if not context.for_network:
            return stage_transform

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            copies = x.repeat(self.add, *[1] * (x.ndim - 1)), t.repeat(self.add, 1)
            added, targets = stage_transform(*copies, seeds.derive(seed, 1))
            return torch.cat([x, added]), torch.cat([t, targets])

        return transform

    def frame(self, for_network: bool) -> list[Any]:
        stage = self.stage.frame(for_network)
        return [{"append": stage, "add": self.add}] if for_network else stage

    def scheme(self, for_network: bool) -> Any:
        return self.stage.scheme(for_network)


@dataclass(frozen=True)
class Alternate(Stage):
    """Applies one stage to a random half of the batch, and another one to the rest.

    Arguments:
        first, second: The stages; neither may change the size of the batch.
    """

    key: ClassVar[str] = "alternate"

    first: Stage
    second: Stage

    def __post_init__(self) -> None:
        for name in ("unlabelled_count", "networks_only", "images_only", "weights_samples"):
            object.__setattr__(self, name, max(getattr(self.first, name), getattr(self.second, name)))
        object.__setattr__(self, "spaces", (*self.first.spaces, *self.second.spaces))

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        transforms = self.first.fit(context, network), self.second.fit(context, network)

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            x, t = x.clone(), t.clone()
            order = torch.randperm(len(x), generator=seeds.generator(seed, 0))
            for number, index in enumerate((order[: len(x) // 2], order[len(x) // 2 :])):
                if len(index):
                    x[index], t[index] = transforms[number](x[index], t[index], seeds.derive(seed, 1 + number))
            return x, t

        return transform

    def frame(self, for_network: bool) -> list[Any]:
        first, second = (stage.frame(for_network) for stage in (self.first, self.second))
        return first if first == second else [{"alternate": [first, second]}]

    def scheme(self, for_network: bool) -> Any:
        # Halves of one scheme in two spaces are that scheme.
        first, second = (stage.scheme(for_network) for stage in (self.first, self.second))
        return first if first == second else [first, second]


@dataclass(frozen=True)
class AddSynthetic(Resampler):
    """Adds synthetic samples to the training set, the same number of every real one.

    Arguments:
        perturb: The perturbation.
        add: Synthetic samples per real one, 0 or more.
    """

    key: ClassVar[str] = "add synthetic"
    spaces: ClassVar[tuple[str, ...]] = ("vae",)  # type: ignore[misc]

    perturb: Perturbation
    add: float

    def __post_init__(self) -> None:
        checks.check_number("add", self.add, 0)

    def resample(self, context: Context) -> Samples:
        samples, augmenter = context.samples, context.augmenter().using(perturb=self.perturb)
        size = round(len(samples) * self.add)
        if size == 0:
            return samples
        return with_synthetic(samples, augmenter.generate(size, samples.x, samples.y, context.seed_of(Stream.ADDED)))

    def frame(self, for_network: bool) -> list[Any]:
        return [{"add": self.add}]

    def scheme(self, for_network: bool) -> Any:
        return [stable_key(self.perturb)]


@dataclass(frozen=True)
class BalanceWithSynthetic(Resampler):
    """Fills the smaller classes with synthetic samples up to the size of the largest, as `VAEOverSampler` does.

    Arguments:
        perturb: The perturbation.
    """

    key: ClassVar[str] = "balance with synthetic"
    spaces: ClassVar[tuple[str, ...]] = ("vae",)  # type: ignore[misc]

    perturb: Perturbation = DEFAULT

    def augmenter(self, context: Context) -> Augmenter:
        """Returns the augmenter that makes the samples, fitted to the training subset."""
        return context.augmenter()

    def resample(self, context: Context) -> Samples:
        samples = context.samples
        missing = max(samples.counts) - torch.tensor(samples.counts)
        labels = torch.arange(len(missing)).repeat_interleave(missing)
        if not len(labels):
            return samples
        augmenter = self.augmenter(context).using(perturb=self.perturb)
        generated = augmenter.generate_tensors(len(labels), labels=labels, seed=context.seed_of(Stream.BALANCING))
        return with_synthetic(samples, generated)

    def frame(self, for_network: bool) -> list[Any]:
        return RandomOversampling().frame(for_network)

    def scheme(self, for_network: bool) -> Any:
        return [stable_key(self.perturb)]
