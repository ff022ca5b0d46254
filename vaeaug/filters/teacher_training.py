"""The training of one teacher: an estimator or a network, on a part of the samples."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vaeaug.data.classical import Classical
from vaeaug.data.policies import RandAugment
from vaeaug.data.samples import Samples
from vaeaug.models import classifiers
from vaeaug.models.training import ShuffledIndices, train
from vaeaug.runtime import checks, seeds


class Stream(IntEnum):
    """The random streams drawn from the seed of one teacher. A number never changes its meaning."""

    WEIGHTS = 0
    SYNTHETIC = 0  # for estimators, which draw nothing else from this seed
    ORDER = 1
    AUGMENTATION = 2


class SampleSource(Protocol):
    """Generates synthetic samples for teachers: an augmenter, or its restriction to some of its real samples."""

    def subset(self, index: Tensor) -> SampleSource: ...

    def generate_tensors(self, n: int, *, seed: int) -> Any: ...


class TeacherSettings(NamedTuple):
    """The training of the teachers. Networks are trained as the benchmark trains classifiers, by default for half as long.

    Arguments:
        steps: The number of optimiser steps of a network.
        batch_size: Samples per step of a network.
        lr: The peak learning rate of a network.
        weight_decay: The weight decay of a network.
        smoothing: The label smoothing of a network, in 0..1.
        classical: The classical augmentation of a network's batches or RandAugment, or None.
        augmenter: The source of synthetic samples, which estimators are fitted to in addition to the real ones; None for
            real samples alone.
        copies: The number of synthetic samples per real one for estimators.
    """

    steps: int = 400
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.05
    smoothing: float = 0.1
    classical: Classical | RandAugment | None = Classical()
    augmenter: SampleSource | None = None
    copies: int = 10


def check_settings(settings: TeacherSettings) -> None:
    """Checks the numbers among the settings.

    Raises:
        InputError: If one is out of its range.
    """
    for name in ("steps", "batch_size", "copies"):
        checks.check_number(name, getattr(settings, name), 1, whole=True)
    checks.check_number("lr", settings.lr, 0, above=True)
    checks.check_number("weight_decay", settings.weight_decay, 0)
    checks.check_number("smoothing", settings.smoothing, 0, 1)


def fit_teacher(kind: Any, samples: Samples, mask: Tensor, settings: TeacherSettings, seed: int) -> Any:
    """Trains one teacher.

    Arguments:
        kind: A classifier as `CrossFitted.fit` takes it.
        samples: All samples, N of them.
        mask: The samples to train on, booleans `(N,)`.
        settings: The settings of the training.
        seed: The seed of the weights, the order and the augmentation; an estimator's `random_state` where that is None.
    """
    if isinstance(kind, str):
        kind = classifiers.NETWORKS.get(kind) or classifiers.ESTIMATORS[kind](seed % 2**32)
    if hasattr(kind, "predict_proba"):
        return _fit_estimator(kind, samples[mask], mask, settings, seed)
    return _fit_network(kind, samples[mask], settings, seed)


def _fit_estimator(estimator: Any, samples: Samples, mask: Tensor, settings: TeacherSettings, seed: int) -> Any:
    from sklearn.base import clone

    estimator = clone(estimator)
    x, y = samples.x, samples.y
    if estimator.get_params().get("random_state", 0) is None:
        estimator.set_params(random_state=seed % 2**32)
    if settings.augmenter is not None:
        # Restricted to the training folds: neither parents nor their neighbours may come from the held-out fold.
        source, count = settings.augmenter.subset(mask), settings.copies * len(samples)
        synthetic = source.generate_tensors(count, seed=seeds.derive(seed, Stream.SYNTHETIC))
        x, y = torch.cat([x, synthetic.x]), torch.cat([y, synthetic.y])
    return estimator.fit(x.flatten(1).numpy(), y.numpy())


def _fit_network(create: Callable[..., nn.Module], samples: Samples, settings: TeacherSettings, seed: int) -> nn.Module:
    num_classes = len(samples.names)
    with seeds.drawing_from(seed, Stream.WEIGHTS):
        network = create(samples.event_shape, num_classes)
    network = classifiers.Standardize(network, *classifiers.channel_moments(samples.x))
    network = network.to(memory_format=torch.channels_last)
    augment = None if settings.classical is None else settings.classical.on(samples.x)
    order = ShuffledIndices(len(samples), settings.batch_size, seeds.derive(seed, Stream.ORDER))

    def loss(step: int) -> Tensor:
        index = order(step)
        x = samples.x[index]
        if augment is not None:
            x = augment(x, seeds.derive(seed, Stream.AUGMENTATION, step))
        targets = nn.functional.one_hot(samples.y[index], num_classes).float()
        return nn.functional.cross_entropy(network(x).float(), targets, label_smoothing=settings.smoothing)

    train(network, loss, steps=settings.steps, lr=settings.lr, weight_decay=settings.weight_decay, progress=False)
    return network.eval()
