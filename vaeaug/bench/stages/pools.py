"""Baselines with unlabelled samples: pseudo-labels of a network, label spreading, and FixMatch. None has a generator.

All append samples of the pool to a batch, three for every labelled one, as our methods append three synthetic samples.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.unlabelled import draw_unlabelled
from vaeaug.data.classical import Classical
from vaeaug.data.policies import RandAugment
from vaeaug.filters.confident import probabilities
from vaeaug.filters.teacher_training import TeacherSettings, fit_teacher
from vaeaug.models.spaces import PCA
from vaeaug.plugins.torch.replacement import ADD
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream

CHUNK = 1024  # unlabelled samples that a network judges at once


class LabelledPool(NamedTuple):
    """Unlabelled samples that a method has labelled.

    Arguments:
        x: The samples, `(N, *event)`.
        t: Their labels, one-hot, `(N, K)`.
    """

    x: Tensor
    t: Tensor


@dataclass(frozen=True)
class PoolStage(Stage):
    """Abstract: labels the pool once, and appends samples of its most confident part to every batch.

    An estimator gets all of that part, once.

    Arguments:
        unlabelled_count: The number of unlabelled samples: training data outside the training subset, without labels.
        kept: The fraction of them that is used, above 0 and up to 1: those with the highest probability of their label.
        add: The number of them for every labelled sample of a batch.
    """

    unlabelled_count: int = 0
    kept: float = 0.5
    add: int = ADD

    def __post_init__(self) -> None:
        checks.check_number("unlabelled_count", self.unlabelled_count, 1, whole=True)
        checks.check_number("kept", self.kept, 0, 1, above=True)
        checks.check_number("add", self.add, 1, whole=True)

    @abstractmethod
    def probabilities(self, context: Context, pool: Tensor) -> Tensor:
        """Returns the probability of every class for the samples of the pool, `(N, K)`."""

    def labelled_pool(self, context: Context) -> LabelledPool:
        """Returns the most confident part of the pool. The methods of a seed share it."""
        return context.shared.get((self, context.classifier.name), lambda: self._label(context))

    def _label(self, context: Context) -> LabelledPool:
        pool = draw_unlabelled(context, self.unlabelled_count)
        confidence, labels = self.probabilities(context, pool).max(1)
        order = confidence.argsort(descending=True, stable=True)[: math.ceil(self.kept * len(pool))]
        return LabelledPool(pool[order], nn.functional.one_hot(labels[order], len(context.samples.names)).float())

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        pool = self.labelled_pool(context)

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            if not context.for_network:
                return torch.cat([x, pool.x]), torch.cat([t, pool.t])
            index = torch.randint(len(pool.x), (self.add * len(x),), generator=seeds.generator(seed))
            return torch.cat([x, pool.x[index]]), torch.cat([t, pool.t[index]])

        return transform


@dataclass(frozen=True)
class PseudoLabels(PoolStage):
    """Labels the pool with a network of the same kind, trained on the labelled samples as long as the run's network.

    Reference: Lee, "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks", 2013.

    Arguments:
        unlabelled_count, kept, add: See `PoolStage`.
        augmentation: What augments that network's batches.
    """

    key: ClassVar[str] = "pseudo-labels"

    augmentation: Classical | RandAugment = field(default_factory=Classical)

    networks_only: ClassVar[bool] = True  # type: ignore[misc]

    @property
    def images_only(self) -> bool:  # type: ignore[override]
        return isinstance(self.augmentation, RandAugment)

    def probabilities(self, context: Context, pool: Tensor) -> Tensor:
        run, samples = context.settings, context.samples
        settings = TeacherSettings(run.steps, run.batch, run.lr, run.weight_decay, run.smoothing, self.augmentation)
        everything = torch.ones(len(samples), dtype=torch.bool)
        teacher = fit_teacher(context.classifier.spec, samples, everything, settings, context.seed_of(Stream.TEACHERS))
        return torch.cat([probabilities(teacher, x) for x in pool.split(CHUNK)])


@dataclass(frozen=True)
class SpreadLabels(PoolStage):
    """Labels the pool by scikit-learn's `LabelSpreading` along nearest neighbours, in principal components of all samples.

    Reference: Zhou et al., "Learning with local and global consistency", 2003.

    Arguments:
        unlabelled_count, kept, add: See `PoolStage`.
        components: The number of principal components; fewer where there are fewer features.
        neighbours: The number of neighbours of every sample; fewer where there are fewer samples. With 50 components and 15
            neighbours more images of Fashion-MNIST got their own label than with 16 and 7, on two development seeds.
    """

    key: ClassVar[str] = "label spreading"

    components: int = 50
    neighbours: int = 15

    def probabilities(self, context: Context, pool: Tensor) -> Tensor:
        from sklearn.semi_supervised import LabelSpreading

        samples = context.samples
        x = torch.cat([samples.x, pool])
        codes = PCA(self.components).fit(x).encode(x).mean.numpy()
        labels = torch.cat([samples.y, torch.full((len(pool),), -1)]).numpy()
        neighbours = min(self.neighbours, len(x) - 1)
        spreading = LabelSpreading(kernel="knn", n_neighbors=neighbours, max_iter=1000).fit(codes, labels)
        p = torch.zeros(len(pool), len(samples.names))
        p[:, torch.as_tensor(spreading.classes_).long()] = torch.as_tensor(
            spreading.label_distributions_[len(samples) :], dtype=torch.float32
        )
        return p


@dataclass(frozen=True)
class FixMatch(Stage):
    """Learns from samples of the pool under strong augmentation, with the labels that the network in training gives them
    under weak augmentation, where it is confident (Sohn et al., 2020, https://arxiv.org/abs/2001.07685).

    A stage before it augments the labelled samples alone. The loss is that of the source up to a factor: the mean over the
    labelled samples plus `weight` times the mean over those of the pool, of which the ones below the threshold count as
    zero. The confidence is corrected for the run's label smoothing, without which few samples could reach the threshold.
    The source appends 7 samples of the pool for each labelled one; here it is as many as our methods append.

    Arguments:
        unlabelled_count: See `PoolStage`.
        weak: The classical augmentation of the samples that the network labels.
        strong: The augmentation of the samples that the network learns from. The default magnitude is torchvision's.
        threshold: The probability from which on a label is used, in 0..1. The default is the source's.
        weight: The weight of the pool in the loss, above 0. The default is the source's.
        add: The number of samples of the pool for every labelled one of a batch.
    """

    key: ClassVar[str] = "fixmatch"

    unlabelled_count: int = 0
    weak: Classical = field(default_factory=Classical)
    strong: RandAugment = field(default_factory=RandAugment)
    threshold: float = 0.95
    weight: float = 1.0
    add: int = ADD

    networks_only: ClassVar[bool] = True  # type: ignore[misc]
    images_only: ClassVar[bool] = True  # type: ignore[misc]

    def __post_init__(self) -> None:
        checks.check_number("unlabelled_count", self.unlabelled_count, 1, whole=True)
        checks.check_number("threshold", self.threshold, 0, 1)
        checks.check_number("weight", self.weight, 0, above=True)
        checks.check_number("add", self.add, 1, whole=True)

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        if network is None:
            checks.refuse("a network that labels the pool", "an estimator", "leave this method out")
        pool = draw_unlabelled(context, self.unlabelled_count)
        weakly, strongly = self.weak.on(context.samples.x), self.strong.on(context.samples.x)
        smoothing = context.settings.smoothing

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            index = torch.randint(len(pool), (self.add * len(x),), generator=seeds.generator(seed, 0))
            p = probabilities(network, weakly(pool[index], seeds.derive(seed, 1))).to(t.device)
            if smoothing < 1:
                p = (p - smoothing / p.shape[1]) / (1 - smoothing)
            confidence, labels = p.max(1)
            confident = (confidence >= self.threshold).float() * self.weight / self.add
            targets = nn.functional.one_hot(labels, t.shape[1]).float() * confident[:, None]
            added = strongly(pool[index], seeds.derive(seed, 2))
            return torch.cat([x, added]), torch.cat([t, targets])

        return transform
