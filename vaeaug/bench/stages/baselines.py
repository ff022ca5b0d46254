"""The cheap rivals of a VAE: classical augmentation, mixing, worst-of-k, class weights, oversampling, SMOTE."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torchvision.transforms import v2

from vaeaug.bench.stages.base import Growth, Job, Stage, Transform, goal
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import hardest
from vaeaug.runtime import checks, seeds


@dataclass(frozen=True)
class ClassicalAugmentation(Stage):
    """Augments every sample of a batch classically; see `vaeaug.Classical`.

    Arguments:
        classical: The flips, shifts and so on.
    """

    classical: Classical = field(default_factory=Classical)

    def fit(self, job: Job) -> Transform:
        augment = self.classical.on(job.samples.x)
        return lambda x, t, seed: (augment(x, seed), t)


@dataclass(frozen=True)
class Mix(Stage):
    """Mixes pairs of samples and their labels: MixUp (Zhang et al., 2018, https://arxiv.org/abs/1710.09412) or CutMix (Yun
    et al., 2019, https://arxiv.org/abs/1905.04899), both torchvision's.

    Arguments:
        cut: CutMix instead of MixUp; for images.
        alpha: Of the Beta distribution of the weights.
    """

    cut: bool = False
    alpha: float = 0.2
    networks_only = True

    @property
    def images_only(self) -> bool:  # type: ignore[override]
        return self.cut

    def fit(self, job: Job) -> Transform:
        mix = (v2.CutMix if self.cut else v2.MixUp)(alpha=self.alpha, num_classes=len(job.samples.names))

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            # torchvision draws from the global generator.
            with seeds.forked(seed):
                # It takes images alone; a row is one of one pixel.
                mixed, targets = mix(x if x.ndim == 4 else x[:, :, None, None], t)
            return mixed.view(x.shape), targets

        return transform


@dataclass(frozen=True)
class WorstOf(Stage):
    """Keeps, of k augmented copies of each sample, the one with the highest loss under the network in training (Gong et al.,
    "MaxUp", 2021, https://arxiv.org/abs/2002.09024).

    Arguments:
        stage: What makes the copies; it must leave the targets alone.
        k: How many.
    """

    stage: Stage
    k: int = 4
    networks_only = True

    def fit(self, job: Job) -> Transform:
        apply, network = self.stage.fit(job), job.network
        if network is None:
            checks.refuse("a network for worst-of-k", "an estimator", "leave this arm out")

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            copies = torch.stack([apply(x, t, seeds.derive(seed, i))[0] for i in range(self.k)])
            return hardest(copies, t.argmax(1), network), t

        return transform


@dataclass(frozen=True)
class ClassWeights(Stage):
    """Weighs the loss of each class by the inverse of its share, with mean 1 over the samples."""

    weights_samples = True

    def fit(self, job: Job) -> Transform:
        counts = torch.tensor(job.samples.counts).clamp(min=1)
        weights = len(job.samples) / (len(counts) * counts)
        return lambda x, t, seed: (x, t * weights)


@dataclass(frozen=True)
class Oversample(Growth):
    """Repeats samples of the rarer classes, drawn at random, until every class has as many as the richest."""

    def grow(self, job: Job) -> Samples:
        samples, generator = job.samples, seeds.generator(job.seed, 6)
        added = []
        for label, count in enumerate(samples.counts):
            places = torch.nonzero(samples.y == label)[:, 0]
            missing = max(samples.counts) - count
            added.append(places[torch.randint(len(places), (missing,), generator=generator)])
        return samples[torch.cat([torch.arange(len(samples)), *added])]


@dataclass(frozen=True)
class Smote(Growth):
    """Interpolates between samples and their neighbours, in the space of pixels or features (Chawla et al., 2002):
    imbalanced-learn's SMOTE.

    Arguments:
        factor: The whole grows to so many times its size, all classes alike; 1 balances them. See `goal`.
        neighbours: The partners; fewer where a class has fewer samples.
    """

    factor: int = 1
    neighbours: int = 5
    needs = ("imblearn", "imblearn")

    def grow(self, job: Job) -> Samples:
        from imblearn.over_sampling import SMOTE

        samples = job.samples
        wanted = goal(samples.counts, self.factor)
        sampler = SMOTE(
            sampling_strategy=dict.fromkeys(range(len(samples.names)), wanted),
            k_neighbors=min(self.neighbours, min(samples.counts) - 1),
            random_state=seeds.derive(job.seed, 6) % 2**32,
        )
        x, y = sampler.fit_resample(samples.x.flatten(1).numpy(), samples.y.numpy())
        rows: Tensor = torch.as_tensor(x, dtype=torch.float32)
        return Samples(rows.view(-1, *samples.event_shape), torch.as_tensor(y).long(), samples.names)
