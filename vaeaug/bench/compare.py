"""The benchmark: arms x classifiers x regimes x seeds -> rows, each kept on disk as soon as it is done.

`compare` checks and hashes the test split before any training; after that, `vaeaug.bench.runs.judge` alone reads it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm.auto import tqdm

from vaeaug.bench import regimes, runs
from vaeaug.bench.methods import arms, with_unlabelled
from vaeaug.bench.results import Result, append, read
from vaeaug.bench.runs import Run, Settings, augmenter_of, digest
from vaeaug.bench.stages.method import Arm
from vaeaug.data.loading import as_samples, load
from vaeaug.data.samples import Samples, split
from vaeaug.models.classifiers import ESTIMATORS, NETWORKS, Classifier, as_classifier, check_logits
from vaeaug.runtime import checks, files
from vaeaug.runtime.parallel import check_picklable, map_in_processes

__all__ = ["Settings", "augmenter_of", "compare", "kept", "left_out", "splits"]

Regime = int | str | Sequence[int]


def compare(
    data: Any,
    y: Any = None,
    *,
    test: Any = None,
    per_class: Regime = 20,
    unlabelled: int = 0,
    classifiers: Any = ("cnn",),
    methods: Sequence[Arm] | None = None,
    seeds: int | Sequence[int] = 5,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    results: str | Path | None = None,
    save_augmenter_to: str | Path | None = None,
    name: str | None = None,
    n_jobs: int = 1,
    progress: bool = True,
) -> Iterator[Result]:
    """Trains classifiers with and without augmentation; yields a row per cell as it is done.

    Arguments:
        data: The samples X, with their labels in `y`; or the name of a set, a path, or labelled data in any form that
            `vaeaug.data.as_samples` takes.
        y: The labels, where `data` is X alone.
        test: Labelled data to judge on, a pair `(X, y)` for one; by default the official test part (Fashion-MNIST) or half of
            `data`, class by class.
        per_class: Training samples per class, one count per class, or the name of a lopsided regime.
        unlabelled: Adds arms that also see so many other samples of `data`, without their labels: 'vae, unlabelled',
            'classical + vae, unlabelled' and the recipe's. The other arms do not see them.
        classifiers: One or a list of: cnn, mlp, resnet18, forest, svc, logistic, knn, boosting; your own scikit-learn
            estimator; a function `(event_shape, classes) -> nn.Module`; a pair of a name and one of these two. A network sees
            samples standardised by the moments of the training subset.
        methods: The methods; by default those of `bench.methods.arms` (for tabular data `arms(..., images=False)`).
            Those that do not suit a classifier are left out: `left_out`.
        seeds: How many, or which.
        settings: What the arms share.
        results: A CSV file that keeps the rows; the cells that it already has are not run again.
        save_augmenter_to: A folder to save the first seed's augmenter in, if an arm trains it: see `kept`.
        name: The name of the data in the rows; by default that of the set or file.
        n_jobs: The number of processes, which take seeds in turn; the order of the rows may depend on it, their content does
            not. A script that asks for more than 1 needs `if __name__ == "__main__":`.
        progress: Whether to show a bar.

    Raises:
        InputError: Before any work starts, for data, names or numbers that cannot be used.
    """
    name = name or (Path(data).stem if isinstance(data, str | Path) else "data")
    pool, held_out = _parts(data, y, test)
    judged = _classifiers(classifiers, pool)
    _check_amounts(pool, per_class, halved=test is None and not _official(data))
    checks.check_number("n_jobs", n_jobs, 1, whole=True)
    checks.check_number("unlabelled", unlabelled, 0, whole=True)
    images = pool.x.ndim == 4
    chosen = (
        *(arms(name, images=images) if methods is None else methods),
        *with_unlabelled(unlabelled, name, images=images),
    )
    _check_unlabelled(chosen, pool, per_class)
    conditions = tuple((one, a) for one, a in itertools.product(judged, chosen) if a.suits(one, images))
    if not conditions:
        checks.refuse("an arm that suits the classifiers", "none", "name other arms, 'none' and 'classical', say")
    for _, a in conditions:
        a.check_ready()
    if n_jobs > 1:
        for one in judged:
            check_picklable(f"the classifier {one.name}", one.spec)
    judged_on = digest(held_out.x.numpy().tobytes(), held_out.y.numpy().tobytes())
    plan = _Plan(name, regimes.text(per_class), pool, held_out, judged_on, per_class, conditions, save_augmenter_to)
    path = Path(results) if results else None
    if path is not None:
        files.check_writable(path)
    return _rows(plan, _chosen(seeds), settings, path, n_jobs, progress)


def left_out(classifier: Any, arm: Sequence[Arm], images: bool) -> list[tuple[str, str, str]]:
    """Returns the arms that `compare` leaves out: the classifier, the arm, and why."""
    pairs = itertools.product(map(as_classifier, _listed(classifier)), arm)
    return [(one.name, a.name, why) for one, a in pairs if (why := a.why_not(one, images))]


def _parts(data: Any, y: Any, test: Any) -> tuple[Samples, Samples]:
    if y is not None:
        if isinstance(data, Samples | str | Path):
            checks.refuse("X with y, or labelled data alone", f"{type(data).__name__} with y", "leave y out")
        data = (data, y)
    elif hasattr(data, "shape"):
        checks.refuse("labels", f"an array of shape {tuple(data.shape)} alone", "pass compare(X, y)")
    if test is None:
        return splits(data)
    pool, held_out = as_samples(data), as_samples(test)
    checks.check_event_shape("test", held_out.x, pool.event_shape)
    held_out = _renumbered(held_out, pool.names)
    checks.check_labels(held_out.y, len(pool.names))
    return pool, held_out


def _renumbered(test: Samples, names: tuple[str, ...]) -> Samples:
    """Returns the test part with the class numbers of the training part, of whose classes it may lack some."""
    if test.names == names:
        return test
    if set(test.names) <= set(names):
        places = torch.tensor([names.index(one) for one in test.names])
        return replace(test, y=places[test.y], names=names)
    if test.names == tuple(map(str, range(len(test.names)))):
        # Numbers instead of names.
        checks.check_labels(test.y, len(names))
        return replace(test, names=names)
    strange = ", ".join(sorted(set(test.names) - set(names)))
    checks.refuse(f"test data of the classes {', '.join(names)}", strange, "name its classes as those of the data")


def _classifiers(given: Any, pool: Samples) -> tuple[Classifier, ...]:
    found = tuple(map(as_classifier, _listed(given)))
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        checks.refuse("classifiers of different names", names, "pass pairs (name, classifier)")
    for one in found:
        if one.images_only and pool.x.ndim == 2:
            checks.refuse("a classifier for rows", one.name, "choose mlp, forest, svc, logistic, knn or boosting")
        check_logits(one, pool.x[:2], len(pool.names))
    return found


def _listed(given: Any) -> list[Any]:
    pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and not isinstance(given[1], str)
    # A tuple like ("cnn", estimator) may be two classifiers: a name of ours is never that of a user's own.
    if pair and given[0] not in (*NETWORKS, *ESTIMATORS):
        return [given]
    return list(given) if isinstance(given, tuple | list) else [given]


def _check_amounts(pool: Samples, per_class: Regime, halved: bool) -> None:
    wanted = regimes.counts(per_class, len(pool.names))
    short = [(label, there) for label, there in enumerate(pool.counts) if there < max(wanted)]
    checks.check_number("per_class", min(wanted), 1, whole=True)
    if halved and isinstance(per_class, int) and short:
        label, there = min(short, key=lambda pair: pair[1])
        got = f"{there} of class {label} ({pool.names[label]}): half of the data is held out to judge on"
        remedy = f"ask for {there} or fewer per class, or pass test data of your own (--test on the command line)"
        checks.refuse(f"at least {per_class} samples per class to train on", got, remedy)
    checks.check_class_counts(regimes.drawn(pool, per_class, 0).counts)


def _check_unlabelled(chosen: Sequence[Arm], pool: Samples, per_class: Regime) -> None:
    count = max((stage.count for arm in chosen for stage in arm.stages), default=0)
    left = len(pool) - sum(regimes.counts(per_class, len(pool.names)))
    if count > left:
        remedy = "ask for fewer, or pass more data"
        checks.refuse(f"{count} samples beside the training subset", f"{left} in the part to train on", remedy)


def _chosen(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int):
        checks.check_number("seeds", seeds, 1, whole=True)
        return tuple(range(seeds))
    for seed in seeds:
        checks.check_number("seed", seed, 0, whole=True)
    if not seeds or len(set(seeds)) < len(seeds):
        checks.refuse("seeds that differ", list(seeds), "pass a number, or a list like [100, 101]")
    return tuple(seeds)


def splits(data: Any) -> tuple[Samples, Samples]:
    """Returns the part to train on and the part to judge on: the official ones, or halves."""
    if _official(data):
        return load(data), load(data, train=False)
    return split(as_samples(data), 0.5)


def _official(data: Any) -> bool:
    return isinstance(data, str) and data == "fashion-mnist"


class _Plan(NamedTuple):
    name: str
    regime: str
    pool: Samples
    test: Samples
    judged_on: str
    per_class: Regime
    conditions: tuple[tuple[Classifier, Arm], ...]
    keep: str | Path | None


def _rows(
    plan: _Plan, seeds: tuple[int, ...], settings: Settings, path: Path | None, jobs: int, progress: bool
) -> Iterator[Result]:
    done = {row.cell: row for row in read(path)} if path and path.exists() else {}
    steps: dict[tuple[int, str], Result] = {}
    with tqdm(
        total=len(seeds) * len(plan.conditions), desc="benchmark", disable=not progress, unit="cell", leave=False
    ) as bar:
        for row in map_in_processes(partial(_of_seed, plan, settings, done, seeds[0]), seeds, jobs):
            _check_alike(steps.setdefault((row.seed, row.classifier), row), row)
            if path and row.cell not in done:
                append(path, row)
            bar.set_postfix_str(f"seed {row.seed}, {row.classifier}, {row.method}: {row.accuracy:.1%}", refresh=False)
            bar.update()
            yield row


def _of_seed(
    plan: _Plan, settings: Settings, done: dict[tuple[str, ...], Result], first: int, seed: int
) -> Iterator[Result]:
    run = Run(regimes.drawn(plan.pool, plan.per_class, seed), seed, settings)
    run.pool = plan.pool
    for classifier, arm in plan.conditions:
        row = _row(plan, run, classifier, arm, done)
        if plan.keep is not None and seed == first:
            run.keep(kept(plan.keep, run.subset, settings))
        yield row


def kept(folder: str | Path, subset: str, settings: Settings) -> Path:
    """Returns where `compare` keeps the augmenter of the training subset with this hash, for `Augmenter.load`."""
    return Path(folder) / f"augmenter-{subset}-{digest(repr(settings.vae).encode())[:6]}"


def _check_alike(first: Result, row: Result) -> None:
    if (first.subset, first.steps) != (row.subset, row.steps):
        raise RuntimeError(
            f"expected arms of a seed to share the training subset and the number of steps, got {first} and {row}; "
            f"their difference would not be that of the augmentation"
        )


def _row(plan: _Plan, run: Run, classifier: Classifier, arm: Arm, done: dict[tuple[str, ...], Result]) -> Result:
    setup = digest(repr((arm, run.settings, plan.judged_on)).encode(), classifier.source_fingerprint.encode())
    cell = (plan.name, plan.regime, classifier.name, arm.name, str(run.seed), run.subset, setup)
    if cell in done:
        return done[cell]
    run.begin()
    fit = runs.fit_network if classifier.is_network else runs.fit_estimator
    start, before = time.perf_counter(), run.made_seconds
    predict, steps = fit(run, classifier, arm)
    # A generator is trained by the first arm that asks for it; its seconds stand by themselves, with every such arm.
    seconds = time.perf_counter() - start - (run.made_seconds - before)
    metrics = runs.judge(predict, plan.test)
    return Result(
        data=plan.name,
        regime=plan.regime,
        classifier=classifier.name,
        method=arm.name,
        kind="",
        seed=run.seed,
        steps=steps,
        train_seconds=round(seconds, 2),
        vae_seconds=round(run.used_seconds, 2),
        samples=len(run.samples),
        subset=run.subset,
        setup=setup,
        **metrics,
    )
