"""The benchmark: arms x classifiers x regimes x seeds -> rows.

Arms share, seed by seed, the training subset, the initial weights, the order of the data, the number of optimiser steps,
the schedule and the label smoothing; only the augmentation differs. Training never sees the test split:
`compare` checks and hashes it beforehand, `_judge` reads it afterwards.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from torch import Tensor, nn
from tqdm.auto import tqdm

from vaeaug import _checks, _files, _rng, classifiers
from vaeaug.arms import Arm, arms
from vaeaug.augmenter import Augmenter
from vaeaug.data import Samples, as_samples, load, split, subset
from vaeaug.rows import Result, append, read
from vaeaug.stages import Job
from vaeaug.training import PRECISIONS, Shuffled, autocast, evaluating, fit_vae, train
from vaeaug.workers import one_thread, spread

COPIES = 10  # augmented copies of each real sample that a scikit-learn estimator is given
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
            _checks.within(name, getattr(self, name), 1, whole=True)
        _checks.within("lr", self.lr, 0, above=True)
        _checks.within("weight_decay", self.weight_decay, 0)
        _checks.within("smoothing", self.smoothing, 0, 1)
        _checks.one_of("precision", self.precision, PRECISIONS)
        known = inspect.signature(fit_vae).parameters
        for name, _ in self.vae:
            _checks.one_of("an argument of fit_vae", name, tuple(known))


Predict = Callable[[Tensor], Tensor]


class _Run(Job):
    """One seed: the training subset, and the augmenter that its arms share."""

    def __init__(self, samples: Samples, seed: int, settings: Settings) -> None:
        self.samples, self.seed, self.settings = samples, seed, settings
        self.subset = _hash(samples.x.numpy().tobytes(), samples.y.numpy().tobytes())
        self.network: nn.Module | None = None
        self.asked, self.vae_seconds = False, 0.0
        self._augmenter: Augmenter | None = None

    def augmenter(self) -> Augmenter:
        self.asked = True
        if self._augmenter is None:
            start = time.perf_counter()
            self._augmenter = augmenter_of(self.samples, self.seed, self.settings)
            self.vae_seconds = time.perf_counter() - start
        return self._augmenter


def compare(
    data: Any,
    *,
    test: Any = None,
    per_class: int | Sequence[int] = 20,
    classifier: Sequence[str] = ("cnn",),
    arm: Sequence[Arm] | None = None,
    seeds: int | Sequence[int] = 5,
    settings: Settings = Settings(),
    rows: str | Path | None = None,
    name: str | None = None,
    jobs: int = 1,
    progress: bool = True,
) -> Iterator[Result]:
    """Trains classifiers with and without augmentation; yields a row per cell as it is done.

    Arguments:
        data: The name of a set, a path, or labelled data in any form that `vaeaug.data.as_samples` takes.
        test: Labelled data to judge on; by default the official test part (Fashion-MNIST) or half of `data`, class by class.
        per_class: Training samples per class, or one count per class.
        classifier: Names of `vaeaug.classifiers`: cnn, mlp, forest, svc, logistic, knn.
        arm: The arms; by default those of `vaeaug.arms.arms`.
        seeds: How many, or which.
        settings: What the arms share.
        rows: A CSV file that keeps the rows; the cells that it already has are not run again.
        name: The name of the data in the rows; by default that of the set or file.
        jobs: The number of processes, which take seeds in turn; the order of the rows may depend on it, their content does
            not. A script that asks for more than 1 needs `if __name__ == "__main__":`.
        progress: Whether to show a bar.

    Raises:
        InputError: Before any work starts, for data, names or numbers that cannot be used.
    """
    name = name or (Path(data).stem if isinstance(data, str | Path) else "data")
    pool, held_out = splits(data) if test is None else (as_samples(data), as_samples(test))
    _check_parts(pool, held_out, classifier)
    _checks.within("jobs", jobs, 1, whole=True)
    _checks.enough(subset(pool, per_class).counts)
    regime = str(per_class) if isinstance(per_class, int) else "/".join(map(str, per_class))
    both = itertools.product(classifier, arms(name) if arm is None else arm)
    cells = tuple(pair for pair in both if pair[1].suits(pair[0], pool.x.ndim == 4))
    if not cells:
        _checks.refuse("an arm that suits the classifiers", "none", "name other arms, 'none' and 'classical', say")
    judged_on = _hash(held_out.x.numpy().tobytes(), held_out.y.numpy().tobytes())
    plan = _Plan(name, regime, pool, held_out, judged_on, per_class, cells)
    path = Path(rows) if rows else None
    if path is not None:
        _files.check_place(path)
    return _rows(plan, _chosen(seeds), settings, path, jobs, progress)


def _check_parts(pool: Samples, test: Samples, classifier: Sequence[str]) -> None:
    _checks.event("test", test.x, pool.event_shape)
    _checks.labels(test.y, len(pool.names))
    for one in classifier:
        classifiers.known(one)
        if one == "cnn" and pool.x.ndim == 2:
            _checks.refuse("a classifier for rows", "cnn", "choose mlp, forest, svc, logistic or knn")


def _chosen(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int):
        _checks.within("seeds", seeds, 1, whole=True)
        return tuple(range(seeds))
    for seed in seeds:
        _checks.within("seed", seed, 0, whole=True)
    if not seeds or len(set(seeds)) < len(seeds):
        _checks.refuse("seeds that differ", list(seeds), "pass a number, or a list like [100, 101]")
    return tuple(seeds)


def augmenter_of(samples: Samples, seed: int, settings: Settings) -> Augmenter:
    """Returns the augmenter that the arms of a seed share: the same one at every call."""
    with one_thread():
        return Augmenter().fit(samples, seed=_rng.derive(seed, 1), progress=False, **dict(settings.vae))


def splits(data: Any) -> tuple[Samples, Samples]:
    """Returns the part to train on and the part to judge on: the official ones, or halves."""
    if data == "fashion-mnist":
        return load(data), load(data, train=False)
    return split(as_samples(data), 0.5)


class _Fitted(NamedTuple):
    predict: Predict
    steps: int


class _Plan(NamedTuple):
    name: str
    regime: str
    pool: Samples
    test: Samples
    judged_on: str
    per_class: int | Sequence[int]
    cells: tuple[tuple[str, Arm], ...]


def _rows(
    plan: _Plan, seeds: tuple[int, ...], settings: Settings, path: Path | None, jobs: int, progress: bool
) -> Iterator[Result]:
    done = {row.cell: row for row in read(path)} if path and path.exists() else {}
    steps: dict[tuple[int, str], Result] = {}
    with tqdm(
        total=len(seeds) * len(plan.cells), desc="benchmark", disable=not progress, unit="cell", leave=False
    ) as bar:
        for row in spread(partial(_of_seed, plan, settings, done), seeds, jobs):
            _check_alike(steps.setdefault((row.seed, row.classifier), row), row)
            if path and row.cell not in done:
                append(path, row)
            bar.set_postfix_str(f"seed {row.seed}, {row.classifier}, {row.arm}: {row.accuracy:.1%}", refresh=False)
            bar.update()
            yield row


def _of_seed(plan: _Plan, settings: Settings, done: dict[tuple[str, ...], Result], seed: int) -> Iterator[Result]:
    run = _Run(subset(plan.pool, plan.per_class, seed), seed, settings)
    for classifier, arm in plan.cells:
        yield _row(plan, run, classifier, arm, done)


def _check_alike(first: Result, row: Result) -> None:
    if (first.subset, first.steps) != (row.subset, row.steps):
        raise RuntimeError(
            f"expected arms of a seed to share the training subset and the number of steps, got {first} and {row}; "
            f"their difference would not be that of the augmentation"
        )


def _row(plan: _Plan, run: _Run, classifier: str, arm: Arm, done: dict[tuple[str, ...], Result]) -> Result:
    setup = _hash(repr((arm, run.settings, plan.judged_on)).encode())
    cell = (plan.name, plan.regime, classifier, arm.name, str(run.seed), run.subset, setup)
    if cell in done:
        return done[cell]
    run.asked = False
    fit = _fit_network if classifier in classifiers.NETWORKS else _fit_estimator
    start, of_vae = time.perf_counter(), run.vae_seconds
    predict, steps = fit(run, classifier, arm)
    # The VAE is trained by the first arm that asks for it; its seconds stand by themselves, with every such arm.
    seconds = time.perf_counter() - start - (run.vae_seconds - of_vae)
    accuracy, balanced = _judge(predict, plan.test)
    return Result(
        data=plan.name,
        regime=plan.regime,
        classifier=classifier,
        arm=arm.name,
        seed=run.seed,
        accuracy=accuracy,
        balanced_accuracy=balanced,
        steps=steps,
        train_seconds=round(seconds, 2),
        vae_seconds=round(run.vae_seconds, 2) if run.asked else 0.0,
        samples=len(run.samples),
        subset=run.subset,
        setup=setup,
    )


def _judge(predict: Predict, test: Samples) -> tuple[float, float]:
    """Reads the test split: the only place that does so once the training has begun."""
    y, found = test.y.numpy(), predict(test.x).numpy()
    return float(accuracy_score(y, found)), float(balanced_accuracy_score(y, found))


def _fit_network(run: _Run, classifier: str, arm: Arm) -> _Fitted:
    settings, mean, spread = run.settings, *_moments(run.samples.x)
    with _rng.forked(run.seed, 2):
        body = classifiers.NETWORKS[classifier](run.samples.event_shape, len(run.samples.names))
    network = classifiers.Standardised(body, mean, spread).to(memory_format=torch.channels_last)
    run.network = network
    grown, transform = arm.grow(run), arm.fit(run)
    targets = nn.functional.one_hot(grown.y, len(grown.names)).float()
    order = Shuffled(len(grown), settings.batch, _rng.derive(run.seed, 3))
    taken = 0

    def loss(step: int) -> Tensor:
        nonlocal taken
        taken += 1
        places = order(step)
        x, t = transform(grown.x[places], targets[places], _rng.derive(run.seed, 4, step))
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

    return _Fitted(predict, taken)


def _fit_estimator(run: _Run, classifier: str, arm: Arm) -> _Fitted:
    run.network = None
    grown, transform = arm.grow(run), arm.fit(run)
    x, t = grown.x, nn.functional.one_hot(grown.y, len(grown.names)).float()
    if arm.stages and all(stage.weighs for stage in arm.stages):
        x, t = transform(x, t, _rng.derive(run.seed, 4))
    elif arm.stages:
        copies = x.repeat(COPIES, *[1] * (x.ndim - 1)), t.repeat(COPIES, 1)
        changed, targets = transform(*copies, _rng.derive(run.seed, 4))
        # The first copies have the weights of the originals.
        x, t = torch.cat([x, changed]), torch.cat([t * targets[: len(t)].sum(1, keepdim=True), targets])
    estimator = classifiers.ESTIMATORS[classifier](run.seed)
    rows, labels, weights = x.flatten(1).numpy(), t.argmax(1).numpy(), t.sum(1).numpy()
    if (weights == 1).all():
        estimator.fit(rows, labels)
    else:
        classifiers.fit_weighted(estimator, rows, labels, weights)
    return _Fitted(lambda x: torch.as_tensor(estimator.predict(x.flatten(1).numpy())), 0)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and standard deviation: of all pixels of images, feature by feature of rows."""
    over = 0 if x.ndim == 2 else (0, 1, 2, 3)
    return x.mean(over), x.std(over, correction=0).clamp(min=1e-6)


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
