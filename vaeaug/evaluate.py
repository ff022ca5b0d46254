"""The benchmark: arms x classifiers x regimes x seeds -> rows, each kept on disk as soon as it is done.

`compare` checks and hashes the test split before any training; after that, `vaeaug.cells.judge` alone reads it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from vaeaug import _checks, _files, cells, classifiers
from vaeaug.arms import Arm, arms
from vaeaug.cells import Run, Settings, augmenter_of, digest
from vaeaug.data import Samples, as_samples, load, split, subset
from vaeaug.rows import Result, append, read
from vaeaug.workers import spread

__all__ = ["Settings", "augmenter_of", "compare", "splits"]


def compare(
    data: Any,
    *,
    test: Any = None,
    per_class: int | Sequence[int] = 20,
    classifier: Sequence[str] = ("cnn",),
    arm: Sequence[Arm] | None = None,
    seeds: int | Sequence[int] = 5,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
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
    conditions = tuple(pair for pair in both if pair[1].suits(pair[0], pool.x.ndim == 4))
    if not conditions:
        _checks.refuse("an arm that suits the classifiers", "none", "name other arms, 'none' and 'classical', say")
    judged_on = digest(held_out.x.numpy().tobytes(), held_out.y.numpy().tobytes())
    plan = _Plan(name, regime, pool, held_out, judged_on, per_class, conditions)
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


def splits(data: Any) -> tuple[Samples, Samples]:
    """Returns the part to train on and the part to judge on: the official ones, or halves."""
    if data == "fashion-mnist":
        return load(data), load(data, train=False)
    return split(as_samples(data), 0.5)


class _Plan(NamedTuple):
    name: str
    regime: str
    pool: Samples
    test: Samples
    judged_on: str
    per_class: int | Sequence[int]
    conditions: tuple[tuple[str, Arm], ...]


def _rows(
    plan: _Plan, seeds: tuple[int, ...], settings: Settings, path: Path | None, jobs: int, progress: bool
) -> Iterator[Result]:
    done = {row.cell: row for row in read(path)} if path and path.exists() else {}
    steps: dict[tuple[int, str], Result] = {}
    with tqdm(
        total=len(seeds) * len(plan.conditions), desc="benchmark", disable=not progress, unit="cell", leave=False
    ) as bar:
        for row in spread(partial(_of_seed, plan, settings, done), seeds, jobs):
            _check_alike(steps.setdefault((row.seed, row.classifier), row), row)
            if path and row.cell not in done:
                append(path, row)
            bar.set_postfix_str(f"seed {row.seed}, {row.classifier}, {row.arm}: {row.accuracy:.1%}", refresh=False)
            bar.update()
            yield row


def _of_seed(plan: _Plan, settings: Settings, done: dict[tuple[str, ...], Result], seed: int) -> Iterator[Result]:
    run = Run(subset(plan.pool, plan.per_class, seed), seed, settings)
    for classifier, arm in plan.conditions:
        yield _row(plan, run, classifier, arm, done)


def _check_alike(first: Result, row: Result) -> None:
    if (first.subset, first.steps) != (row.subset, row.steps):
        raise RuntimeError(
            f"expected arms of a seed to share the training subset and the number of steps, got {first} and {row}; "
            f"their difference would not be that of the augmentation"
        )


def _row(plan: _Plan, run: Run, classifier: str, arm: Arm, done: dict[tuple[str, ...], Result]) -> Result:
    setup = digest(repr((arm, run.settings, plan.judged_on)).encode())
    cell = (plan.name, plan.regime, classifier, arm.name, str(run.seed), run.subset, setup)
    if cell in done:
        return done[cell]
    run.asked = False
    fit = cells.fit_network if classifier in classifiers.NETWORKS else cells.fit_estimator
    start, of_vae = time.perf_counter(), run.vae_seconds
    predict, steps = fit(run, classifier, arm)
    # The VAE is trained by the first arm that asks for it; its seconds stand by themselves, with every such arm.
    seconds = time.perf_counter() - start - (run.vae_seconds - of_vae)
    metrics = cells.judge(predict, plan.test)
    return Result(
        data=plan.name,
        regime=plan.regime,
        classifier=classifier,
        arm=arm.name,
        seed=run.seed,
        steps=steps,
        train_seconds=round(seconds, 2),
        vae_seconds=round(run.vae_seconds, 2) if run.asked else 0.0,
        samples=len(run.samples),
        subset=run.subset,
        setup=setup,
        **metrics,
    )
