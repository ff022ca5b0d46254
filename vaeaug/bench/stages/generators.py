"""Peers: published generators that learn from the training subset and enlarge it, against which the VAE has to hold its own.

Each is given the same subset and as many optimiser steps per model as our VAE takes in all. They work on samples scaled to
0..1 by the training subset. Nothing is printed, nothing stays on the disk, and no global random state is touched.
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
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaeaug.bench.stages.base import Growth, Job, goal
from vaeaug.data.samples import Samples
from vaeaug.models.fitting import fit_vae
from vaeaug.models.networks import ARCHITECTURES
from vaeaug.models.training import ShuffledIndices, evaluating, train
from vaeaug.runtime import seeds
from vaeaug.runtime.errors import Diverged

BATCH = 64
LR = 1e-3


@dataclass(frozen=True)
class Peer(Growth):
    """Abstract: enlarges every class alike.

    Arguments:
        factor: The whole grows to so many times its size; see `vaeaug.bench.stages.base.goal`.
    """

    factor: int = 5
    trains = True

    def grow(self, job: Job) -> Samples:
        samples, wanted = job.samples, goal(job.samples.counts, self.factor)
        unit, back = _scaling(samples.x)
        missing = [wanted - count for count in samples.counts]
        made = self.made(Samples(unit(samples.x), samples.y, samples.names), missing, job)
        x = [samples.x]
        for label, part in enumerate(made):
            if not torch.isfinite(part).all():
                raise Diverged(
                    f"expected finite samples of class {label} from {self!r}; it needs more samples per class"
                )
            x.append(back(part.reshape(-1, *samples.event_shape).clamp(0, 1)))
        y = torch.repeat_interleave(torch.arange(len(missing)), torch.tensor(missing))
        return Samples(torch.cat(x), torch.cat([samples.y, y]), samples.names)

    @abstractmethod
    def made(self, samples: Samples, missing: Sequence[int], job: Job) -> Iterator[Tensor]:
        """Yields the missing samples of each class, scaled as the given ones."""


@dataclass(frozen=True)
class PythaeVAE(Peer):
    """pythae's VAE with its Gaussian-mixture sampler, one model per class, both with the networks and settings that they come
    with (Chadebec, Vincent and Allassonniere, "Pythae", 2022, https://arxiv.org/abs/2206.08309).

    Arguments:
        latent_dim: The number of latent numbers.
        components: Of the mixture; pythae takes fewer where a class has fewer samples.
    """

    latent_dim: int = 10
    components: int = 10
    needs = ("pythae", "peers")

    def made(self, samples: Samples, missing: Sequence[int], job: Job) -> Iterator[Tensor]:
        for label, count in enumerate(missing):
            with _alone(seeds.derive(job.seed, 10, label)) as folder:
                yield self._of_class(_stretched(samples.x[samples.y == label]), count, job, folder)

    def _of_class(self, x: tuple[Tensor, Any], count: int, job: Job, folder: str) -> Tensor:
        from pythae.data.datasets import BaseDataset
        from pythae.models import VAE, VAEConfig
        from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        (u, back) = x
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=_epochs(job.vae_steps, len(u)),
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
class PyraugRHVAE(Peer):
    """pyraug's Riemannian Hamiltonian VAE, one model per class, as its authors advise for few samples (Chadebec et al., "Data
    augmentation in high dimensional low sample size setting using a geometry-based variational autoencoder", 2021,
    https://arxiv.org/abs/2105.00026), with the networks and settings that it comes with.

    Arguments:
        latent_dim: The number of latent numbers.
        walk: Steps of the Markov chain that a sample is drawn by.
    """

    latent_dim: int = 10
    walk: int = 100
    needs = ("pyraug", "peers")

    def made(self, samples: Samples, missing: Sequence[int], job: Job) -> Iterator[Tensor]:
        for label, count in enumerate(missing):
            with _alone(seeds.derive(job.seed, 10, label)) as folder:
                yield self._of_class(samples.x[samples.y == label], count, job, folder)

    def _of_class(self, x: Tensor, count: int, job: Job, folder: str) -> Tensor:
        from pyraug.data.datasets import BaseDataset
        from pyraug.models import RHVAE
        from pyraug.models.rhvae import RHVAEConfig, RHVAESampler, RHVAESamplerConfig
        from pyraug.trainers import Trainer
        from pyraug.trainers.training_config import TrainingConfig

        flat = x.flatten(1)
        config = TrainingConfig(
            output_dir=folder,
            batch_size=BATCH,
            max_epochs=_epochs(job.vae_steps, len(x)) + 1,  # it counts from 1 and leaves the last one out
            learning_rate=LR,
            train_early_stopping=None,
            no_cuda=True,
            seed=_small_seed(),
        )
        model = RHVAE(RHVAEConfig(input_dim=flat.shape[1], latent_dim=self.latent_dim))
        Trainer(model, BaseDataset(flat, torch.ones(len(x))), training_config=config).train()
        settings = RHVAESamplerConfig(output_dir=folder, mcmc_steps_nbr=self.walk, no_cuda=True)
        sampler = RHVAESampler(model.eval(), settings)
        # Its own `sample` leaves pickled files; this is what that one calls.
        with torch.no_grad():
            return model.decoder(sampler.hmc_sampling(count)) if count else flat[:0]


@dataclass(frozen=True)
class OneVAEPerClass(Peer):
    """Our own VAE, but one per class, its samples drawn from the prior: what is commonly done."""

    def made(self, samples: Samples, missing: Sequence[int], job: Job) -> Iterator[Tensor]:
        for label, count in enumerate(missing):
            x = samples.x[samples.y == label]
            one = Samples(x, torch.zeros(len(x), dtype=torch.long))
            seed = seeds.derive(job.seed, 10, label)
            vae = fit_vae(one, steps=job.vae_steps, batch_size=min(BATCH, len(x)), seed=seed, progress=False)
            z = torch.randn(count, vae.latent_dim, generator=seeds.generator(seed, 1))
            with evaluating(vae):
                yield vae.decode(z) if count else x[:0]


@dataclass(frozen=True)
class DeepSMOTE(Peer):
    """Interpolates between the codes of neighbours of a class and decodes (Dablain, Krawczyk and Chawla, "DeepSMOTE", 2021,
    https://arxiv.org/abs/2105.02340); our own short implementation of the scheme, with our networks.

    One autoencoder for all classes learns, by squared error, to reconstruct a batch; a penalty of the same kind on samples of
    one class, drawn at random in every step, trains the decoder alone. In the authors' code (github.com/dd1github/DeepSMOTE,
    DeepSMOTE_MNIST.py) the codes of that class are permuted and their targets with them, which changes nothing.

    Arguments:
        latent_dim: The number of latent numbers; the authors' by default.
        neighbours: The partners; fewer where a class has fewer samples.
        permuted: Permutes the codes, but not their targets: the decoder is to make any sample of a class of any other's code.
    """

    latent_dim: int = 300
    neighbours: int = 5
    permuted: bool = False

    def made(self, samples: Samples, missing: Sequence[int], job: Job) -> Iterator[Tensor]:
        seed = seeds.derive(job.seed, 10)
        body = ARCHITECTURES["conv" if samples.x.ndim == 4 else "mlp"]()
        with seeds.forked(seed, 0):
            encoder, features, decoder = body.build(samples.event_shape, self.latent_dim)
            both = nn.ModuleList([nn.Sequential(encoder, nn.Linear(features, self.latent_dim)), decoder])
        self._train(both, samples, job.vae_steps, seed)
        with evaluating(both):
            z = both[0](samples.x)
            for label, count in enumerate(missing):
                generator = seeds.generator(seed, 3, label)
                yield both[1](between(z[samples.y == label], count, self.neighbours, generator))

    def _train(self, both: nn.ModuleList, samples: Samples, steps: int, seed: int) -> None:
        order, encode, decode = ShuffledIndices(len(samples), BATCH, seeds.derive(seed, 1)), both[0], both[1]
        places = [torch.nonzero(samples.y == label)[:, 0] for label in range(len(samples.names))]

        def loss(step: int) -> Tensor:
            generator = seeds.generator(seed, 2, step)
            of_class = places[int(torch.randint(len(places), (), generator=generator))]
            of_class = of_class[torch.randperm(len(of_class), generator=generator)[:BATCH]]
            x, alike = samples.x[order(step)], samples.x[of_class]
            with torch.no_grad():
                z = encode(alike).roll(int(self.permuted), 0)
            return nn.functional.mse_loss(decode(encode(x)), x) + nn.functional.mse_loss(decode(z), alike)

        train(both, loss, steps=steps, lr=LR, progress=False)


def between(z: Tensor, count: int, neighbours: int, generator: torch.Generator) -> Tensor:
    """Returns points `(count, L)` on the way from codes `(N, L)` to one of their nearest neighbours (Chawla et al., 2002)."""
    nearest = torch.cdist(z, z).topk(min(neighbours + 1, len(z)), largest=False).indices[:, 1:]
    start = torch.randint(len(z), (count,), generator=generator)
    partner = nearest[start, torch.randint(nearest.shape[1], (count,), generator=generator)]
    share = torch.rand(count, 1, generator=generator)
    return z[start] + share * (z[partner] - z[start])


def _scaling(x: Tensor) -> tuple[Any, Any]:
    """Returns the functions to 0..1 and back: images as a whole, rows feature by feature."""
    over = 0 if x.ndim == 2 else (0, 1, 2, 3)
    low, high = x.amin(over), x.amax(over)
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
    # They pass it on to numpy, which takes 32 bits.
    return int(torch.randint(2**31, ()))


@contextlib.contextmanager
def _alone(seed: int) -> Iterator[str]:
    """Keeps others' code from the screen, the disk and the random state; gives a folder that goes away."""
    states, disabled = (np.random.get_state(), random.getstate()), logging.root.manager.disable
    nowhere = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        seeds.forked(seed),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
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
