"""Fitting a VAE to labelled data, with the one training loop."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaeaug import _checks, _rng
from vaeaug.data import Samples, Scaling, as_samples
from vaeaug.networks import Body
from vaeaug.training import Shuffled, device_of, train
from vaeaug.vae import VAE

UNTOLD = 0.1  # share of the labels withheld from a conditional VAE, so that it learns to do without


def fit_vae(
    data: Any,
    *,
    vae: VAE | None = None,
    latent: int = 16,
    classes: int | None = None,
    likelihood: str = "gaussian",
    body: str | Body | None = None,
    steps: int | None = None,
    batch: int = 64,
    lr: float = 4e-3,
    weight_decay: float = 0.01,
    beta: float = 1.0,
    warmup: float = 0.2,
    free_bits: float = 0.0,
    noise: float = 0.1,
    precision: str = "auto",
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | Path | None = None,
) -> VAE:
    """Trains a VAE and returns it, in eval mode.

    Arguments:
        data: Labelled data in any form that `vaeaug.data.as_samples` takes.
        vae: The VAE to train, in place; by default a new one is made from `latent`, `classes`, `likelihood` and `body`
            (see `VAE`), and its scaling fitted to the data.
        steps: The number of optimiser steps; by default 400 for up to 200 samples, which more would overfit, growing with
            the root of their number to 2,000 for 5,000 and more (docs/speed.md).
        batch: Samples per step.
        lr: The peak learning rate of AdamW.
        weight_decay: AdamW's.
        beta: The weight of the KL term (Higgins et al., "beta-VAE", 2017); 1 is the evidence lower bound.
        warmup: The share of the steps in which that weight rises from 0 (Bowman et al., 2016,
            https://arxiv.org/abs/1511.06349).
        free_bits: Nats of KL per sample that cost nothing (Kingma et al., 2016, https://arxiv.org/abs/1606.04934).
        noise: Standard deviation of the noise on the encoder's input, in units of the scaled data (images: 0..1). It
            keeps the encoder of a small set from overfitting (see `VAE.terms`).
        precision: `auto` computes in bf16 where the hardware does.
        seed: Of the weights, the order and the noise; the global generator is not touched.
        progress: Whether to show a bar.
        checkpoint: A file to keep the state in; where it exists, training goes on from it, exactly.

    Raises:
        InputError: If the data cannot be used.
        Diverged: If the loss is not finite.

    Example:
        >>> vae = fit_vae("digits", steps=20, progress=False)
        >>> vae.event_shape, vae.latent
        ((1, 8, 8), 16)
    """
    samples = as_samples(data)
    steps = default_steps(len(samples)) if steps is None else steps
    for name, value in {"beta": beta, "free_bits": free_bits, "noise": noise}.items():
        _checks.within(name, value, 0)
    _checks.within("warmup", warmup, 0, 1)
    _checks.within("batch", batch, 1, whole=True)
    if vae is None:
        with _rng.forked(seed, 0):
            vae = VAE(samples.event_shape, latent=latent, classes=classes, likelihood=likelihood, body=body)
        vae.set_scaling(Scaling.fit(samples.x))
        vae.to(memory_format=torch.channels_last)
    _checks.event("samples", samples.x, vae.event_shape)
    if vae.likelihood == "bernoulli" and vae.gain.ndim:
        _checks.refuse("images for a Bernoulli likelihood", "rows", "use likelihood='gaussian'")
    _checks.labels(samples.y, vae.classes)
    # Of the two ends alone: the scaled data would be as large as the data.
    u = (torch.stack(samples.x.aminmax()) - vae.offset.cpu()) / vae.gain.cpu() if samples.x.ndim > 2 else None
    if u is not None and not -0.01 <= float(u.min()) <= float(u.max()) <= 1.01:
        seen = f"{samples.x.min():g} to {samples.x.max():g}"
        _checks.refuse("images in the range of the VAE", seen, "pass VAE(..., scaling=Scaling.fit(x))")
    told = (steps, batch, lr, weight_decay, beta, warmup, free_bits, noise, seed)

    def loss(step: int) -> Tensor:
        x, y, eps, corruption = _batch(samples, order(step), vae, noise, _rng.generator(seed, 2, step))
        log_likelihood, divergence = vae.terms(x, y, eps, corruption)
        weight = beta * min(1.0, (step + 1) / (warmup * steps)) if warmup else beta
        return (weight * divergence.clamp(min=free_bits) - log_likelihood).mean() / samples.x[0].numel()

    order = Shuffled(len(samples), batch, _rng.derive(seed, 1))
    train(
        vae,
        loss,
        steps=steps,
        lr=lr,
        weight_decay=weight_decay,
        precision=precision,
        progress=progress,
        label="fitting the VAE",
        checkpoint=checkpoint,
        fingerprint=_fingerprint(samples, told) if checkpoint else "",
    )
    return vae.eval()


def default_steps(size: int) -> int:
    """Returns the number of steps that suits so many training samples."""
    return round(min(2000, max(400, 400 * math.sqrt(size / 200))))


def _fingerprint(samples: Samples, settings: tuple[Any, ...]) -> str:
    parts = (samples.x.numpy().tobytes(), samples.y.numpy().tobytes(), repr(settings).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _batch(
    samples: Samples, places: Tensor, vae: VAE, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor | float]:
    device = device_of(vae)
    x, y = samples.x[places].to(device), samples.y[places]
    eps = torch.randn(len(places), vae.latent, generator=generator)
    untold = torch.rand(len(places), generator=generator) < UNTOLD
    corruption = noise * torch.randn(x.shape, generator=generator).to(device) if noise else 0.0
    return x, torch.where(untold, -1, y).to(device), eps.to(device), corruption
