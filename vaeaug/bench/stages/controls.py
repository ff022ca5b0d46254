"""Controls: what remains where the VAE is taken away. PCA in its place, pixel noise of equal size, mere duplicates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.stages.base import Job, Stage, Synthetic, Transform
from vaeaug.data.samples import Samples, Scaling
from vaeaug.models.adapters import from_functions
from vaeaug.runtime import seeds


@dataclass(frozen=True)
class Components(Synthetic):
    """Control: the same perturbation of the principal components of the samples, in place of a VAE's codes."""

    def fitted(self, job: Job) -> Augmenter:
        return _pca(job.samples)


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
        changed, _ = replace(self.like, replace=1.0).fit(job)(x, t, seeds.derive(job.seed, 5))
        over: Any = 0 if x.ndim == 2 else (0, 1, 2, 3)
        low, high = x.amin(over), x.amax(over)
        spread = wanted = (changed - x).square().mean(over).sqrt()
        probe = x + spread * torch.randn(x.shape, generator=seeds.generator(job.seed, 8))
        # What the range cuts off is made up for.
        spread = spread * wanted / (probe.clamp(low, high) - x).square().mean(over).sqrt().clamp(min=1e-12)
        fraction = 1.0 if job.network is None else self.like.replace

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            generator = seeds.generator(seed)
            chosen = torch.rand(len(x), generator=generator) < fraction
            noised = (x + spread * torch.randn(x.shape, generator=generator)).clamp(low, high)
            return torch.where(chosen.view(-1, *[1] * (x.ndim - 1)), noised, x), t

        return transform


@dataclass(frozen=True)
class Repeat(Stage):
    """Control: leaves everything as it is, so that an estimator is given mere duplicates."""

    def fit(self, job: Job) -> Transform:
        return lambda x, t, seed: (x, t)
