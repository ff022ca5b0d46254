"""The cheap rivals of a VAE: classical augmentation, mixing, worst-of-k, class weights, oversampling, SMOTE."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import v2

from vaeaug import _checks, _rng
from vaeaug.samples import Samples
from vaeaug.stages import Growth, Job, Stage, Transform, goal
from vaeaug.torch_plugin.replacement import hardest


@dataclass(frozen=True)
class Classical(Stage):
    """Moves images as a whole: one random affine map each, bilinear, the darkest value outside. Rows get Gaussian jitter.

    Arguments:
        flip: Mirrors half of the images left to right.
        shift: The largest shift, as a share of the side.
        rotate: The largest rotation, in degrees.
        zoom: The largest change of size, as a share.
        cutout: The side of a square of the darkest value, as a share of the image's; its centre lies anywhere (DeVries and
            Taylor, 2017, https://arxiv.org/abs/1708.04552).
        jitter: For rows: the standard deviation of the noise, in those of the features.
    """

    flip: bool = False
    shift: float = 0.07
    rotate: float = 0.0
    zoom: float = 0.0
    cutout: float = 0.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        for name, high in {"shift": 1, "rotate": 180, "zoom": 0.9, "cutout": 1, "jitter": math.inf}.items():
            _checks.within(name, getattr(self, name), 0, high)

    def fit(self, job: Job) -> Transform:
        if job.samples.x.ndim == 2:
            spread = self.jitter * job.samples.x.std(0, correction=0)
            return lambda x, t, seed: (x + spread * torch.randn(x.shape, generator=_rng.generator(seed)), t)
        low = job.samples.x.min()

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            generator = _rng.generator(seed)
            return low + self._cut(self._move(x - low, generator), generator), t

        return transform

    def _move(self, x: Tensor, generator: torch.Generator) -> Tensor:
        height, width = x.shape[2:]
        u = 2 * torch.rand(5, len(x), generator=generator) - 1
        angle, size = u[0] * math.radians(self.rotate), 1 + self.zoom * u[1]
        mirror = torch.where(u[2] > 0, -1.0, 1.0) if self.flip else torch.ones(len(x))
        # Whole pixels, so that a shift alone does not blur.
        across, down = ((u[3 + i] * self.shift * side).round() * 2 / side for i, side in enumerate((width, height)))
        theta = torch.stack(
            [
                torch.stack([mirror * angle.cos() / size, -angle.sin() / size * height / width, across], 1),
                torch.stack([mirror * angle.sin() / size * width / height, angle.cos() / size, down], 1),
            ],
            1,
        )
        grid = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
        return torch.nn.functional.grid_sample(x, grid, align_corners=False)

    def _cut(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if not self.cutout:
            return x
        inside = []
        for side in x.shape[2:]:
            size = max(1, round(self.cutout * side))
            first = torch.randint(side, (len(x), 1), generator=generator) - size // 2
            at = torch.arange(side)
            inside.append((at >= first) & (at < first + size))
        down, across = inside
        return x * ~(down[:, None, :, None] & across[:, None, None, :])


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
            with _rng.forked(seed):
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
            _checks.refuse("a network for worst-of-k", "an estimator", "leave this arm out")

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            copies = torch.stack([apply(x, t, _rng.derive(seed, i))[0] for i in range(self.k)])
            return hardest(copies, t.argmax(1), network), t

        return transform


@dataclass(frozen=True)
class ClassWeights(Stage):
    """Weighs the loss of each class by the inverse of its share, with mean 1 over the samples."""

    weighs = True

    def fit(self, job: Job) -> Transform:
        counts = torch.tensor(job.samples.counts).clamp(min=1)
        weights = len(job.samples) / (len(counts) * counts)
        return lambda x, t, seed: (x, t * weights)


@dataclass(frozen=True)
class Oversample(Growth):
    """Repeats samples of the rarer classes, drawn at random, until every class has as many as the richest."""

    def grow(self, job: Job) -> Samples:
        samples, generator = job.samples, _rng.generator(job.seed, 6)
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
        factor: The whole grows to so many times its size, all classes alike; 1 balances them. See `vaeaug.stages.goal`.
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
            random_state=_rng.derive(job.seed, 6) % 2**32,
        )
        x, y = sampler.fit_resample(samples.x.flatten(1).numpy(), samples.y.numpy())
        rows: Tensor = torch.as_tensor(x, dtype=torch.float32)
        return Samples(rows.view(-1, *samples.event_shape), torch.as_tensor(y).long(), samples.names)
