r"""The variational autoencoder.

For samples x, labels y and codes z, with an encoder q(z|x) = N(mu(x), diag sigma(x)^2), a prior p(z) = N(0, I) and a
decoder p(x|z), training raises the evidence lower bound

    log p(x) >= elbo(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)).

Reference: Kingma and Welling, "Auto-encoding variational Bayes", 2014, https://arxiv.org/abs/1312.6114
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from vaeaug.data.samples import Scaling
from vaeaug.data.tables.layout import Layout
from vaeaug.models import vae_config, wrappers
from vaeaug.models.mixed import MixedLikelihood
from vaeaug.models.networks import ARCHITECTURES, Architecture
from vaeaug.models.precision import Float32Buffers, at_least_float32
from vaeaug.runtime import checks, files, limits, modes, seeds

LIKELIHOODS = ("gaussian", "bernoulli", "mixed")


@checks.renamed(latent="latent_dim", classes="num_classes", body="architecture")
class VAE(Float32Buffers):
    r"""Creates a variational autoencoder.

    With `likelihood="gaussian"`, p(x|z) = N(decode(z), s^2 I) with the maximum-likelihood s: in training it is the square
    root of the batch's mean squared error, which balances reconstruction and KL without a hyper-parameter (Rybkin,
    Daniilidis and Levine, "Simple and effective VAE training with calibrated decoders", 2021,
    https://arxiv.org/abs/2006.13202). With `"bernoulli"`, p(x|z) is a Bernoulli distribution per pixel, whose negative
    logarithm is the binary cross-entropy. With `"mixed"`, rows have numbers and categories; see `vaeaug.models.mixed`.

    Arguments:
        event_shape: The shape of one sample, `(C, H, W)`, `(C, T)` or `(features,)`.
        latent_dim: The dimension L of the latent codes.
        num_classes: The number of classes K, for a VAE whose encoder and decoder are conditioned on the label (Sohn, Lee and
            Yan, "Learning structured output representation using deep conditional generative models", 2015); zeros stand for
            a missing label. By default the VAE is unconditional.
        likelihood: `gaussian`, `bernoulli` for images in 0..1, or `mixed` for encoded rows of a table.
        architecture: `conv`, `conv1d`, `mlp`, or a `vaeaug.models.networks.Architecture`; by default conv for images,
            conv1d for signals and mlp for tabular data.
        scaling: The data's range; by default 0..1. `fit_vae` fits it to the training samples.
        layout: For the mixed likelihood, the features of each column; see `vaeaug.data.tables`.

    Example:
        >>> vae = VAE((1, 28, 28), latent_dim=2)
        >>> x = torch.rand(5, 1, 28, 28)
        >>> q = vae.encode(x)
        >>> q.mean.shape, vae.decode(q.mean).shape, vae.elbo(x).shape
        (torch.Size([5, 2]), torch.Size([5, 1, 28, 28]), torch.Size([5]))
    """

    offset: Tensor
    gain: Tensor
    low: Tensor
    high: Tensor
    log_sigma: Tensor

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        latent_dim: int = 16,
        num_classes: int | None = None,
        likelihood: str = "gaussian",
        architecture: str | Architecture | None = None,
        scaling: Scaling | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        checks.check_number("latent_dim", latent_dim, 1, whole=True)
        limits.check_memory(
            f"a VAE with {latent_dim} latent dimensions", 1024 * latent_dim, "pass a smaller latent_dim (--latent)"
        )
        checks.check_choice("likelihood", likelihood, LIKELIHOODS)
        _check_layout(layout, likelihood, event_shape)
        architecture = architecture or {1: "mlp", 2: "conv1d"}.get(len(event_shape), "conv")
        if isinstance(architecture, str):
            checks.check_choice("architecture", architecture, tuple(ARCHITECTURES))
            architecture = ARCHITECTURES[architecture]()
        self.event_shape, self.latent_dim, self.num_classes = tuple(event_shape), latent_dim, num_classes
        self.likelihood, self.architecture = likelihood, architecture
        label_dim = num_classes or 0
        self.encoder, features, self.decoder = architecture.build(self.event_shape, latent_dim + label_dim)
        self.head = nn.Linear(features + label_dim, 2 * latent_dim)
        # The maximum-likelihood s of the Gaussian, a running mean over the training: state, not a weight.
        self.register_buffer(
            "log_sigma", torch.zeros(() if layout is None else len(layout.numbers), dtype=torch.float32)
        )
        self.layout = layout
        self.mixed = None if layout is None else MixedLikelihood(layout)
        self.set_scaling(scaling or Scaling())

    def set_scaling(self, scaling: Scaling) -> None:
        """Sets the data's range.

        Arguments:
            scaling: Offset, gain, minimum and maximum: one number each, or one per feature or channel of signals.
        """
        for name in vae_config.SCALING:
            self.register_buffer(name, scaling.tensor(name, self.event_shape).to(self.log_sigma.device))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Independent:
        """Returns q(z|x), an `Independent(Normal)` over `(B, L)`.

        Arguments:
            x: Samples in the data's own range, `(B, *event)`.
            y: Labels, `(B,)`; ignored unless the VAE is conditional.
        """
        return self._posterior((x - self.offset) / self.gain, y)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Returns the mean of p(x|z) in the data's own range, `(B, *event)`.

        Arguments:
            z: Latent codes, `(B, L)`.
            y: Labels, `(B,)`; ignored unless the VAE is conditional.
        """
        return self.offset + self.gain * self._mean(at_least_float32(self._logits(z, y)))

    def reconstruct(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Returns decode(mean of q(z|x)), `(B, *event)`: the sample as far as its latent code describes it.

        Arguments:
            x: Samples in the data's own range, `(B, *event)`.
            y: Labels, `(B,)`; ignored unless the VAE is conditional.
        """
        return self.decode(self.encode(x, y).mean, y)

    def elbo(self, x: Tensor, y: Tensor | None = None, *, seed: int = 0) -> Tensor:
        """Returns a one-sample estimate of the evidence lower bound, in nats, `(B,)`.

        The density is that of the scaled samples: images in 0..1, tabular data and signals with standard deviation 1.

        Arguments:
            x: Samples in the data's own range, `(B, *event)`.
            y: Labels, `(B,)`; ignored unless the VAE is conditional.
            seed: The seed of the noise in z.
        """
        eps = torch.randn(len(x), self.latent_dim, generator=seeds.generator(seed)).to(x)
        log_likelihood, divergence = self.terms(x, y, eps)
        return log_likelihood - divergence

    def terms(
        self,
        x: Tensor,
        y: Tensor | None,
        eps: Tensor,
        corruption: Tensor | float = 0.0,
        mean: Callable[[Tensor], Tensor] = torch.mean,
    ) -> tuple[Tensor, Tensor]:
        """Returns the two terms of the bound, log p(x|z) and KL(q || p), in nats, each `(B,)`.

        Arguments:
            x: Samples in the data's own range, `(B, *event)`.
            y: Labels, `(B,)`; -1 for a label that is withheld.
            eps: Standard normal noise, `(B, L)`: z = mu + sigma eps.
            corruption: Noise on the scaled input of the encoder, not on the target (a denoising VAE, Im et al., 2017,
                https://arxiv.org/abs/1511.06406).
            mean: The mean over the errors of the whole batch, of which `x` may be one process's part.
        """
        u = (x - self.offset) / self.gain
        q = self._posterior(u + corruption, y)
        z = q.mean + q.stddev * eps
        prior = Independent(
            Normal(torch.zeros_like(z), torch.ones_like(z), validate_args=False), 1, validate_args=False
        )
        return self._log_prob(u, at_least_float32(self._logits(z, y)), mean), kl_divergence(q, prior)

    def _posterior(self, u: Tensor, y: Tensor | None) -> Independent:
        h = self._with_label(self.encoder(u.to(self.head.weight.dtype)), y)
        mu, log_sigma = at_least_float32(self.head(h)).chunk(2, dim=1)
        return Independent(Normal(mu, log_sigma.clamp(-8, 8).exp(), validate_args=False), 1, validate_args=False)

    def _logits(self, z: Tensor, y: Tensor | None) -> Tensor:
        return self.decoder(self._with_label(z.to(self.head.weight.dtype), y))

    def _mean(self, logits: Tensor) -> Tensor:
        if self.mixed is not None:
            return self.mixed.mean(logits)
        return logits if len(self.event_shape) < 3 and self.likelihood == "gaussian" else logits.sigmoid()

    def _with_label(self, h: Tensor, y: Tensor | None) -> Tensor:
        if self.num_classes is None:
            return h
        if y is None:
            one_hot = h.new_zeros(len(h), self.num_classes)
        else:
            # A negative label is a missing one.
            one_hot = nn.functional.one_hot(y.clamp(min=0), self.num_classes).to(h) * (y >= 0)[:, None]
        return torch.cat([h, one_hot], dim=1)

    def _log_prob(self, u: Tensor, logits: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
        if self.mixed is not None:
            error = self.mixed.error(u, logits)
            if not self.training:
                return self.mixed.log_prob(u, logits, error, self.log_sigma)
            log_sigma = self.mixed.log_spread(u, error, mean)
            self.log_sigma.lerp_(log_sigma.to(self.log_sigma), 0.05)
            return self.mixed.log_prob(u, logits, error, log_sigma)
        if self.likelihood == "bernoulli":
            return -nn.functional.binary_cross_entropy_with_logits(logits, u, reduction="none").flatten(1).sum(1)
        error = (u - self._mean(logits)).square().flatten(1)
        log_sigma = self.log_sigma
        if self.training:
            log_sigma = 0.5 * mean(error.detach()).clamp(min=1e-8).log()
            self.log_sigma.lerp_(log_sigma.to(self.log_sigma), 0.05)
        size = error.shape[1]
        return -0.5 * error.sum(1) / (2 * log_sigma).exp() - size * (log_sigma + 0.5 * math.log(2 * math.pi))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes weights and config to one safetensors file. A failed write leaves an existing file as it was.

        Arguments:
            path: The file; an earlier one that this method wrote is replaced.
            overwrite: Whether a file of any kind may be replaced.

        Raises:
            InputError: If a folder or another file is there, or if it cannot be written.
        """
        config = {
            "event_shape": self.event_shape,
            "latent_dim": self.latent_dim,
            "num_classes": self.num_classes,
            "likelihood": self.likelihood,
            "layout": None if self.layout is None else asdict(self.layout),
            "architecture": {"type": type(self.architecture).__name__.lower(), **vars(self.architecture)},
        }
        files.save_tensors(path, wrappers.state_dict(self), "vae", config, overwrite=overwrite)

    @classmethod
    @modes.in_plain_modes
    def load(cls, path: str | Path, *, architecture: Architecture | None = None) -> VAE:
        """Returns the VAE that `save` wrote, in eval mode and in its precision. Nothing in the file is executed.

        Arguments:
            path: The file.
            architecture: The architecture of the VAE, if it is one of your own.

        Raises:
            InputError: If the file is missing, truncated or foreign, or if it does not fit the architecture.
        """
        tensors, content = files.load_tensors(path, "vae")
        config = vae_config.read_config(content, path)
        if architecture is None:
            architecture = vae_config.read_architecture(config, path)
            build = partial(cls, **config.arguments, architecture=architecture)
            vae_config.check_weights(build, config, architecture, tensors, path)
        with seeds.drawing_from(0):
            vae = cls(**config.arguments, architecture=architecture)
        vae.to(vae_config.dtype_of_weights(tensors, path))
        for name in vae_config.SCALING:
            if name in tensors:
                vae.register_buffer(name, tensors[name])
        try:
            vae.load_state_dict(tensors)
        except RuntimeError as error:
            vae_config.refuse_weights(architecture, path, str(error))
        return vae.eval()


def _check_layout(layout: Layout | None, likelihood: str, event_shape: Sequence[int]) -> None:
    """Refuses a mixed likelihood without a layout that fits the samples, and a layout without this likelihood."""
    if (layout is not None) != (likelihood == "mixed"):
        got = "one of them"
        checks.refuse(
            'likelihood="mixed" and a layout', got, "see vaeaug.data.tables; Augmenter.fit(frame, y) sets both"
        )
    if layout is not None and tuple(event_shape) != (layout.width,):
        checks.refuse(f"samples of shape ({layout.width},) for this layout", tuple(event_shape), "encode them with it")
