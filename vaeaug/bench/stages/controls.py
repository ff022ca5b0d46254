"""Controls: our methods without one ingredient. PCA instead of the VAE, pixel noise of the same size, duplicates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.data.samples import Samples, Scaling
from vaeaug.models.adapters import from_functions
from vaeaug.runtime import seeds
from vaeaug.runtime.seeds import Stream


@dataclass(frozen=True)
class PCAInsteadOfVAE(Synthetic):
    """Control: the same perturbation of the principal components of the samples instead of a VAE's latent codes."""

    key: ClassVar[str] = "pca"

    def augmenter(self, context: Context) -> Augmenter:
        return fit_pca_augmenter(context.samples)


def fit_pca_augmenter(samples: Samples, components: int = 16) -> Augmenter:
    """Returns an augmenter whose latent codes are principal components.

    Arguments:
        samples: The training samples.
        components: The number of components; fewer where there are fewer samples or features.
    """
    from sklearn.decomposition import PCA

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
        reference: The stage whose change is measured, on the training subset.
    """

    key: ClassVar[str] = "pixel noise"

    reference: Synthetic = field(default_factory=Synthetic)

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        x, t = context.samples.x, nn.functional.one_hot(context.samples.y).float()
        all_replaced = replace(self.reference, replace=1.0).fit(context, network)
        changed, _ = all_replaced(x, t, context.seed_of(Stream.NOISE_REFERENCE))
        axes: Any = 0 if x.ndim == 2 else (0, 1, 2, 3)
        low, high = x.amin(axes), x.amax(axes)
        target = (changed - x).square().mean(axes).sqrt()
        probe = x + target * torch.randn(x.shape, generator=seeds.generator(context.seed, Stream.NOISE_PROBE))
        # Compensate for clipping.
        stddev = target * target / (probe.clamp(low, high) - x).square().mean(axes).sqrt().clamp(min=1e-12)
        fraction = self.reference.replace if context.for_network else 1.0

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            generator = seeds.generator(seed)
            noisy = torch.rand(len(x), generator=generator) < fraction
            with_noise = (x + stddev * torch.randn(x.shape, generator=generator)).clamp(low, high)
            return torch.where(noisy.view(-1, *[1] * (x.ndim - 1)), with_noise, x), t

        return transform


@dataclass(frozen=True)
class Identity(Stage):
    """Control: changes nothing, so that an estimator gets duplicates, and appended copies are repeated samples."""

    key: ClassVar[str] = "identity"

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        return lambda x, t, seed: (x, t)
