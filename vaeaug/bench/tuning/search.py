"""Tuning: which augmentation, if any, helps this classifier on these samples? Uses the training samples only.

Candidates are compared by repeated stratified cross-validation: in each split a VAE is trained on the training part, the
classifier is trained once without augmentation and once with each candidate, from the same initial weights and in the same
order, and evaluated on the held-out part. `vaeaug.choice` says how the splits are spent and which candidate is chosen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.settings import Settings
from vaeaug.bench.tuning.candidates import TuningResult, method_of
from vaeaug.bench.tuning.trials import BenchTrials
from vaeaug.choice.candidates import NONE, Candidate, default_candidates, is_imbalanced
from vaeaug.choice.search import n_trainings
from vaeaug.choice.search import search as search_candidates
from vaeaug.choice.trials import METRICS, SearchSettings
from vaeaug.data.classical import Classical
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.models.spaces import SPACE_NAMES, space_named
from vaeaug.perturb.schemes import DEFAULT
from vaeaug.runtime import checks, modes, seeds
from vaeaug.runtime.checks import renamed
from vaeaug.runtime.parallel import one_thread
from vaeaug.runtime.progress import progress_bar


@renamed(budget="time_budget", errors="min_standard_errors")
@modes.in_plain_modes
def tune(
    data: Any,
    classifier: Any = "cnn",
    *,
    time_budget: float | None = 300,
    candidates: Sequence[Candidate] | None = None,
    spaces: Sequence[str] | None = None,
    classical: Classical | None = None,
    folds: int = 5,
    repeats: int = 2,
    steps: int = 400,
    vae: Mapping[str, Any] | None = None,
    metric: str | None = None,
    min_standard_errors: float = 1.0,
    seed: int = 0,
    progress: bool = True,
) -> tuple[Augmenter, TuningResult]:
    """Chooses how to augment, or no augmentation, by cross-validation inside the training samples.

    Of the candidates that the best one does not beat by a standard error of their paired difference, the cheapest is chosen:
    nothing, then classical augmentation and class weights, RandAugment and repeated samples, synthetic samples in the space
    of the samples themselves, of their principal components, and last of a VAE. It must also beat none.

    Arguments:
        data: Labelled training data in any form that `vaeaug.data.as_samples` takes. Nothing else is read.
        classifier: A name, an estimator or a function that makes a network; see `vaeaug.models.classifiers.as_classifier`.
        time_budget: Seconds for the whole search, including the last fit; None sets no limit. Training of a network is
            aborted at the deadline; VAEs and estimators are not started if they are not expected to finish.
        candidates: What is compared with none; by default `default_candidates` of `vaeaug.choice.candidates`: baselines, and
            synthetic samples in every space.
        spaces: The spaces of the default candidates: `vae`, `pca` and `identity`; see `vaeaug.models.spaces`.
        classical: The classical augmentation of your own pipeline. All candidates, and none, are trained with it, after the
            synthetic samples, so that the chosen one helps on top of it.
        folds, repeats: The cross-validation has at most `folds * repeats` splits. Small classes get fewer folds.
        steps: Optimiser steps of a network in each split.
        vae: Arguments of `fit_vae`, for the splits and the last fit. `latent_dim` is also the number of components.
        metric: `accuracy`, or `balanced_accuracy`, the default if the largest class has 1.5 times the smallest or more.
        min_standard_errors: The number of standard errors by which a candidate must beat none.
        seed: The same seed gives the same choice, unless the time budget cuts the search short.
        progress: Whether to show a progress bar.

    Returns an augmenter, fitted to all of the data with the chosen perturbation in the chosen space, and the result. If the
    chosen candidate has no synthetic samples, the augmenter has the default perturbation, in the space of the samples
    themselves, so that no VAE is trained for nothing, and `TuningResult.settings()` leaves batches unchanged.

    Raises:
        InputError: If the data or a setting cannot be used.
    """
    start = time.monotonic()
    samples, classifier = as_samples(data), as_classifier(classifier)
    _check(samples, classifier, candidates)
    _check_spaces(candidates, spaces)
    _check_numbers(time_budget, folds, repeats, min_standard_errors)
    counts = samples.counts
    metric = metric or METRICS[is_imbalanced(counts)]
    checks.check_choice("metric", metric, METRICS)
    compared = tuple(candidates or _defaults(samples, classifier, spaces or SPACE_NAMES, classical))
    settings = Settings(steps=steps, vae=tuple((vae or {}).items()))
    deadline = math.inf if time_budget is None else start + time_budget
    search = SearchSettings(
        metric, min(folds, max(counts)), repeats, seed, deadline, min_standard_errors=min_standard_errors
    )
    total = n_trainings(len(compared), search.splits, search.first_rung)
    with one_thread(), progress_bar(total, "tuning", "training", show=progress) as bar:
        validation = BenchTrials(samples, classifier, settings, search, bar, classical)
        choice = search_candidates(validation, compared)
        fit_start = time.monotonic()
        augmenter = _fit_augmenter(choice.chosen, samples, seeds.derive(seed, 0), dict(settings.vae))
        vae_seconds = sum(validation.vae_seconds)
        if augmenter.vae is None:
            vae_seconds += time.monotonic() - fit_start
    latent_dim = dict(settings.vae).get("latent_dim")
    seconds = time.monotonic() - start
    return augmenter, TuningResult(choice, classifier.is_network, time_budget, latent_dim, seconds, vae_seconds)


def _defaults(
    samples: Samples, classifier: Classifier, spaces: Sequence[str], classical: Classical | None
) -> tuple[Candidate, ...]:
    return default_candidates(
        network=classifier.is_network,
        images=samples.x.ndim == 4,
        signals=samples.x.ndim == 3,
        imbalanced=is_imbalanced(samples.counts),
        weights=classifier.accepts_sample_weight,
        classical=classical is None,
        spaces=spaces,
    )


def _fit_augmenter(chosen: Candidate, samples: Samples, seed: int, training: dict[str, Any]) -> Augmenter:
    space = "identity" if chosen.perturb is None else chosen.space
    vae = space_named(space, training.get("latent_dim"))
    options = {} if vae is not None else {"progress": False, **training}
    return Augmenter(vae, perturb=chosen.perturb or DEFAULT).fit(samples, seed=seed, **options)


def _check(samples: Samples, classifier: Classifier, candidates: Sequence[Candidate] | None) -> None:
    checks.check_class_counts(samples.counts)
    classifier.check_takes(samples.x)
    for candidate in () if candidates is None else candidates:
        if not isinstance(candidate, Candidate) or candidate == NONE:
            remedy = "for example Candidate(Extrapolate(1.0), add=3)"
            checks.refuse("candidates other than none", repr(candidate), remedy)
        _check_use(candidate, classifier, images=samples.x.ndim == 4)
    if candidates is not None and not candidates:
        checks.refuse("at least one candidate", "none", "leave candidates out for the default ones")


def _check_use(candidate: Candidate, classifier: Classifier, *, images: bool) -> None:
    if classifier.is_network and candidate.add is not None and candidate.add != round(candidate.add):
        checks.refuse("a whole number of added samples for a network", candidate.name, "pass for example add=3")
    for name in () if classifier.is_network else ("replace", "hardest_of"):
        if getattr(candidate, name) is not None:
            checks.refuse(f"candidates without {name} for an estimator", candidate.name, f"leave {name} out, pass add")
    if candidate.baseline is not None:
        reason = method_of(candidate, classifier.is_network).unsupported_reason(classifier, images)
        if reason is None and not classifier.is_network and (candidate.perturb or candidate.add):
            reason = "an estimator gets copies once, not batches"
        if reason is not None:
            checks.refuse(f"a candidate that {classifier.name} can use", f"{candidate.name} ({reason})", "leave it out")


def _check_spaces(candidates: Sequence[Candidate] | None, spaces: Sequence[str] | None) -> None:
    if spaces is None:
        return
    if candidates is not None:
        checks.refuse("candidates or spaces", "both", "leave spaces out: every candidate has its own")
    if isinstance(spaces, str) or not spaces:
        checks.refuse("a list of spaces", repr(spaces), "for example spaces=['pca', 'identity']")
    for space in spaces:
        checks.check_choice("space", space, SPACE_NAMES)


def _check_numbers(time_budget: float | None, folds: int, repeats: int, min_standard_errors: float) -> None:
    if time_budget is not None:
        checks.check_number("time_budget", time_budget, 0, above=True)
    checks.check_number("folds", folds, 2, whole=True)
    checks.check_number("repeats", repeats, 1, whole=True)
    checks.check_number("min_standard_errors", min_standard_errors, 0)
