"""Baselines: what is done without a generator. Classical moves, mixing, hard examples, balancing, a tuned threshold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaeaug.bench.stages.base import BatchTransform, Resampler, Stage, target_count
from vaeaug.bench.stages.context import Context
from vaeaug.data.classical import Classical
from vaeaug.data.policies import Elastic, RandAugment, RandomErasing, TrivialAugmentWide
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import hardest
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream


@dataclass(frozen=True)
class ClassicalAugmentation(Stage):
    """Augments every sample classically; see `vaeaug.Classical`.

    Arguments:
        classical: The flips, shifts and so on.
    """

    key: ClassVar[str] = "classical"

    classical: Classical = field(default_factory=Classical)

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        augment = self.classical.on(context.samples.x)
        return lambda x, t, seed: (augment(x, seed), t)


@dataclass(frozen=True)
class PolicyAugmentation(Stage):
    """Augments every image by a policy; see `vaeaug.data.policies`.

    Arguments:
        policy: `RandAugment`, `TrivialAugmentWide`, `RandomErasing` or `Elastic`.
    """

    key: ClassVar[str] = "policy"

    policy: RandAugment | TrivialAugmentWide | RandomErasing | Elastic = field(default_factory=RandAugment)

    images_only: ClassVar[bool] = True  # type: ignore[misc]

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        augment = self.policy.on(context.samples.x)
        return lambda x, t, seed: (augment(x, seed), t)


@dataclass(frozen=True)
class Mix(Stage):
    """Mixes pairs of samples and their labels, with torchvision's transforms: MixUp (Zhang et al., 2018,
    https://arxiv.org/abs/1710.09412) or CutMix (Yun et al., 2019, https://arxiv.org/abs/1905.04899).

    Arguments:
        cut: Whether to use CutMix, which is for images, instead of MixUp.
        alpha: The parameter of the Beta distribution of the mixing weights, above 0.
    """

    key: ClassVar[str] = "mix"

    cut: bool = False
    alpha: float = 0.2

    networks_only: ClassVar[bool] = True  # type: ignore[misc]

    def __post_init__(self) -> None:
        checks.check_number("alpha", self.alpha, 0, above=True)

    @property
    def images_only(self) -> bool:  # type: ignore[override]
        return self.cut

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        from torchvision.transforms import v2

        mix = (v2.CutMix if self.cut else v2.MixUp)(alpha=self.alpha, num_classes=len(context.samples.names))

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            # torchvision draws from the global generator.
            with seeds.forked(seed):
                # It takes images only, so a row of a table or a signal becomes an image of one pixel.
                mixed, targets = mix(x if x.ndim == 4 else x.flatten(1)[:, :, None, None], t)
            return mixed.view(x.shape), targets

        return transform


@dataclass(frozen=True)
class HardestOf(Stage):
    """Uses, of k augmented copies of each sample, the one with the highest loss under the network in training (Gong et al.,
    "MaxUp", 2021, https://arxiv.org/abs/2002.09024).

    Arguments:
        stage: What augments the copies; it must leave the targets alone.
        k: The number of copies.
    """

    key: ClassVar[str] = "hardest of"

    stage: Stage
    k: int = 4

    networks_only: ClassVar[bool] = True  # type: ignore[misc]

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        if network is None:
            checks.refuse("a network for the hardest of k copies", "an estimator", "leave this method out")
        augment = self.stage.fit(context, network)

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            copies = torch.stack([augment(x, t, seeds.derive(seed, copy))[0] for copy in range(self.k)])
            return hardest(copies, t.argmax(1), network), t

        return transform


@dataclass(frozen=True)
class ClassWeights(Stage):
    """Weights the loss of each class by the inverse of its frequency, with mean 1 over the samples."""

    key: ClassVar[str] = "class weights"

    weights_samples: ClassVar[bool] = True  # type: ignore[misc]

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        counts = torch.tensor(context.samples.counts).clamp(min=1)
        weights = len(context.samples) / (len(counts) * counts)
        return lambda x, t, seed: (x, t * weights)


@dataclass(frozen=True)
class RandomOversampling(Resampler):
    """Repeats samples of the smaller classes, drawn at random, up to the size of the largest class."""

    key: ClassVar[str] = "random oversampling"

    def resample(self, context: Context) -> Samples:
        samples, generator = context.samples, seeds.generator(context.seed, Stream.RANDOM_OVERSAMPLING)
        repeated = []
        for label, count in enumerate(samples.counts):
            index = torch.nonzero(samples.y == label)[:, 0]
            missing = max(samples.counts) - count
            repeated.append(index[torch.randint(len(index), (missing,), generator=generator)])
        return samples[torch.cat([torch.arange(len(samples)), *repeated])]


@dataclass(frozen=True)
class SMOTE(Resampler):
    """Interpolates between samples and their neighbours, in the space of pixels or features (Chawla et al., 2002), with
    imbalanced-learn's SMOTE.

    Arguments:
        factor: The size of the enlarged set, relative to the subset, the same for all classes; 1 balances them. See
            `target_count`.
        neighbours: The number of neighbours; fewer where a class has fewer samples.
    """

    key: ClassVar[str] = "smote"
    requires: ClassVar[tuple[str, str] | None] = ("imblearn", "imblearn")

    factor: int = 1
    neighbours: int = 5

    def resample(self, context: Context) -> Samples:
        from imblearn import over_sampling

        sampler = over_sampling.SMOTE(
            sampling_strategy=_target_counts(context.samples, self.factor),
            k_neighbors=min(self.neighbours, min(context.samples.counts) - 1),
            random_state=context.seed_of(Stream.RANDOM_OVERSAMPLING) % 2**32,
        )
        return _resampled(sampler, context.samples)


@dataclass(frozen=True)
class ROSE(Resampler):
    """Repeats samples with Gaussian noise, a smoothed bootstrap (Menardi and Torelli, "Training and assessing classification
    rules with imbalanced data", 2014, https://doi.org/10.1007/s10618-012-0295-5), with imbalanced-learn's RandomOverSampler.

    Arguments:
        factor: As for `SMOTE`.
        shrinkage: The bandwidth of the noise, in units of the one that is best for a normal distribution; 1 is the value of
            the reference, and 0 adds no noise.
    """

    key: ClassVar[str] = "rose"
    requires: ClassVar[tuple[str, str] | None] = ("imblearn", "imblearn")

    factor: int = 1
    shrinkage: float = 1.0

    def __post_init__(self) -> None:
        checks.check_number("shrinkage", self.shrinkage, 0)

    def resample(self, context: Context) -> Samples:
        from imblearn import over_sampling

        sampler = over_sampling.RandomOverSampler(
            sampling_strategy=_target_counts(context.samples, self.factor),
            shrinkage=self.shrinkage,
            random_state=context.seed_of(Stream.RANDOM_OVERSAMPLING) % 2**32,
        )
        return _resampled(sampler, context.samples)


@dataclass(frozen=True)
class TunedThreshold(Stage):
    """Tunes the decision threshold of an estimator for balanced accuracy, with scikit-learn's TunedThresholdClassifierCV.

    The threshold is chosen by cross-validation inside the training subset; then the estimator is trained on all of it. It is
    for two classes: with more there is no single threshold. The estimator keeps its own threshold if a class has one sample,
    which no fold could both train and judge on, or if the scores in a fold are all equal.

    Arguments:
        folds: The number of stratified folds; fewer where a class has fewer samples.
    """

    key: ClassVar[str] = "tuned threshold"

    folds: int = 5

    wraps_estimators: ClassVar[bool] = True  # type: ignore[misc]

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        return lambda x, t, seed: (x, t)

    def wrap(self, context: Context, estimator: Any) -> Any:
        from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV

        counts = context.samples.counts
        if len(counts) != 2:
            checks.refuse("two classes for a tuned threshold", len(counts), "leave this method out")
        folds = min(self.folds, *counts)
        if folds < 2:
            return estimator
        splits = StratifiedKFold(folds, shuffle=True, random_state=context.seed_of(Stream.THRESHOLD) % 2**32)
        return _TunedIfPossible(TunedThresholdClassifierCV(estimator, scoring="balanced_accuracy", cv=splits))


class _TunedIfPossible:
    """A TunedThresholdClassifierCV, or its estimator alone where that cannot tune a threshold."""

    def __init__(self, tuned: Any) -> None:
        self._tuned, self._fitted = tuned, None

    def fit(self, x: Any, y: Any) -> None:
        try:
            self._fitted = self._tuned.fit(x, y)
        except ValueError as error:
            if "constant predictions" not in str(error):
                raise
            self._fitted = self._tuned.estimator.fit(x, y)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fitted, name)


def _target_counts(samples: Samples, factor: int) -> dict[int, int]:
    """Returns the size that each class is enlarged to, as imbalanced-learn's `sampling_strategy`."""
    return dict.fromkeys(range(len(samples.names)), target_count(samples.counts, factor))


def _resampled(sampler: Any, samples: Samples) -> Samples:
    """Returns samples enlarged by an over-sampler of imbalanced-learn, which sees them flattened."""
    x, y = sampler.fit_resample(samples.x.flatten(1).numpy(), samples.y.numpy())
    features: Tensor = torch.as_tensor(x, dtype=torch.float32)
    return Samples(features.view(-1, *samples.event_shape), torch.as_tensor(y).long(), samples.names)
