"""Controls: our methods without one ingredient. PCA or pixels instead of the VAE, noise of the same size, duplicates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.synthetic import BalanceWithSynthetic, Synthetic
from vaeaug.models.classifiers import pooled_axes
from vaeaug.models.spaces import PCA, Identity
from vaeaug.runtime import seeds
from vaeaug.runtime.seeds import Stream


@dataclass(frozen=True)
class PCAInsteadOfVAE(Synthetic):
    """Control: the same perturbation of the principal components of the samples instead of a VAE's latent codes."""

    key: ClassVar[str] = "pca"
    spaces: ClassVar[tuple[str, ...]] = ("pca",)  # type: ignore[misc]

    def augmenter(self, context: Context) -> Augmenter:
        return context.shared.get("pca", lambda: Augmenter(PCA(16).fit(context.samples.x)).fit(context.samples))


@dataclass(frozen=True)
class IdentityInsteadOfVAE(Synthetic):
    """Control: the same perturbation of the samples themselves, in the space of pixels or features."""

    key: ClassVar[str] = "identity space"
    spaces: ClassVar[tuple[str, ...]] = ("identity",)  # type: ignore[misc]

    def augmenter(self, context: Context) -> Augmenter:
        return context.shared.get("identity", lambda: Augmenter(Identity().fit(context.samples.x)).fit(context.samples))


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
        axes, keep = pooled_axes(x), x.ndim == 3
        low, high = x.amin(axes, keepdim=keep), x.amax(axes, keepdim=keep)
        target = (changed - x).square().mean(axes, keepdim=keep).sqrt()
        probe = x + target * torch.randn(x.shape, generator=seeds.generator(context.seed, Stream.NOISE_PROBE))
        # Compensate for clipping.
        stddev = (
            target * target / (probe.clamp(low, high) - x).square().mean(axes, keepdim=keep).sqrt().clamp(min=1e-12)
        )
        fraction = self.reference.replace if context.for_network else 1.0

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            generator = seeds.generator(seed)
            noisy = torch.rand(len(x), generator=generator) < fraction
            with_noise = (x + stddev * torch.randn(x.shape, generator=generator)).clamp(low, high)
            return torch.where(noisy.view(-1, *[1] * (x.ndim - 1)), with_noise, x), t

        return transform


@dataclass(frozen=True)
class Unchanged(Stage):
    """Control: changes nothing, so that an estimator gets duplicates, and appended copies are repeated samples."""

    key: ClassVar[str] = "identity"

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        return lambda x, t, seed: (x, t)

    def frame(self, for_network: bool) -> list[Any]:
        return []


@dataclass(frozen=True)
class BalanceWithIdentity(BalanceWithSynthetic):
    """Control: fills the smaller classes by the same perturbation of the samples themselves, without a VAE."""

    key: ClassVar[str] = "balance in identity space"
    spaces: ClassVar[tuple[str, ...]] = ("identity",)  # type: ignore[misc]

    def augmenter(self, context: Context) -> Augmenter:
        return IdentityInsteadOfVAE().augmenter(context)
