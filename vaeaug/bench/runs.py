"""Cells of the benchmark: one classifier trained under one arm on one training subset, then judged.

Arms share, seed by seed, the training subset, the initial weights, the order of the data, the number of optimiser steps,
the schedule and the label smoothing; only the augmentation differs. Training never sees the test split: `judge` reads it
afterwards.
"""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef
from torch import Tensor, nn

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.stages.base import Growth, Job
from vaeaug.bench.stages.method import Arm
from vaeaug.data.samples import Samples
from vaeaug.models import classifiers
from vaeaug.models.classifiers import as_classifier
from vaeaug.models.fitting import default_steps, fit_vae
from vaeaug.models.training import PRECISIONS, ShuffledIndices, autocast, evaluating, train
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.parallel import one_thread

COPIES = 10  # augmented copies of each real sample that a scikit-learn estimator is given,
MOST = 20_000  # or fewer, so that there are no more of them than this
JUDGED_AT_ONCE = 500


@dataclass(frozen=True)
class Settings:
    """What the arms of a benchmark share.

    Arguments:
        steps: Optimiser steps of a torch classifier.
        batch: Samples per step.
        lr, weight_decay: The peak learning rate of AdamW, and its decay.
        smoothing: Label smoothing, alike in all arms.
        precision: `auto`, `fp32` or `bf16`.
        vae: Arguments of `fit_vae`.
    """

    steps: int = 800
    batch: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.05
    smoothing: float = 0.1
    precision: str = "auto"
    vae: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            checks.check_number(name, getattr(self, name), 1, whole=True)
        checks.check_number("lr", self.lr, 0, above=True)
        checks.check_number("weight_decay", self.weight_decay, 0)
        checks.check_number("smoothing", self.smoothing, 0, 1)
        checks.check_choice("precision", self.precision, PRECISIONS)
        known = inspect.signature(fit_vae).parameters
        for name, _ in self.vae:
            checks.check_choice("an argument of fit_vae", name, tuple(known))


Predict = Callable[[Tensor], Tensor]


class Fitted(NamedTuple):
    predict: Predict
    steps: int


class Run(Job):
    """One seed: the training subset, and what its arms share: the augmenter, and what peers have made."""

    def __init__(self, samples: Samples, seed: int, settings: Settings) -> None:
        self.samples, self.seed, self.settings = samples, seed, settings
        self.subset = digest(samples.x.numpy().tobytes(), samples.y.numpy().tobytes())
        self.network: nn.Module | None = None
        self.classifier: Any = None
        self.vae_steps = dict(settings.vae).get("steps") or default_steps(len(samples))
        self._made: dict[Any, tuple[Any, float]] = {}
        self._used: set[Any] = set()

    def begin(self) -> None:
        """Begins a cell, to which the seconds of what it uses will be told."""
        self._used = set()

    @property
    def used_seconds(self) -> float:
        """What it took to make the shared things that this cell uses."""
        return sum((self._made[thing][1] for thing in self._used), 0.0)

    @property
    def made_seconds(self) -> float:
        """What it took to make all shared things so far."""
        return sum((seconds for _, seconds in self._made.values()), 0.0)

    def augmenter(self) -> Augmenter:
        return self.shared("augmenter", lambda: augmenter_of(self.samples, self.seed, self.settings))

    def grown(self, growth: Growth) -> Samples:
        return self.shared(growth, lambda: growth.grow(self)) if growth.trains else growth.grow(self)

    def keep(self, folder: Path) -> None:
        """Saves the augmenter, if an arm has asked for it."""
        if "augmenter" in self._made and not folder.exists():
            self.augmenter().save(folder)

    def shared(self, thing: Any, make: Callable[[], Any]) -> Any:
        self._used.add(thing)
        if thing not in self._made:
            start = time.perf_counter()
            with one_thread():
                self._made[thing] = make(), time.perf_counter() - start
        return self._made[thing][0]


def augmenter_of(samples: Samples, seed: int, settings: Settings) -> Augmenter:
    """Returns the augmenter that the arms of a seed share: the same one at every call."""
    with one_thread():
        return Augmenter().fit(samples, seed=seeds.derive(seed, 1), progress=False, **dict(settings.vae))


def judge(predict: Predict, test: Samples) -> dict[str, Any]:
    """Returns the metrics of a row. Reads the test split: the only place that does so once the training has begun."""
    y, found = test.y.numpy(), predict(test.x).numpy()
    counts = confusion_matrix(y, found, labels=range(len(test.names)))
    there = counts.sum(1) > 0  # a test split may lack a class
    return {
        "accuracy": float(accuracy_score(y, found)),
        "balanced_accuracy": float(np.mean(counts.diagonal()[there] / counts.sum(1)[there])),
        "macro_f1": float(f1_score(y, found, average="macro", zero_division=0.0)),
        "mcc": float(matthews_corrcoef(y, found)),
        "confusion": "/".join(" ".join(map(str, line)) for line in counts),
    }


def fit_network(run: Run, classifier: Any, arm: Arm) -> Fitted:
    classifier = as_classifier(classifier)
    settings, mean, spread = run.settings, *classifiers.channel_moments(run.samples.x)
    with seeds.forked(run.seed, 2):
        body = classifier.network(run.samples.event_shape, len(run.samples.names))
    network = classifiers.Standardize(body, mean, spread).to(memory_format=torch.channels_last)
    run.network, run.classifier = network, classifier
    grown, transform = arm.grow(run), arm.fit(run)
    targets = nn.functional.one_hot(grown.y, len(grown.names)).float()
    order = ShuffledIndices(len(grown), settings.batch, seeds.derive(run.seed, 3))
    taken = 0

    def loss(step: int) -> Tensor:
        nonlocal taken
        taken += 1
        places = order(step)
        x, t = transform(grown.x[places], targets[places], seeds.derive(run.seed, 4, step))
        # Targets may be weighted: what is smoothed away comes back in equal parts, whatever they sum to.
        t = (1 - settings.smoothing) * t + settings.smoothing * t.mean(1, keepdim=True)
        return nn.functional.cross_entropy(network(x).float(), t)

    train(
        network,
        loss,
        steps=settings.steps,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        precision=settings.precision,
        progress=False,
    )

    def predict(x: Tensor) -> Tensor:
        with evaluating(network), autocast(settings.precision, x.device):
            return torch.cat([network(part).argmax(1) for part in x.split(JUDGED_AT_ONCE)])

    return Fitted(predict, taken)


def fit_estimator(run: Run, classifier: Any, arm: Arm) -> Fitted:
    classifier = as_classifier(classifier)
    run.network, run.classifier = None, classifier
    grown, transform = arm.grow(run), arm.fit(run)
    x, t = grown.x, nn.functional.one_hot(grown.y, len(grown.names)).float()
    if arm.stages and all(stage.weights_samples for stage in arm.stages):
        x, t = transform(x, t, seeds.derive(run.seed, 4))
    elif arm.stages:
        times = max(1, min(COPIES, MOST // len(x)))
        copies = x.repeat(times, *[1] * (x.ndim - 1)), t.repeat(times, 1)
        changed, targets = transform(*copies, seeds.derive(run.seed, 4))
        if len(changed):
            # The first copies have the weights of the originals.
            x, t = torch.cat([x, changed]), torch.cat([t * targets[: len(t)].sum(1, keepdim=True), targets])
    estimator = classifier.estimator(run.seed)
    rows, labels, weights = x.flatten(1).numpy(), t.argmax(1).numpy(), t.sum(1).numpy()
    if (weights == 1).all():
        estimator.fit(rows, labels)
    else:
        classifiers.fit_weighted(estimator, rows, labels, weights)
    return Fitted(lambda x: torch.as_tensor(estimator.predict(x.flatten(1).numpy())), 0)


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
