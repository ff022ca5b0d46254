"""Tuning: which augmentation, if any, helps this classifier on these samples? Uses the training samples only.

Candidates are compared by repeated stratified cross-validation: in each split a VAE is trained on the training part, the
classifier is trained once without synthetic samples and once with each candidate, from the same initial weights and in the
same order, and evaluated on the held-out part. Successive halving spends more splits on the better candidates. A candidate
must beat *none* by a standard error of the paired difference, otherwise none is chosen.

Reference: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016,
https://arxiv.org/abs/1502.07943; the one-standard-error rule: Breiman et al., "Classification and regression trees", 1984.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tqdm.auto import tqdm

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.settings import Settings
from vaeaug.bench.tuning.candidates import FOR_ESTIMATORS, FOR_NETWORKS, NONE, Candidate, TuningResult
from vaeaug.bench.tuning.trials import CrossValidation, SearchSettings
from vaeaug.data.classical import Classical
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.runtime import checks, modes, seeds
from vaeaug.runtime.checks import renamed
from vaeaug.runtime.parallel import one_thread

FACTOR = 3  # the best third of the candidates goes on, with three times the splits
FIRST_RUNG = 3  # splits that every candidate is evaluated on, if there are as many
IMBALANCED = 1.5  # from this ratio of the largest class to the smallest on, classes count equally
METRICS = ("accuracy", "balanced_accuracy")


@renamed(budget="time_budget", errors="min_standard_errors")
@modes.in_plain_modes
def tune(
    data: Any,
    classifier: Any = "cnn",
    *,
    time_budget: float | None = 300,
    candidates: Sequence[Candidate] | None = None,
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
    """Chooses a perturbation and how to use it, or no augmentation, by cross-validation inside the training samples.

    Arguments:
        data: Labelled training data in any form that `vaeaug.data.as_samples` takes. Nothing else is read.
        classifier: A name, an estimator or a function that makes a network; see `vaeaug.models.classifiers.as_classifier`.
        time_budget: Seconds for the whole search, including the last fit; None sets no limit. Training of a network is
            aborted at the deadline; VAEs and estimators are not started if they are not expected to finish.
        candidates: What is compared with none; by default `FOR_NETWORKS` or `FOR_ESTIMATORS` of the module `candidates`.
        classical: The classical augmentation of your own pipeline. All candidates, and none, are trained with it, after the
            synthetic samples, so that the chosen one helps on top of it.
        folds, repeats: The cross-validation has at most `folds * repeats` splits. Small classes get fewer folds.
        steps: Optimiser steps of a network in each split.
        vae: Arguments of `fit_vae`, for the splits and the last fit.
        metric: `accuracy`, or `balanced_accuracy`, the default if the largest class has 1.5 times the smallest or more.
        min_standard_errors: The number of standard errors by which a candidate must beat none.
        seed: The same seed gives the same choice, unless the time budget cuts the search short.
        progress: Whether to show a progress bar.

    Returns an augmenter, fitted to all of the data with the chosen perturbation, and the result. If none is best, the
    augmenter has the default perturbation and `TuningResult.settings()` leaves batches unchanged.

    Raises:
        InputError: If the data or a setting cannot be used.
    """
    start = time.monotonic()
    samples, classifier = as_samples(data), as_classifier(classifier)
    _check(samples, classifier, candidates)
    _check_numbers(time_budget, folds, repeats, min_standard_errors)
    counts = samples.counts
    metric = metric or METRICS[max(counts) >= IMBALANCED * min(counts)]
    checks.check_choice("metric", metric, METRICS)
    compared = tuple(candidates or (FOR_NETWORKS if classifier.is_network else FOR_ESTIMATORS))
    settings = Settings(steps=steps, vae=tuple((vae or {}).items()))
    deadline = math.inf if time_budget is None else start + time_budget
    search = SearchSettings(settings, metric, min(folds, max(counts)), repeats, seed, deadline, classical)
    n_trainings = _n_trainings(len(compared), search.splits)
    with (
        one_thread(),
        tqdm(total=n_trainings, desc="tuning", disable=not progress, leave=False, unit="training") as bar,
    ):
        validation = CrossValidation(samples, classifier, search, bar)
        finalists, cut_short = _halve(validation, compared)
        chosen, sentence = _select(validation, finalists, min_standard_errors)
        augmenter = Augmenter() if chosen.perturb is None else Augmenter(perturb=chosen.perturb)
        fit_start = time.monotonic()
        augmenter.fit(samples, seed=seeds.derive(seed, 0), progress=False, **dict(settings.vae))
        validation.vae_seconds.append(time.monotonic() - fit_start)
    if cut_short:
        sentence += f" The time budget of {time_budget:g} s ended before these were evaluated as planned: "
        sentence += f"{'; '.join(cut_short)}."
    return augmenter, TuningResult(
        chosen=chosen,
        for_network=classifier.is_network,
        scores=tuple(validation.score(candidate) for candidate in (NONE, *compared)),
        sentence=sentence,
        cut_short=cut_short,
        metric=metric,
        folds=search.folds,
        repeats=repeats,
        seed=seed,
        seconds=time.monotonic() - start,
        vae_seconds=sum(validation.vae_seconds),
    )


def _check(samples: Samples, classifier: Classifier, candidates: Sequence[Candidate] | None) -> None:
    checks.check_class_counts(samples.counts)
    if classifier.images_only and samples.x.ndim == 2:
        remedy = "choose mlp, forest, svc, logistic, knn or boosting"
        checks.refuse("a classifier for tabular data", classifier.name, remedy)
    for candidate in () if candidates is None else candidates:
        if not isinstance(candidate, Candidate) or candidate == NONE:
            remedy = "for example Candidate(Extrapolate(1.0), add=3)"
            checks.refuse("candidates other than none", repr(candidate), remedy)
        _check_use(candidate, classifier)
    if candidates is not None and not candidates:
        checks.refuse("at least one candidate", "none", "leave candidates out for the default ones")


def _check_use(candidate: Candidate, classifier: Classifier) -> None:
    if classifier.is_network:
        if candidate.add is not None and candidate.add != round(candidate.add):
            checks.refuse("a whole number of added samples for a network", candidate.name, "pass for example add=3")
        return
    for name in ("replace", "hardest_of"):
        if getattr(candidate, name) is not None:
            checks.refuse(f"candidates without {name} for an estimator", candidate.name, f"leave {name} out, pass add")


def _check_numbers(time_budget: float | None, folds: int, repeats: int, min_standard_errors: float) -> None:
    if time_budget is not None:
        checks.check_number("time_budget", time_budget, 0, above=True)
    checks.check_number("folds", folds, 2, whole=True)
    checks.check_number("repeats", repeats, 1, whole=True)
    checks.check_number("min_standard_errors", min_standard_errors, 0)


def _rungs(n_candidates: int, n_splits: int) -> Iterator[tuple[int, int]]:
    """Yields the rungs of successive halving: how many candidates are evaluated on how many splits."""
    splits = min(FIRST_RUNG, n_splits)
    yield n_candidates, splits
    while n_candidates >= FACTOR and splits * FACTOR <= n_splits:
        n_candidates, splits = math.ceil(n_candidates / FACTOR), splits * FACTOR
        yield n_candidates, splits


def _n_trainings(n_candidates: int, n_splits: int) -> int:
    """Returns the number of trainings of a whole search; none is trained on every split, too."""
    total = before = 0
    for n_left, splits in _rungs(n_candidates, n_splits):
        total, before = total + (n_left + 1) * (splits - before), splits
    return total


def _halve(validation: CrossValidation, candidates: tuple[Candidate, ...]) -> tuple[list[Candidate], tuple[str, ...]]:
    """Returns the candidates of the last rung, and the names of those that the time budget cut short."""

    def rank(candidate: Candidate) -> tuple[float, int]:
        gain = validation.difference(candidate, NONE)[0] if validation.n_splits(candidate) else -math.inf
        # Of equals, up to rounding errors, the one named first.
        return round(gain, 9), -candidates.index(candidate)

    remaining, planned = candidates, {}
    for n_left, splits in _rungs(len(candidates), validation.search.splits):
        if n_left < len(remaining):
            # The worst first: committed results depend on this order where finalists are equal.
            remaining = tuple(sorted(remaining, key=rank)[-n_left:])
        for candidate in remaining:
            planned[candidate] = splits
            for number in range(splits):
                if not (validation.evaluate(NONE, number) and validation.evaluate(candidate, number)):
                    break
    cut_short = tuple(c.name for c in candidates if validation.n_splits(c) < planned[c])
    return list(remaining), cut_short


def _select(
    validation: CrossValidation, finalists: list[Candidate], min_standard_errors: float
) -> tuple[Candidate, str]:
    """Returns the candidate to use, and the reason in words.

    Of the finalists within one standard error of the best, the one with which a network is trained the fastest is chosen, and
    of those, or of all for an estimator, the best; it must itself beat none by `min_standard_errors` standard errors.
    """

    def cost(candidate: Candidate) -> float:
        return candidate.cost if validation.classifier.is_network else 0.0

    enough = min(FIRST_RUNG, validation.search.splits)
    evaluated = [c for c in finalists if validation.n_splits(c) >= enough]
    if not evaluated:
        reason = "the time budget ended before any candidate was evaluated on enough splits"
        return NONE, f"No augmentation: {reason}."
    gains = {c: validation.difference(c, NONE) for c in evaluated}
    best = max(evaluated, key=lambda c: gains[c][0])
    close = [c for c in evaluated if c == best or operator.le(*validation.difference(best, c))]
    for candidate in sorted(close, key=lambda c: (cost(c), -gains[c][0])):
        gain, error = gains[candidate]
        if gain > min_standard_errors * error and gain > 0:
            return candidate, f"Use {candidate.name}: {_describe_gain(validation, candidate)}."
    gain_of_best = _describe_gain(validation, best)
    return NONE, f"No augmentation: the best candidate, {best.name}, had {gain_of_best}, which is not enough."


def _describe_gain(validation: CrossValidation, candidate: Candidate) -> str:
    gain, error = validation.difference(candidate, NONE)
    splits = validation.n_splits(candidate)
    return f"{100 * gain:+.1f} points over none in {splits} splits (standard error {100 * error:.1f})"
