"""The audit: reads the sets, measures, and puts the results together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from vaeaug.auditing import copies, good, leak, tables
from vaeaug.auditing.distances import Distance
from vaeaug.auditing.inputs import Inputs, read_inputs
from vaeaug.auditing.result import Audit
from vaeaug.auditing.rules import broken_rules
from vaeaug.auditing.spaces import distance_of
from vaeaug.auditing.statistics import RESAMPLES
from vaeaug.auditing.values import Good, ShownPair
from vaeaug.data.classical import Classical
from vaeaug.filters.teacher_training import TeacherSettings
from vaeaug.models import classifiers
from vaeaug.runtime import checks, modes

ALONE = "Without held-out samples there are neither leak tests nor the accuracy after training on synthetic samples."


@modes.in_plain_modes
def audit(
    real: Any,
    synthetic: Any = None,
    *,
    holdout: Any = None,
    augmenter: Any = None,
    space: str = "auto",
    features: Callable[[Tensor], Any] | None = None,
    classifier: Any = None,
    steps: int = 400,
    seeds: int = 5,
    k: int = 5,
    pairs: int = 12,
    resamples: int = RESAMPLES,
    label_column: str | None = None,
    size: int | None = None,
    seed: int = 0,
    report: Callable[[str], None] | None = None,
) -> Audit:
    """Audits synthetic data: does it leak the real samples, and is it good?

    Any labelled data can be audited, not only that of this library: images, tables with numbers, categories and missing
    values, signals. The order of the samples changes nothing.

    Arguments:
        real: The samples that the generator was fitted to, in any form that `vaeaug.data.as_samples` takes; or a fitted
            augmenter, or the folder of one, for the samples in its bank.
        synthetic: The synthetic samples, in the same forms; or an augmenter or its folder, which generates as many as there
            are real ones. By default the augmenter passed as `real` does.
        holdout: Samples of the same population that the generator never saw, as many as real ones: of the larger set as many
            of each class are taken as the smaller one has. Without them there are no leak tests.
        augmenter: The augmenter that generated, or its folder, for the space of its codes and the attack by its likelihood.
        space: Where distances are measured: `auto` or `values` for pixels, the values of signals, or the columns of tables;
            `codes` for the codes of the augmenter.
        features: A function from samples `(N, *event)` to features `(N, D)`, such as a frozen network, for distances between
            these.
        classifier: The classifier of the labels and the accuracy score, as `CrossFitted.fit` takes it; by default `cnn` for
            images and `forest` for all else.
        steps: The optimiser steps of a network.
        seeds: The number of trainings of the accuracy score; below 5 there are no intervals, with 0 no score.
        k: The number of neighbours of density and coverage.
        pairs: The number of closest pairs to show.
        resamples: The number of resamples of the bootstrap.
        label_column: The label column of a `.csv`; by default as in `vaeaug.load`.
        size: The side to which images of folders are resized, in pixels.
        seed: The seed of all that is drawn.
        report: A function that is told what is computed, a line at a time.

    Returns:
        The result: print it, read its values, or `save` it as JSON and HTML.

    Raises:
        InputError: If a set cannot be read, if they do not fit each other, if real and held-out samples are not of one
            population, or if arguments seem to be swapped.

    Example:
        >>> import numpy as np
        >>> draw = np.random.default_rng(0).normal
        >>> real, new, other = ((draw(size=(100, 3)), np.arange(100) % 2) for _ in range(3))
        >>> audit(real, new, holdout=other, seeds=0).copies
        CopyCounts(copies=0, near_copies=0, new=100)
    """
    for name, value, low in (("steps", steps, 1), ("seeds", seeds, 0), ("k", k, 1), ("pairs", pairs, 0)):
        checks.check_number(name, value, low, whole=True)
    checks.check_number("resamples", resamples, 100, whole=True)
    say = report or (lambda line: None)
    say("reading")
    inputs = read_inputs(real, synthetic, holdout, augmenter=augmenter, label_column=label_column, size=size, seed=seed)
    classifier = _checked_classifier(classifier, inputs)
    distance = distance_of(inputs, space, features)
    leaks = None
    if inputs.holdout is not None:
        say("leak tests")
        leaks = leak.measure_leak(inputs, distance, seed, resamples)
    counts, reference, threshold = copies.count_copies(distance, inputs)
    shown = tuple(_shown(inputs, pair) for pair in copies.closest_pairs(distance, inputs, pairs))
    quality = _good(inputs, distance, classifier, steps, seeds, k, seed, say)
    sizes = {name: len(part) for name, part in inputs.by_name.items()}
    notes = _notes(inputs, leaks)
    return Audit(distance.name, sizes, notes, counts, reference, threshold, leaks, quality, shown, _kind(inputs), seed)


def _kind(inputs: Inputs) -> str:
    return {2: "table", 3: "signals", 4: "images"}.get(inputs.real.samples.x.ndim, "values")


def _checked_classifier(classifier: Any, inputs: Inputs) -> Any:
    if classifier is None:
        return good.default_classifier(inputs.real.samples.x)
    classifiers.as_classifier(classifier)
    return classifier


def _good(
    inputs: Inputs,
    distance: Distance,
    classifier: Any,
    steps: int,
    n_seeds: int,
    k: int,
    seed: int,
    say: Callable[[str], None],
) -> Good:
    sets = good.encoded(inputs)
    moves = Classical() if inputs.real.samples.x.ndim == 4 else None
    settings = TeacherSettings(steps=steps, classical=moves)
    say("labels, density and coverage")
    nearest = distance.nearest(inputs.positions(inputs.synthetic), inputs.positions(inputs.real)).index[:, 0]
    agreement = good.label_agreement(sets, nearest, classifier, settings, seed, folds=5)
    classes = tuple(good.class_qualities(inputs, distance, agreement, k))
    accuracy = None
    if inputs.holdout is not None and n_seeds and len(sets["real"].y.unique()) > 1:
        accuracy = good.accuracy_score(sets, classifier, settings, n_seeds, seed, say)
    own, synthetic = inputs.real.columns, inputs.synthetic.columns
    if own is None or synthetic is None:
        return Good(classes, accuracy)
    say("columns and rules")
    holdout = None if inputs.holdout is None else inputs.holdout.columns
    return Good(
        classes,
        accuracy,
        tuple(tables.column_qualities(own, synthetic, holdout)),
        tables.associations(own, synthetic, holdout),
        tuple(broken_rules(own, synthetic, holdout)),
    )


def _shown(inputs: Inputs, pair: copies.Pair) -> ShownPair:
    synthetic, real = inputs.synthetic, inputs.real
    i, j = pair.at
    classes = [inputs.names[int(part.samples.y[at])] for part, at in ((synthetic, i), (real, j))]
    names = [part.samples.files[at] if part.samples.files else "" for part, at in ((synthetic, i), (real, j))]
    cells: tuple[tuple[str, str, str, bool], ...] = ()
    images = None
    if synthetic.columns is not None and real.columns is not None:
        own, other = synthetic.columns, real.columns
        equal = np.concatenate(
            [
                (own.numbers[i] == other.numbers[j]) | (np.isnan(own.numbers[i]) & np.isnan(other.numbers[j])),
                own.categories[i] == other.categories[j],
            ]
        )
        cells = tuple(zip(own.names, own.texts(i), other.texts(j), equal.tolist(), strict=True))
    else:
        images = (synthetic.samples.x[i], real.samples.x[j])
    own_class, real_class, own_file, real_file = *classes, *names
    return ShownPair(
        pair.synthetic, pair.real, own_class, real_class, pair.distance, own_file, real_file, cells, images
    )


def _notes(inputs: Inputs, leaks: leak.Leak | None) -> tuple[str, ...]:
    notes = []
    if inputs.holdout is None or leaks is None:
        notes.append(ALONE)
    elif leaks.part < max(len(inputs.real), len(inputs.holdout)):
        notes.append(
            f"The leak tests compare equal parts, {leaks.part:,} real and {leaks.part:,} held-out samples, as many of each "
            f"class: {len(inputs.real):,} and {len(inputs.holdout):,} were passed."
        )
    if leaks is not None and leaks.differs:
        notes.append(
            "Real and held-out samples are not of one population: their nearest samples tell them apart "
            f"({leaks.standard_errors:+.1f} standard errors). Samples that are like the real ones look like a leak."
        )
    alone = [name for name, n in zip(inputs.names, inputs.real.samples.counts, strict=True) if n == 1]
    if alone:
        notes.append(f"Classes of one real sample cannot be judged: {checks.join_names(alone, 5)}.")
    absent = [name for name, n in zip(inputs.names, inputs.synthetic.samples.counts, strict=True) if n == 0]
    if absent:
        notes.append(f"No synthetic samples: {checks.join_names(absent, 5)}.")
    return tuple(notes)
