"""What a method may know of its run: the training subset, the seed, the settings, and models that methods share."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.settings import Settings
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, Standardize, as_classifier, channel_moments
from vaeaug.models.spaces import space_named
from vaeaug.runtime import seeds
from vaeaug.runtime.parallel import one_thread
from vaeaug.runtime.seeds import Stream


class SharedModels:
    """Trains what several methods of a seed use only once, and counts the seconds that it took."""

    def __init__(self) -> None:
        self._models: dict[Hashable, tuple[Any, float]] = {}
        self._used: set[Hashable] = set()

    def __contains__(self, name: Hashable) -> bool:
        return name in self._models

    def get(self, name: Hashable, train: Callable[[], Any]) -> Any:
        """Returns the model of this name; the first call trains it, on one thread."""
        self._used.add(name)
        if name not in self._models:
            start = time.perf_counter()
            with one_thread():
                self._models[name] = train(), time.perf_counter() - start
        return self._models[name][0]

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Leaves the models that are used inside the block out of `used_seconds`, for what is not a part of the run."""
        used = set(self._used)
        try:
            yield
        finally:
            self._used = used

    def start_run(self) -> None:
        """Forgets which models were used, for the seconds of a new run."""
        self._used = set()

    @property
    def used_seconds(self) -> float:
        """Seconds of training the models used since `start_run`, whoever trained them."""
        return sum((self._models[name][1] for name in self._used), 0.0)

    @property
    def total_seconds(self) -> float:
        """Seconds of training all models."""
        return sum((seconds for _, seconds in self._models.values()), 0.0)


@dataclass(frozen=True, eq=False)
class Context:
    """What stages and resamplers are fitted with.

    Arguments:
        samples: The training subset.
        seed: The seed of the run.
        settings: What the methods share.
        classifier: The classifier that is trained.
        train_data: The data that the training subset was drawn from, if known.
        shared: The models that methods of this seed share.
        space: The space of the method's augmenter; see `vaeaug.models.spaces`.
    """

    samples: Samples
    seed: int
    settings: Settings = field(default_factory=Settings)
    classifier: Classifier = field(default_factory=lambda: as_classifier("cnn"))
    train_data: Samples | None = None
    shared: SharedModels = field(default_factory=SharedModels)
    space: str = "vae"

    @property
    def for_network(self) -> bool:
        """Whether batches of a network are augmented; otherwise copies for an estimator are made, all of them changed."""
        return self.classifier.is_network

    @property
    def vae_steps(self) -> int:
        """The optimiser steps of a VAE."""
        return self.settings.vae_steps(len(self.samples))

    def seed_of(self, stream: Stream, *path: int) -> int:
        """Returns the seed of one of the run's random streams."""
        return seeds.derive(self.seed, stream, *path)

    def new_network(self) -> nn.Module:
        """Returns an untrained network, with the same weights for all methods, which standardises what it sees."""
        with seeds.forked(self.seed, Stream.WEIGHTS):
            body = self.classifier.network(self.samples.event_shape, len(self.samples.names))
        network = Standardize(body, *channel_moments(self.samples.x))
        return network.to(memory_format=torch.channels_last)

    def augmenter(self) -> Augmenter:
        """Returns an augmenter fitted to the training subset; the methods of a seed and a space share it."""
        return self.shared.get(
            augmenter_key(self.space), lambda: fit_augmenter(self.samples, self.seed, self.settings, self.space)
        )


def augmenter_key(space: str) -> Hashable:
    """Returns the name of a space's augmenter among the shared models."""
    return "augmenter" if space == "vae" else ("augmenter", space)


def fit_augmenter(samples: Samples, seed: int, settings: Settings, space: str = "vae", **options: Any) -> Augmenter:
    """Returns the augmenter that the methods of a seed share: the same one at every call.

    Arguments:
        samples: The training subset.
        seed: The seed of the run.
        settings: What the methods share; its `latent_dim` is also the number of principal components.
        space: Where it perturbs samples; see `vaeaug.models.spaces`.
        options: Further arguments of `Augmenter.fit`, for example `unlabelled`.
    """
    training = dict(settings.vae)
    vae = space_named(space, training.get("latent_dim"))
    if vae is None:
        options |= {"progress": False, **training}
    with one_thread():
        return Augmenter(vae).fit(samples, seed=seeds.derive(seed, Stream.VAE), **options)
