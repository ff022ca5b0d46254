"""Published generative baselines, which learn from the training subset and enlarge it.

Each gets the same subset and, per model, as many optimiser steps as our VAE. They work on samples scaled to 0..1 by the
training subset. Nothing is printed, no file stays on disk, and no global random state is touched.
"""

from __future__ import annotations

import contextlib
import io
import logging
import random
import tempfile
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vaeaug.bench.stages.base import Resampler, target_count
from vaeaug.bench.stages.context import Context
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import pooled_axes
from vaeaug.models.fitting import fit_vae
from vaeaug.models.networks import ARCHITECTURES
from vaeaug.models.training import ShuffledIndices, evaluating, train
from vaeaug.runtime import seeds
from vaeaug.runtime.errors import Diverged
from vaeaug.runtime.seeds import Stream

BATCH = 64
LR = 1e-3


@dataclass(frozen=True)
class GenerativeBaseline(Resampler):
    """Abstract: enlarges every class by the same factor.

    Arguments:
        factor: The size of the enlarged set, relative to the subset; see `target_count`.
    """

    trains: ClassVar[bool] = True

    factor: int = 5

    def resample(self, context: Context) -> Samples:
        samples, target = context.samples, target_count(context.samples.counts, self.factor)
        to_unit, from_unit = _scaling(samples.x)
        missing = [target - count for count in samples.counts]
        unit_samples = Samples(to_unit(samples.x), samples.y, samples.names)
        x = [samples.x]
        for label, synthetic in enumerate(self.generate(unit_samples, missing, context)):
            if not torch.isfinite(synthetic).all():
                raise Diverged(
                    f"expected finite samples of class {label} from {self!r}; it needs more samples per class"
                )
            x.append(from_unit(synthetic.reshape(-1, *samples.event_shape).clamp(0, 1)))
        y = torch.repeat_interleave(torch.arange(len(missing)), torch.tensor(missing))
        return Samples(torch.cat(x), torch.cat([samples.y, y]), samples.names)

    @abstractmethod
    def generate(self, samples: Samples, missing: Sequence[int], context: Context) -> Iterator[Tensor]:
        """Yields the missing samples of each class, scaled like `samples`."""


@dataclass(frozen=True)
class PythaeVAE(GenerativeBaseline):
    """pythae's VAE with its Gaussian-mixture sampler, one model per class, with their default networks and settings
    (Chadebec, Vincent and Allassonniere, "Pythae", 2022, https://arxiv.org/abs/2206.08309).

    Arguments:
        latent_dim: The dimension of the latent space.
        components: The number of components of the mixture; pythae uses fewer where a class has fewer samples.
    """

    key: ClassVar[str] = "pythae vae"

    latent_dim: int = 10
    components: int = 10
    requires: ClassVar[tuple[str, str] | None] = ("pythae", "generators")

    def generate(self, samples: Samples, missing: Sequence[int], context: Context) -> Iterator[Tensor]:
        for label, count in enumerate(missing):
            with _isolated(context.seed_of(Stream.GENERATOR, label)) as folder:
                yield self._of_class(_stretched(samples.x[samples.y == label]), count, context, folder)

    def _of_class(self, x: tuple[Tensor, Any], count: int, context: Context, folder: str) -> Tensor:
        from pythae.data.datasets import BaseDataset
        from pythae.models import VAE, VAEConfig
        from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        (u, back) = x
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=_epochs(context.vae_steps, len(u)),
            per_device_train_batch_size=BATCH,
            learning_rate=LR,
            keep_best_on_train=True,
            no_cuda=True,
            seed=_small_seed(),
        )
        model = VAE(VAEConfig(input_dim=tuple(u.shape[1:]), latent_dim=self.latent_dim))
        trainer = BaseTrainer(model, BaseDataset(u, torch.ones(len(u))), training_config=config)
        trainer.train()
        sampler = GaussianMixtureSampler(
            trainer._best_model, GaussianMixtureSamplerConfig(n_components=self.components)
        )
        sampler.fit(u)
        return back(sampler.sample(count)) if count else u[:0]


@dataclass(frozen=True)
class PyraugRHVAE(GenerativeBaseline):
    """pyraug's Riemannian Hamiltonian VAE, one model per class, as its authors recommend for few samples (Chadebec et al.,
    "Data augmentation in high dimensional low sample size setting using a geometry-based variational autoencoder", 2021,
    https://arxiv.org/abs/2105.00026), with its default networks and settings.

    Arguments:
        latent_dim: The dimension of the latent space.
        chain_steps: Steps of the Markov chain that draws a sample.
    """

    key: ClassVar[str] = "pyraug rhvae"

    latent_dim: int = 10
    chain_steps: int = 100
    requires: ClassVar[tuple[str, str] | None] = ("pyraug", "generators")

    def generate(self, samples: Samples, missing: Sequence[int], context: Context) -> Iterator[Tensor]:
        for label, count in enumerate(missing):
            with _isolated(context.seed_of(Stream.GENERATOR, label)) as folder:
                yield self._of_class(samples.x[samples.y == label], count, context, folder)

    def _of_class(self, x: Tensor, count: int, context: Context, folder: str) -> Tensor:
        from pyraug.data.datasets import BaseDataset
        from pyraug.models import RHVAE
        from pyraug.models.rhvae import RHVAEConfig, RHVAESampler, RHVAESamplerConfig
        from pyraug.trainers import Trainer
        from pyraug.trainers.training_config import TrainingConfig

        flat = x.flatten(1)
        config = TrainingConfig(
            output_dir=folder,
            batch_size=BATCH,
            max_epochs=_epochs(context.vae_steps, len(x)) + 1,  # it counts from 1 and leaves the last one out
            learning_rate=LR,
            train_early_stopping=None,
            no_cuda=True,
            seed=_small_seed(),
        )
        model = RHVAE(RHVAEConfig(input_dim=flat.shape[1], latent_dim=self.latent_dim))
        Trainer(model, BaseDataset(flat, torch.ones(len(x))), training_config=config).train()
        settings = RHVAESamplerConfig(output_dir=folder, mcmc_steps_nbr=self.chain_steps, no_cuda=True)
        sampler = RHVAESampler(model.eval(), settings)
        # Its own `sample` leaves pickled files; this is what that one calls.
        with torch.no_grad():
            return model.decoder(sampler.hmc_sampling(count)) if count else flat[:0]


@dataclass(frozen=True)
class OneVAEPerClass(GenerativeBaseline):
    """One of our VAEs per class, sampled from the prior, as is common practice."""

    key: ClassVar[str] = "one vae per class"

    def generate(self, samples: Samples, missing: Sequence[int], context: Context) -> Iterator[Tensor]:
        for label, count in enumerate(missing):
            x = samples.x[samples.y == label]
            of_class = Samples(x, torch.zeros(len(x), dtype=torch.long))
            seed = context.seed_of(Stream.GENERATOR, label)
            vae = fit_vae(of_class, steps=context.vae_steps, batch_size=min(BATCH, len(x)), seed=seed, progress=False)
            z = torch.randn(count, vae.latent_dim, generator=seeds.generator(seed, 1))
            with evaluating(vae):
                yield vae.decode(z) if count else x[:0]


@dataclass(frozen=True)
class DeepSMOTE(GenerativeBaseline):
    """Interpolates between the codes of neighbours of a class and decodes (Dablain, Krawczyk and Chawla, "DeepSMOTE", 2021,
    https://arxiv.org/abs/2105.02340); a short implementation of our own, with our networks.

    One autoencoder for all classes learns, by squared error, to reconstruct a batch; a penalty of the same kind on samples of
    one class, drawn at random in every step, trains the decoder only. In the authors' code (github.com/dd1github/DeepSMOTE,
    DeepSMOTE_MNIST.py) the codes of that class are permuted and their targets with them, which changes nothing.

    Arguments:
        latent_dim: The dimension of the latent space; by default the authors'.
        neighbours: The number of neighbours; fewer where a class has fewer samples.
    """

    key: ClassVar[str] = "deepsmote"

    latent_dim: int = 300
    neighbours: int = 5

    def generate(self, samples: Samples, missing: Sequence[int], context: Context) -> Iterator[Tensor]:
        seed = context.seed_of(Stream.GENERATOR)
        architecture = ARCHITECTURES[{3: "conv1d", 4: "conv"}.get(samples.x.ndim, "mlp")]()
        with seeds.forked(seed, 0):
            encoder, features, decoder = architecture.build(samples.event_shape, self.latent_dim)
            both = nn.ModuleList([nn.Sequential(encoder, nn.Linear(features, self.latent_dim)), decoder])
        self._train(both, samples, context.vae_steps, seed)
        with evaluating(both):
            z = both[0](samples.x)
            for label, count in enumerate(missing):
                generator = seeds.generator(seed, 3, label)
                yield both[1](interpolate_neighbours(z[samples.y == label], count, self.neighbours, generator))

    def _train(self, both: nn.ModuleList, samples: Samples, steps: int, seed: int) -> None:
        order, encode, decode = ShuffledIndices(len(samples), BATCH, seeds.derive(seed, 1)), both[0], both[1]
        class_indices = [torch.nonzero(samples.y == label)[:, 0] for label in range(len(samples.names))]

        def loss(step: int) -> Tensor:
            generator = seeds.generator(seed, 2, step)
            one_class = class_indices[int(torch.randint(len(class_indices), (), generator=generator))]
            one_class = one_class[torch.randperm(len(one_class), generator=generator)[:BATCH]]
            x, same_class = samples.x[order(step)], samples.x[one_class]
            with torch.no_grad():
                z = encode(same_class)
            return nn.functional.mse_loss(decode(encode(x)), x) + nn.functional.mse_loss(decode(z), same_class)

        train(both, loss, steps=steps, lr=LR, progress=False)


def interpolate_neighbours(z: Tensor, count: int, neighbours: int, generator: torch.Generator) -> Tensor:
    """Returns points `(count, L)` between codes `(N, L)` and one of their nearest neighbours (Chawla et al., 2002)."""
    nearest = torch.cdist(z, z).topk(min(neighbours + 1, len(z)), largest=False).indices[:, 1:]
    start = torch.randint(len(z), (count,), generator=generator)
    partner = nearest[start, torch.randint(nearest.shape[1], (count,), generator=generator)]
    fraction = torch.rand(count, 1, generator=generator)
    return z[start] + fraction * (z[partner] - z[start])


def _scaling(x: Tensor) -> tuple[Any, Any]:
    """Returns the functions to 0..1 and back: images as a whole, rows feature by feature, signals channel by channel."""
    axes, keep = pooled_axes(x), x.ndim == 3
    low, high = x.amin(axes, keepdim=keep), x.amax(axes, keepdim=keep)
    gain = torch.where(high > low, high - low, 1.0)
    return lambda x: (x - low) / gain, lambda u: low + gain * u


def _stretched(x: Tensor) -> tuple[Tensor, Any]:
    """Returns the samples of a class stretched to 0..1 as a whole, because pythae's sampler asks that a 1 be among them."""
    low, high = x.min(), x.max()
    gain = high - low if high > low else torch.ones(())
    return (x - low) / gain, lambda u: low + gain * u


def _epochs(steps: int, size: int) -> int:
    return -(-steps // -(-size // BATCH))


def _small_seed() -> int:
    # Passed to numpy, which takes 32 bits.
    return int(torch.randint(2**31, ()))


@contextlib.contextmanager
def _isolated(seed: int) -> Iterator[str]:
    """Runs third-party code without output, files or global randomness; yields a temporary folder."""
    states, disabled = (np.random.get_state(), random.getstate()), logging.root.manager.disable
    output = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        seeds.forked(seed),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        np.random.seed(_small_seed())
        try:
            yield folder
        finally:
            logging.disable(disabled)
            np.random.set_state(states[0])
            random.setstate(states[1])
