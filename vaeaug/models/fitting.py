"""Fitting a VAE to labelled data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sized
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaeaug.data import sample_kinds, streaming
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import Samples, Scaling
from vaeaug.models.batches import Batch, batches_from_loader, batches_from_memory
from vaeaug.models.networks import Architecture
from vaeaug.models.training import ShuffledIndices, check_trainable, device_of, train
from vaeaug.models.vae import VAE
from vaeaug.models.wrappers import unwrapped
from vaeaug.runtime import checks, limits, modes, seeds
from vaeaug.runtime.distributed import SINGLE_PROCESS, World

NOISE_BLOCK = 64  # samples of a batch whose noise is drawn together
LABEL_DROPOUT = 0.1  # fraction of the labels withheld from a conditional VAE, so that it learns to work without them


class Stream(IntEnum):
    """The random streams drawn from the seed of `fit_vae`. A number never changes its meaning."""

    WEIGHTS = 0
    ORDER = 1
    NOISE = 2
    # 3 to 5 are in use in data/loaders.py and data/streaming.py.


class FitSettings(NamedTuple):
    """The arguments of `fit_vae` that decide, with the data and the VAE, which weights come out."""

    steps: int
    batch_size: int
    lr: float
    weight_decay: float
    beta: float
    beta_warmup: float
    input_noise: float
    seed: int

    def kl_weight(self, step: int) -> float:
        """Returns the weight of the KL term at a step."""
        return self.beta * min(1.0, (step + 1) / (self.beta_warmup * self.steps)) if self.beta_warmup else self.beta


@checks.renamed(
    latent="latent_dim",
    classes="num_classes",
    body="architecture",
    batch="batch_size",
    noise="input_noise",
    warmup="beta_warmup",
)
@modes.in_plain_modes
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
    kind: str = sample_kinds.AUTO,
) -> VAE:
    """Trains a VAE and returns it, in eval mode.

    Arguments:
        data: Labelled data in any form that `vaeaug.data.as_samples` takes. A DataLoader is never held in memory: it is read
            batch by batch, epoch after epoch. Its order and its transforms follow `seed` where they draw from torch's global
            generator.
        y: The labels, if `data` is X alone.
        vae: The VAE to train, in place; by default a new one, created from `latent_dim`, `num_classes`, `likelihood` and
            `architecture`, with its scaling fitted to the data.
        latent_dim: See `VAE`.
        num_classes: See `VAE`.
        likelihood: See `VAE`; tables with categories or missing values have a likelihood of their own, `mixed`.
        architecture: See `VAE`.
        steps: The number of optimiser steps; by default 400 for up to 200 samples, which more would overfit, growing with
            the square root of their number to 2,000 for 5,000 and more (docs/speed.md).
        batch_size: Samples per step; a DataLoader has its own.
        lr: The peak learning rate of AdamW.
        weight_decay: AdamW's weight decay.
        beta: The weight of the KL term (Higgins et al., "beta-VAE", 2017); 1 is the evidence lower bound.
        beta_warmup: The fraction of the steps in which that weight rises from 0 (Bowman et al., 2016,
            https://arxiv.org/abs/1511.06349).
        input_noise: The standard deviation of the noise on the encoder's input, in units of the scaled data (images: 0..1).
            It keeps the encoder from overfitting a small set (see `VAE.terms`).
        precision: `fp32`, `bf16`, or `auto`: bf16 where the hardware supports it.
        seed: The seed of the weights, the order and the noise; the global generator is not touched.
        progress: Whether to show a progress bar.
        checkpoint: A file for the state of the training; if it exists, training resumes from it, exactly. A DataLoader with a
            generator of its own resumes in another order.
        scaling: The data's range; by default fitted to the data, of a DataLoader to its first 8,192 samples.
        device: The device of a new VAE; one that is passed stays on its own.
        world: The rank of this process among the processes that train together (`runtime.distributed.process_group`). Each
            computes its part of every batch; the batches, the noise and, up to rounding, the weights do not depend on the
            number of processes.
        kind: `signals` or `images`, where the shape cannot tell; see `vaeaug.data.as_samples`.

    Raises:
        InputError: If the data or a setting cannot be used.
        Diverged: If the loss is not finite.

    Example:
        >>> vae = fit_vae("digits", steps=20, progress=False)
        >>> vae.event_shape, vae.latent_dim
        ((1, 8, 8), 16)
    """
    checks.check_number("beta", beta, 0)
    checks.check_number("input_noise", input_noise, 0)
    checks.check_number("beta_warmup", beta_warmup, 0, 1)
    checks.check_number("batch_size", batch_size, world.size, whole=True)
    checks.check_number("weight_decay", weight_decay, 0)
    vae = unwrapped(vae)
    _check_trainable(vae, torch.device(device))
    if vae is not None and kind == sample_kinds.AUTO:
        kind = sample_kinds.kind_like(vae.event_shape)
    samples = _samples_in_memory(data, y, seed, vae is not None or scaling is not None, kind)
    if vae is None:
        table = samples.table
        with seeds.drawing_from(seed, Stream.WEIGHTS):
            vae = VAE(
                samples.event_shape,
                latent_dim=latent_dim,
                num_classes=num_classes,
                likelihood=likelihood if table is None else "mixed",
                architecture=architecture,
                layout=None if table is None else table.layout,
            )
        vae.set_scaling(samples.scaling() if scaling is None else scaling)
        vae.to(device).to(memory_format=torch.channels_last)
    _check_samples(samples, vae)
    batch = f"a batch of {batch_size} samples with its noise"
    # Of every sample, it and the noise of its input, the least that a step holds.
    limits.check_memory(
        batch, 8 * batch_size * samples.x[0].numel() / world.size, "pass a smaller batch_size (--batch)"
    )
    steps = default_steps(_size(data, samples)) if steps is None else steps
    settings = FitSettings(steps, batch_size, lr, weight_decay, beta, beta_warmup, input_noise, seed)
    train(
        vae,
        loss_by_step(vae, _batches(data, samples, vae, settings, world), settings, world),
        steps=steps,
        lr=lr,
        weight_decay=weight_decay,
        precision=precision,
        progress=progress,
        label="fitting the VAE",
        checkpoint=checkpoint,
        fingerprint=_fingerprint(data if _is_stream(data) else samples, settings) if checkpoint else "",
        world=world,
    )
    return vae.eval()


def default_steps(size: int) -> int:
    """Returns the default number of optimiser steps for a number of training samples."""
    return round(min(2000, max(400, 400 * math.sqrt(size / 200))))


def loss_by_step(
    vae: VAE, batches: Callable[[int], Batch], settings: FitSettings, world: World = SINGLE_PROCESS
) -> Callable[[int], Tensor]:
    """Returns the function from a step to its loss: the negative evidence lower bound per feature, with a weighted KL term.

    Arguments:
        vae: The VAE.
        batches: A function from a step to its batch, or to this process's part of it.
        settings: The weight of the KL term, the noise and its seed.
        world: The rank of this process.
    """

    def loss(step: int) -> Tensor:
        batch = batches(step)
        x, y, eps, corruption = _with_noise(batch, vae, settings.input_noise, settings.seed, step)
        log_likelihood, divergence = vae.terms(x, y, eps, corruption, world.mean)
        value = (settings.kl_weight(step) * divergence - log_likelihood).mean() / x[0].numel()
        # Parts differ by a sample where the batch does not divide evenly; the mean over processes is the batch's mean then.
        return value * (len(x) * world.size / batch.size)

    return loss


def _is_stream(data: Any) -> bool:
    return isinstance(data, DataLoader)


def _samples_in_memory(data: Any, y: Any, seed: int, has_scaling: bool, kind: str) -> Samples:
    """Returns all samples, or of a DataLoader the first ones, as many as the scaling needs."""
    if not _is_stream(data):
        return as_samples(data, y=y, seed=seed, kind=kind)
    return streaming.peek(data, seed, 1 if has_scaling else streaming.RANGE_SAMPLES, kind)


def _size(data: Any, samples: Samples) -> int:
    if not _is_stream(data):
        return len(samples)
    return len(data.dataset) if isinstance(data.dataset, Sized) else 2**31  # an iterable dataset may have no end


def _batches(data: Any, samples: Samples, vae: VAE, settings: FitSettings, world: World) -> Callable[[int], Batch]:
    if _is_stream(data):
        return batches_from_loader(
            data, settings.seed, partial(_check_samples, vae=vae), world, sample_kinds.kind_like(vae.event_shape)
        )
    order = ShuffledIndices(len(samples), settings.batch_size, seeds.derive(settings.seed, Stream.ORDER))
    return batches_from_memory(samples, order, world)


def _check_trainable(vae: VAE | None, device: torch.device) -> None:
    """Refuses a VAE whose weights cannot be trained."""
    device = device if vae is None else device_of(vae)
    if device.type == "meta":
        checks.refuse("a device that computes", "'meta'", "pass device='cpu' or 'cuda'")
    if vae is None:
        return
    if not isinstance(vae, VAE):
        checks.refuse("a VAE of vaeaug to train", type(vae).__name__, "train your own, then Augmenter(vae).fit(data)")
    check_trainable(vae)


def _check_samples(samples: Samples, vae: VAE) -> None:
    """Refuses samples that this VAE cannot be trained on."""
    checks.check_event_shape("samples", samples.x, vae.event_shape)
    if vae.likelihood == "bernoulli" and (vae.gain.ndim or samples.x.ndim == 3):
        got = "signals" if samples.x.ndim == 3 else "tabular data"
        checks.refuse("images for a Bernoulli likelihood", got, "use likelihood='gaussian'")
    checks.check_labels(samples.y, vae.num_classes)
    if samples.x.ndim == 4:
        # Scales the minimum and the maximum only: all scaled samples would take as much memory as the data.
        low, high = (torch.stack(samples.x.aminmax()) - vae.offset.cpu()) / vae.gain.cpu()
        if not -0.01 <= float(low) <= float(high) <= 1.01:
            value_range = f"{samples.x.min():g} to {samples.x.max():g}"
            checks.refuse("images in the range of the VAE", value_range, "pass VAE(..., scaling=Scaling.fit(x))")


def _fingerprint(data: Samples | DataLoader, settings: FitSettings) -> str:
    if isinstance(data, Samples):
        content = (data.x.numpy().tobytes(), data.y.numpy().tobytes())
    else:
        size = len(data.dataset) if isinstance(data.dataset, Sized) else None
        content = (type(data.dataset).__name__.encode(), repr((size, data.batch_size)).encode())
    return hashlib.sha256(b"".join((*content, repr(settings).encode()))).hexdigest()[:12]


def _with_noise(
    batch: Batch, vae: VAE, input_noise: float, seed: int, step: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | float]:
    """Returns samples, labels (some withheld), the noise of z and the noise of the input, on the VAE's device.

    Noise belongs to an index in the whole batch and is drawn in blocks of indices, so a process draws only its own blocks.
    """
    device, (x, y, offset, size) = device_of(vae), batch
    blocks = range(offset // NOISE_BLOCK, -(-(offset + len(x)) // NOISE_BLOCK))
    noise = []
    for block in blocks:
        # Block 0 has the path of batches of one block, (step,), from which committed results were drawn.
        generator = seeds.generator(seed, Stream.NOISE, step, *((block,) if block else ()))
        length = min(NOISE_BLOCK, size - block * NOISE_BLOCK)
        eps = torch.randn(length, vae.latent_dim, generator=generator)
        withheld = torch.rand(length, generator=generator) < LABEL_DROPOUT
        jitter = torch.randn(length, *x.shape[1:], generator=generator) if input_noise else eps[:, :0]
        noise.append((eps, withheld, jitter))
    start = offset - blocks[0] * NOISE_BLOCK
    eps, withheld, jitter = (torch.cat(column)[start : start + len(x)] for column in zip(*noise, strict=True))
    y = torch.where(withheld, -1, y)
    return x.to(device), y.to(device), eps.to(device), input_noise * jitter.to(device) if input_noise else 0.0
