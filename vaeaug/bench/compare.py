"""The benchmark: methods x classifiers x seeds -> results, each kept on disk as soon as it is there.

`compare` checks and hashes the test split before any training; after that, `vaeaug.bench.runs.judge` alone reads it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vaeaug.bench import inputs, regimes, runs
from vaeaug.bench.inputs import RegimeLike
from vaeaug.bench.keys import digest, setup_digest
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.relations import relations_of
from vaeaug.bench.results import EQUAL_TIME, Result, append, read
from vaeaug.bench.runs import SeedRun
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.method import Method
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.runtime import checks, files, modes, signals
from vaeaug.runtime.checks import renamed
from vaeaug.runtime.parallel import check_picklable, map_in_processes
from vaeaug.runtime.progress import progress_bar


@renamed(classifier="classifiers", arm="methods", rows="results", keep="save_augmenter_to", jobs="n_jobs")
@modes.in_plain_modes
def compare(
    data: Any,
    y: Any = None,
    *,
    test: Any = None,
    per_class: RegimeLike = 20,
    unlabelled: int = 0,
    classifiers: Any = ("cnn",),
    methods: Sequence[Method | str] | None = None,
    seeds: int | Sequence[int] = 5,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    results: str | Path | None = None,
    save_augmenter_to: str | Path | None = None,
    name: str | None = None,
    n_jobs: int = 1,
    progress: bool = True,
) -> Iterator[Result]:
    """Trains classifiers with and without augmentation, and yields one result per run as soon as it is there.

    Arguments:
        data: The samples X, with their labels in `y`; or the name of a set, a path, or labelled data in any form that
            `vaeaug.data.as_samples` takes.
        y: The labels, if `data` is X alone.
        test: Labelled test data, for example a pair `(X, y)`; by default the official test split (Fashion-MNIST) or half of
            `data`, class by class.
        per_class: Training samples per class, one count per class, or the name of a regime in `vaeaug.bench.regimes`.
        unlabelled: The number of unlabelled samples for further methods, which end in "unlabelled pool". They are drawn from
            the rest of `data`, without their labels. Other methods do not see them.
        classifiers: One or several of: cnn, mlp, resnet18, forest, svc, logistic, knn, boosting; a scikit-learn estimator; a
            function `(event_shape, classes) -> nn.Module`; a pair of a name and one of these two. A network sees samples
            standardised by the mean and standard deviation of the training subset.
        methods: The methods, by name or as `Method`s; by default those of `Catalogue.standard`. Methods that do not support
            a classifier are left out; see `unsupported`.
        seeds: The number of seeds, or the seeds.
        settings: What the methods share.
        results: A CSV file that keeps the results. Runs that it already holds are not run again.
        save_augmenter_to: A folder to save the first seed's augmenter in, if a method trains it; see `augmenter_folder`.
        name: The name of the data in the results; by default that of the set or file.
        n_jobs: The number of processes; each works on one seed at a time. The order of the results may depend on it, their
            content does not. A script that asks for more than 1 needs `if __name__ == "__main__":`.
        progress: Whether to show a progress bar.

    Raises:
        InputError: Before any work starts, for data, names or numbers that cannot be used.
    """
    name = name or (Path(data).stem if isinstance(data, str | Path) else "data")
    train_data, test_data = inputs.train_and_test_data(data, y, test)
    images = train_data.x.ndim == 4
    checked = inputs.check_classifiers(classifiers, train_data)
    inputs.check_counts(train_data, per_class, halved=test is None and not inputs.has_official_split(data))
    checks.check_number("n_jobs", n_jobs, 1, whole=True)
    checks.check_number("unlabelled", unlabelled, 0, whole=True)
    catalogue = Catalogue(name, images=images, imbalanced=regimes.Regime.of(per_class).is_imbalanced)
    selected = inputs.check_methods((*inputs.as_methods(methods, catalogue), *catalogue.with_unlabelled(unlabelled)))
    inputs.check_unlabelled(selected, train_data, per_class)
    classes = len(train_data.names)
    conditions = tuple((c, m) for c, m in itertools.product(checked, selected) if m.supports(c, images, classes))
    if not conditions:
        checks.refuse(
            "a method that supports the classifiers", "none", "name others, for example 'none' and 'classical'"
        )
    for _, method in conditions:
        method.check_available()
    if n_jobs > 1:
        for classifier in checked:
            check_picklable(f"the classifier {classifier.name}", classifier.spec)
    test_digest = digest(test_data.x.numpy().tobytes(), test_data.y.numpy().tobytes())
    plan = _Plan(name, train_data, test_data, per_class, conditions, settings, test_digest, save_augmenter_to)
    path = Path(results) if results else None
    if path is not None:
        files.check_writable(path)
    return signals.close_at_exit(_run_all(plan, inputs.as_seeds(seeds), path, n_jobs, progress))


def unsupported(
    classifiers: Any, methods: Sequence[Method], images: bool, classes: int | None = None
) -> list[tuple[str, str, str]]:
    """Returns what `compare` leaves out, for data with this number of classes: classifier, method and reason."""
    pairs = itertools.product(map(as_classifier, inputs.classifier_list(classifiers)), methods)
    return [(c.name, m.name, reason) for c, m in pairs if (reason := m.unsupported_reason(c, images, classes))]


def augmenter_folder(folder: str | Path, subset_digest: str, settings: Settings) -> Path:
    """Returns where `compare` saves the augmenter of the training subset with this hash, for `Augmenter.load`."""
    return Path(folder) / f"augmenter-{subset_digest}-{digest(repr(settings.vae).encode())[:6]}"


@dataclass(frozen=True, eq=False)
class _Plan:
    """What every seed of a benchmark runs."""

    name: str
    train_data: Samples
    test_data: Samples
    per_class: RegimeLike
    conditions: tuple[tuple[Classifier, Method], ...]
    settings: Settings
    test_digest: str
    save_augmenter_to: str | Path | None


def _run_all(
    plan: _Plan, seeds: tuple[int, ...], path: Path | None, n_jobs: int, progress: bool
) -> Generator[Result, None, None]:
    first_results: dict[tuple[int, str], Result] = {}
    with ExitStack() as stack:
        if path is not None:
            stack.enter_context(files.claimed(path, overwrite=True, terminable=False))  # it is appended to
        existing = {result.key: result for result in read(path)} if path and path.exists() else {}

        def keep(result: Result) -> None:
            if path and result.key not in existing:
                append(path, result)

        total = len(seeds) * len(plan.conditions)
        bar = stack.enter_context(progress_bar(total, "benchmark", "run", show=progress))
        run_seed = partial(_run_seed, plan, existing, seeds[0])
        for result in stack.enter_context(closing(map_in_processes(run_seed, seeds, n_jobs, keep))):
            _check_shared(first_results.setdefault((result.seed, result.classifier), result), result)
            # Without the method, whose name is too long for a line of 80 columns.
            bar.set_postfix_str(f"seed {result.seed}, {result.classifier}", refresh=False)
            bar.update()
            yield result


@modes.plain_steps
def _run_seed(plan: _Plan, existing: dict[tuple[str, ...], Result], first_seed: int, seed: int) -> Iterator[Result]:
    subset = regimes.draw_subset(plan.train_data, plan.per_class, seed)
    seed_run = SeedRun(subset, seed, plan.settings, plan.train_data)
    for classifier, method in plan.conditions:
        result = _run(plan, seed_run, classifier, method, existing)
        if plan.save_augmenter_to is not None and seed == first_seed:
            seed_run.save_augmenter(augmenter_folder(plan.save_augmenter_to, seed_run.subset_digest, plan.settings))
        yield result


def _check_shared(first: Result, result: Result) -> None:
    equal_time = EQUAL_TIME in (first.kind, result.kind)  # such a method takes more steps
    if first.subset != result.subset or (first.steps != result.steps and not equal_time):
        raise RuntimeError(
            f"expected methods of a seed to share the training subset and the number of steps, got {first} and {result}; "
            f"their difference would not be that of the augmentation"
        )


def _run(
    plan: _Plan,
    seed_run: SeedRun,
    classifier: Classifier,
    method: Method,
    existing: dict[tuple[str, ...], Result],
) -> Result:
    setup = setup_digest(method, plan.settings, plan.test_digest, classifier)
    regime, subset = str(regimes.Regime.of(plan.per_class)), seed_run.subset_digest
    key = (plan.name, regime, classifier.name, method.name, str(seed_run.seed), subset, setup)
    # A result of an older version lacks these.
    known: dict[str, Any] = {
        "data_kind": {4: "images", 3: "signals"}.get(seed_run.samples.x.ndim, "tabular"),
        **relations_of(method, classifier.is_network),
    }
    if key in existing:
        return replace(existing[key], **known)
    shared = seed_run.shared
    shared.start_run()
    start, shared_before = time.perf_counter(), shared.total_seconds
    trained = runs.fit_classifier(seed_run.context(classifier), method)
    # A generator is trained by the first method that needs it; its seconds are listed apart, for every such method.
    seconds = time.perf_counter() - start - (shared.total_seconds - shared_before)
    metrics = runs.judge(trained, plan.test_data)
    return Result(
        data=plan.name,
        regime=regime,
        classifier=classifier.name,
        method=method.name,
        kind=method.kind,
        seed=seed_run.seed,
        steps=trained.steps,
        train_seconds=round(seconds, 2),
        vae_seconds=round(shared.used_seconds, 2),
        samples=len(seed_run.samples),
        subset=subset,
        setup=setup,
        **known,
        **metrics,
    )
