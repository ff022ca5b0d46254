"""Stages: the kinds of augmentation that a benchmark compares, the cheap rivals and the controls among them.

A `Growth` makes a larger training set, once. A `Stage` changes batches: fitted to the training subset, it gives a function
from samples, targets (one-hot until a stage mixes or weighs them) and a seed to samples and targets.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torchvision.transforms import v2

from vaeaug import _checks, _rng
from vaeaug.adapters import from_functions
from vaeaug.augmenter import Augmenter
from vaeaug.perturb import Extrapolate, Perturbation
from vaeaug.samples import Samples, Scaling
from vaeaug.torch_plugin.replacement import Replacement, hardest, replace_some

Transform = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


class Job(ABC):
    """Abstract: what a stage may know of its run.

    Arguments:
        samples: The training subset.
        seed: Of the run.
        network: The network in training, from samples to logits; None where copies for an estimator are made, all of which
            are to be changed.
    """

    samples: Samples
    seed: int
    network: nn.Module | None

    @abstractmethod
    def augmenter(self) -> Augmenter:
        """Returns an augmenter fitted to the training subset. The arms of a run share it; the first call trains it."""


class Growth(ABC):
    """Abstract: makes a larger training set. Concrete ones are frozen dataclasses."""

    @abstractmethod
    def grow(self, job: Job) -> Samples:
        """Returns the training subset with synthetic or repeated samples behind it."""


class Stage(ABC):
    """Abstract: one kind of augmentation of batches. Concrete ones are frozen dataclasses.

    `networks_only` says that an estimator cannot use it: it mixes labels, or asks the network in training. `images_only`
    that rows cannot. `weighs` says that its targets weigh the samples.
    """

    networks_only = False
    images_only = False
    weighs = False

    @abstractmethod
    def fit(self, job: Job) -> Transform:
        """Returns a function from samples `(B, *event)`, targets `(B, K)` and a seed to samples and targets."""


@dataclass(frozen=True)
class Classical(Stage):
    """Moves images as a whole: one random affine map each, bilinear, the darkest value outside. Rows get Gaussian jitter.

    Arguments:
        flip: Mirrors half of the images left to right.
        shift: The largest shift, as a share of the side.
        rotate: The largest rotation, in degrees.
        zoom: The largest change of size, as a share.
        jitter: For rows: the standard deviation of the noise, in those of the features.
    """

    flip: bool = False
    shift: float = 0.07
    rotate: float = 0.0
    zoom: float = 0.0
    jitter: float = 0.1

    def fit(self, job: Job) -> Transform:
        if job.samples.x.ndim == 2:
            spread = self.jitter * job.samples.x.std(0, correction=0)
            return lambda x, t, seed: (x + spread * torch.randn(x.shape, generator=_rng.generator(seed)), t)
        low = job.samples.x.min()
        return lambda x, t, seed: (low + self._move(x - low, _rng.generator(seed)), t)

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


@dataclass(frozen=True)
class Synthetic(Stage):
    """Replaces a share of the batch by children of its samples, made by the VAE or by a rival of it.

    Arguments:
        perturb: How to draw the children.
        ratio: The share, in 0..1; all where copies for an estimator are made.
        residual: Whether the decoded change is added to the sample.
        model: `vae`, or the control `pca`: the same perturbation of the principal components instead.
        worst_of: Keeps, of so many children, the one with the highest loss under the network in training.
    """

    perturb: Perturbation = field(default_factory=Extrapolate)
    ratio: float = 0.5
    residual: bool = True
    model: str = "vae"
    worst_of: int | None = None

    def __post_init__(self) -> None:
        _checks.within("ratio", self.ratio, 0, 1)
        _checks.one_of("model", self.model, ("vae", "pca"))

    @property
    def networks_only(self) -> bool:  # type: ignore[override]
        return self.worst_of is not None

    def fit(self, job: Job) -> Transform:
        augmenter = job.augmenter() if self.model == "vae" else _pca(job.samples)
        augmenter = augmenter.using(perturb=self.perturb, residual=self.residual)
        network = job.network if self.worst_of else None
        children = Replacement(augmenter, worst_of=self.worst_of, classifier=network).children
        ratio = 1.0 if job.network is None else self.ratio
        return lambda x, t, seed: (replace_some(augmenter, x, t.argmax(1), ratio, seed, children), t)


def _pca(samples: Samples, components: int = 16) -> Augmenter:
    """Makes an augmenter whose codes are principal components: the linear rival of a VAE."""
    scaling = Scaling.fit(samples.x)
    offset, gain = torch.tensor(scaling.offset), torch.tensor(scaling.gain)
    flat = ((samples.x - offset) / gain).flatten(1).numpy()
    pca = PCA(min(components, *flat.shape), random_state=0).fit(flat)
    axes, mean = (torch.as_tensor(v, dtype=torch.float32) for v in (pca.components_, pca.mean_))

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        mu = (((x - offset) / gain).flatten(1) - mean) @ axes.T
        return mu, torch.full_like(mu, math.log(max(float(pca.noise_variance_), 1e-12)))

    def decode(z: Tensor) -> Tensor:
        return offset + gain * (z @ axes + mean).view(-1, *samples.event_shape)

    return Augmenter(from_functions(encode, decode, event_shape=samples.event_shape)).fit(samples)


@dataclass(frozen=True)
class PixelNoise(Stage):
    """Control: Gaussian noise that changes samples as much, by root mean square, as a synthetic stage does.

    Arguments:
        like: The stage whose change is measured, on the training subset.
    """

    like: Synthetic = field(default_factory=Synthetic)

    def fit(self, job: Job) -> Transform:
        x, t = job.samples.x, nn.functional.one_hot(job.samples.y).float()
        changed, _ = replace(self.like, ratio=1.0).fit(job)(x, t, _rng.derive(job.seed, 5))
        over: Any = 0 if x.ndim == 2 else (0, 1, 2, 3)
        low, high = x.amin(over), x.amax(over)
        spread = wanted = (changed - x).square().mean(over).sqrt()
        probe = x + spread * torch.randn(x.shape, generator=_rng.generator(job.seed, 8))
        # What the range cuts off is made up for.
        spread = spread * wanted / (probe.clamp(low, high) - x).square().mean(over).sqrt().clamp(min=1e-12)
        ratio = 1.0 if job.network is None else self.like.ratio

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            generator = _rng.generator(seed)
            chosen = torch.rand(len(x), generator=generator) < ratio
            noised = (x + spread * torch.randn(x.shape, generator=generator)).clamp(low, high)
            return torch.where(chosen.view(-1, *[1] * (x.ndim - 1)), noised, x), t

        return transform


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
                mixed, targets = mix(x if x.ndim == 4 else x[:, :, None, None], t.argmax(1))
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
class Repeat(Stage):
    """Control: leaves everything as it is, so that an estimator is given mere duplicates."""

    def fit(self, job: Job) -> Transform:
        return lambda x, t, seed: (x, t)


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
        factor: Every class grows to so many times the richest one; 1 balances the classes.
        neighbours: The partners; fewer where a class has fewer samples.
    """

    factor: int = 1
    neighbours: int = 5

    def grow(self, job: Job) -> Samples:
        try:
            from imblearn.over_sampling import SMOTE
        except ImportError:
            _checks.refuse("imbalanced-learn for SMOTE", "no such package", "pip install 'vaeaug[imblearn]'")
        samples = job.samples
        wanted = self.factor * max(samples.counts)
        sampler = SMOTE(
            sampling_strategy=dict.fromkeys(range(len(samples.names)), wanted),
            k_neighbors=min(self.neighbours, min(samples.counts) - 1),
            random_state=_rng.derive(job.seed, 6) % 2**32,
        )
        x, y = sampler.fit_resample(samples.x.flatten(1).numpy(), samples.y.numpy())
        rows: Tensor = torch.as_tensor(x, dtype=torch.float32)
        return Samples(rows.view(-1, *samples.event_shape), torch.as_tensor(y).long(), samples.names)
