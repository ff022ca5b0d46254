"""Fitting a VAE to labelled data, with the one training loop."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sized
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaeaug.data import streaming
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import Samples, Scaling
from vaeaug.models.batches import Batch, batches_from_loader, batches_from_memory
from vaeaug.models.networks import Architecture
from vaeaug.models.training import ShuffledIndices, device_of, train
from vaeaug.models.vae import VAE
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.distributed import SINGLE_PROCESS, World

SPAN = 64  # places of a batch whose noise is drawn together
UNTOLD = 0.1  # share of the labels withheld from a conditional VAE, so that it learns to do without


def fit_vae(
    data: Any,
    y: Any = None,
    *,
    vae: VAE | None = None,
    latent_dim: int = 16,
    num_classes: int | None = None,
    likelihood: str = "gaussian",
    architecture: str | Architecture | None = None,
    steps: int | None = None,
    batch_size: int = 64,
    lr: float = 4e-3,
    weight_decay: float = 0.01,
    beta: float = 1.0,
    beta_warmup: float = 0.2,
    input_noise: float = 0.1,
    precision: str = "auto",
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    scaling: Scaling | None = None,
    device: str | torch.device = "cpu",
    world: World = SINGLE_PROCESS,
) -> VAE:
    """Trains a VAE and returns it, in eval mode.

    Arguments:
        data: Labelled data in any form that `vaeaug.data.as_samples` takes. A DataLoader is never held in memory: it is read
            batch by batch, over and over, in an order and with transforms that `seed` decides where they draw from torch's
            global generator.
        y: The labels, where `data` is X alone.
        vae: The VAE to train, in place; by default a new one is made from `latent_dim`, `num_classes`, `likelihood` and
            `architecture` (see `VAE`), and its scaling fitted to the data.
        steps: The number of optimiser steps; by default 400 for up to 200 samples, which more would overfit, growing with
            the root of their number to 2,000 for 5,000 and more (docs/speed.md).
        batch_size: Samples per step; a DataLoader has its own.
        lr: The peak learning rate of AdamW.
        weight_decay: AdamW's.
        beta: The weight of the KL term (Higgins et al., "beta-VAE", 2017); 1 is the evidence lower bound.
        beta_warmup: The share of the steps in which that weight rises from 0 (Bowman et al., 2016,
            https://arxiv.org/abs/1511.06349).
        input_noise: Standard deviation of the noise on the encoder's input, in units of the scaled data (images: 0..1). It
            keeps the encoder of a small set from overfitting (see `VAE.terms`).
        precision: `auto` computes in bf16 where the hardware does.
        seed: Of the weights, the order and the noise; the global generator is not touched.
        progress: Whether to show a bar.
        checkpoint: A file to keep the state in; where it exists, training goes on from it, exactly. A DataLoader
            with a generator of its own goes on in another order.
        scaling: The data's range; by default fitted to the data, to the first 8,192 samples of a DataLoader.
        device: Where to make a new VAE and to train it; one that is passed stays where it is.
        world: Which of how many processes this one is (`runtime.distributed.process_group`). Each computes its share of
            every batch; the same batches, noise and, but for rounding, weights come out for any number of them.

    Raises:
        InputError: If the data cannot be used.
        Diverged: If the loss is not finite.

    Example:
        >>> vae = fit_vae("digits", steps=20, progress=False)
        >>> vae.event_shape, vae.latent_dim
        ((1, 8, 8), 16)
    """
    for name, value in {"beta": beta, "input_noise": input_noise}.items():
        checks.check_number(name, value, 0)
    checks.check_number("beta_warmup", beta_warmup, 0, 1)
    checks.check_number("batch_size", batch_size, world.size, whole=True)
    known = vae is not None or scaling is not None
    samples = (
        streaming.peek(data, seed, 1 if known else streaming.RANGE_SAMPLES) if _streams(data) else as_samples(data, y=y)
    )
    steps = default_steps(_size(data, samples)) if steps is None else steps
    if vae is None:
        with seeds.forked(seed, 0):
            vae = VAE(
                samples.event_shape,
                latent_dim=latent_dim,
                num_classes=num_classes,
                likelihood=likelihood,
                architecture=architecture,
            )
        vae.set_scaling(Scaling.fit(samples.x) if scaling is None else scaling)
        vae.to(device).to(memory_format=torch.channels_last)
    _check(samples, vae)
    told = (steps, batch_size, lr, weight_decay, beta, beta_warmup, input_noise, seed)
    if _streams(data):
        batches = batches_from_loader(data, seed, partial(_check, vae=vae), world)
    else:
        batches = batches_from_memory(samples, ShuffledIndices(len(samples), batch_size, seeds.derive(seed, 1)), world)

    def loss(step: int) -> Tensor:
        share = batches(step)
        x, y, eps, corruption = _noisy(share, vae, input_noise, seed, step)
        log_likelihood, divergence = vae.terms(x, y, eps, corruption, world.mean)
        weight = beta * min(1.0, (step + 1) / (beta_warmup * steps)) if beta_warmup else beta
        value = (weight * divergence - log_likelihood).mean() / x[0].numel()
        # Shares differ by a sample where the batch does not divide; the mean over processes is then that of the batch.
        return value * (len(x) * world.size / share.size)

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
        fingerprint=_fingerprint(data if _streams(data) else samples, told) if checkpoint else "",
        world=world,
    )
    return vae.eval()


def _streams(data: Any) -> bool:
    return isinstance(data, DataLoader)


def _size(data: Any, samples: Samples) -> int:
    if not _streams(data):
        return len(samples)
    return len(data.dataset) if isinstance(data.dataset, Sized) else 2**31  # a stream has no end


def default_steps(size: int) -> int:
    """Returns the number of steps that suits so many training samples."""
    return round(min(2000, max(400, 400 * math.sqrt(size / 200))))


def _check(samples: Samples, vae: VAE) -> None:
    """Refuses samples that this VAE cannot be trained on."""
    checks.check_event_shape("samples", samples.x, vae.event_shape)
    if vae.likelihood == "bernoulli" and vae.gain.ndim:
        checks.refuse("images for a Bernoulli likelihood", "rows", "use likelihood='gaussian'")
    checks.check_labels(samples.y, vae.num_classes)
    # Of the two ends alone: the scaled data would be as large as the data.
    u = (torch.stack(samples.x.aminmax()) - vae.offset.cpu()) / vae.gain.cpu() if samples.x.ndim > 2 else None
    if u is not None and not -0.01 <= float(u.min()) <= float(u.max()) <= 1.01:
        seen = f"{samples.x.min():g} to {samples.x.max():g}"
        checks.refuse("images in the range of the VAE", seen, "pass VAE(..., scaling=Scaling.fit(x))")


def _fingerprint(data: Samples | DataLoader, settings: tuple[Any, ...]) -> str:
    if isinstance(data, Samples):
        content = (data.x.numpy().tobytes(), data.y.numpy().tobytes())
    else:
        size = len(data.dataset) if isinstance(data.dataset, Sized) else None
        content = (type(data.dataset).__name__.encode(), repr((size, data.batch_size)).encode())
    return hashlib.sha256(b"".join((*content, repr(settings).encode()))).hexdigest()[:12]


def _noisy(
    share: Batch, vae: VAE, input_noise: float, seed: int, step: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | float]:
    """Returns samples and labels, some withheld, on the VAE's device, with the noise of their places in the whole batch.

    Noise is drawn for a span of places at a time, so that a process need not draw that of the whole batch.
    """
    device, x = device_of(vae), share.x
    spans = range(share.start // SPAN, -(-(share.start + len(x)) // SPAN))
    parts = []
    for span in spans:
        generator = seeds.generator(seed, 2, step, *((span,) if span else ()))
        size = min(SPAN, share.size - span * SPAN)
        eps = torch.randn(size, vae.latent_dim, generator=generator)
        untold = torch.rand(size, generator=generator) < UNTOLD
        parts.append((eps, untold, torch.randn(size, *x.shape[1:], generator=generator) if input_noise else eps[:, :0]))
    start = share.start - spans[0] * SPAN
    eps, untold, jitter = (torch.cat(column)[start : start + len(x)] for column in zip(*parts, strict=True))
    y = torch.where(untold, -1, share.y)
    return x.to(device), y.to(device), eps.to(device), input_noise * jitter.to(device) if input_noise else 0.0
