"""The checks of what `compare` is given, before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vaeaug.bench import regimes
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.stages.method import Method
from vaeaug.data.loading import as_samples, load
from vaeaug.data.samples import Samples, with_columns_of
from vaeaug.data.splits import split
from vaeaug.models.classifiers import ESTIMATORS, NETWORKS, Classifier, as_classifier, check_logits
from vaeaug.runtime import checks

MAX_SEEDS = 100_000
RegimeLike = int | str | Sequence[int]


def official_split(data: Any) -> tuple[Samples, Samples]:
    """Returns the data to train on and to judge on: the official parts of Fashion-MNIST, else halves."""
    if has_official_split(data):
        return load(data), load(data, train=False)
    return split(as_samples(data), 0.5)


def has_official_split(data: Any) -> bool:
    return isinstance(data, str) and data == "fashion-mnist"


def train_and_test_data(data: Any, y: Any, test: Any) -> tuple[Samples, Samples]:
    if y is not None:
        if isinstance(data, Samples | str | Path):
            checks.refuse("X with y, or labelled data alone", f"{type(data).__name__} with y", "leave y out")
        data = (data, y)
    elif hasattr(data, "shape"):
        checks.refuse("labels", f"an array of shape {tuple(data.shape)} alone", "pass compare(X, y)")
    if test is None:
        return official_split(data)
    train_data, test_data = as_samples(data), as_samples(test)
    test_data = with_columns_of(test_data, train_data, "test")
    checks.check_event_shape("test", test_data.x, train_data.event_shape)
    test_data = _match_labels(test_data, train_data.names)
    checks.check_labels(test_data.y, len(train_data.names))
    return train_data, test_data


def _match_labels(test: Samples, names: tuple[str, ...]) -> Samples:
    """Returns the test data with the class numbers of the training data; the test data may lack some classes."""
    if test.names == names:
        return test
    if set(test.names) <= set(names):
        number = torch.tensor([names.index(name) for name in test.names])
        return replace(test, y=number[test.y], names=names)
    if test.names == tuple(map(str, range(len(test.names)))):
        # Numbers instead of names.
        checks.check_labels(test.y, len(names))
        return replace(test, names=names)
    unknown = ", ".join(sorted(set(test.names) - set(names)))
    checks.refuse(f"test data of the classes {', '.join(names)}", unknown, "name its classes as those of the data")


def as_methods(methods: Sequence[Method | str] | None, catalogue: Catalogue) -> tuple[Method, ...]:
    if methods is None:
        return catalogue.standard
    if isinstance(methods, str | Method):
        methods = [methods]
    return tuple(
        m for method in methods for m in ([method] if isinstance(method, Method) else catalogue.named([method]))
    )


def check_methods(methods: Sequence[Method]) -> tuple[Method, ...]:
    """Returns every method once. Results are told apart by the name of their method, so two methods cannot share one."""
    by_name: dict[str, Method] = {}
    for method in methods:
        if by_name.setdefault(method.name, method) != method:
            checks.refuse("methods of different names", f"two that are called '{method.name}'", "rename one of them")
    return tuple(by_name.values())


def check_classifiers(classifiers: Any, train_data: Samples) -> tuple[Classifier, ...]:
    checked = tuple(map(as_classifier, classifier_list(classifiers)))
    names = [classifier.name for classifier in checked]
    if len(set(names)) < len(names):
        checks.refuse("classifiers of different names", names, "pass pairs (name, classifier)")
    for classifier in checked:
        classifier.check_takes(train_data.x)
        check_logits(classifier, train_data.x[:2], len(train_data.names))
    return checked


def classifier_list(classifiers: Any) -> list[Any]:
    if isinstance(classifiers, tuple) and len(classifiers) == 2:
        name, spec = classifiers
        # A tuple like ("cnn", estimator) is two classifiers: our names are never those of a user's own.
        if isinstance(name, str) and not isinstance(spec, str) and name not in (*NETWORKS, *ESTIMATORS):
            return [classifiers]
    return list(classifiers) if isinstance(classifiers, tuple | list) else [classifiers]


def check_counts(train_data: Samples, per_class: RegimeLike, halved: bool) -> None:
    requested = regimes.class_counts(per_class, len(train_data.names))
    short = [(label, count) for label, count in enumerate(train_data.counts) if count < max(requested)]
    checks.check_number("per_class", min(requested), 1, whole=True)
    if halved and isinstance(per_class, int) and short:
        label, count = min(short, key=lambda pair: pair[1])
        got = f"{count} of class {label} ({train_data.names[label]}): half of the data is held out for the test"
        remedy = f"ask for {count} or fewer per class, or pass test data of your own (--test on the command line)"
        checks.refuse(f"at least {per_class} samples per class to train on", got, remedy)
    checks.check_class_counts(regimes.draw_subset(train_data, per_class, 0).counts)


def check_unlabelled(methods: Sequence[Method], train_data: Samples, per_class: RegimeLike) -> None:
    count = max((stage.unlabelled_count for method in methods for stage in method.stages), default=0)
    available = len(train_data) - sum(regimes.class_counts(per_class, len(train_data.names)))
    if count > available:
        got = f"{available} in the data to train on"
        checks.refuse(f"{count} samples outside the training subset", got, "ask for fewer, or pass more data")


def as_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int):
        checks.check_number("seeds", seeds, 1, whole=True)
        if seeds > MAX_SEEDS:
            checks.refuse(f"at most {MAX_SEEDS} seeds", seeds, "ask for fewer: ten are enough for an interval")
        return tuple(range(seeds))
    for seed in seeds:
        checks.check_number("seed", seed, 0, whole=True)
    if not seeds or len(set(seeds)) < len(seeds):
        checks.refuse("seeds that differ", list(seeds), "pass a number, or a list like [100, 101]")
    return tuple(seeds)
