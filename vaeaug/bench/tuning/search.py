"""Tuning: which augmentation, if any, helps this classifier on these samples? Asked of the training samples alone.

Candidates are compared by repeated stratified cross-validation: in each split a VAE is trained on the training part, the
classifier is trained once without synthetic samples and once under each candidate, from the same weights on and in the same
order, and the held-out part judges. Successive halving (scikit-learn's) spends the splits on the better candidates. A
candidate must beat *none* by a standard error of the paired difference, else none is chosen.

Reference: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016,
https://arxiv.org/abs/1502.07943; the one-standard-error rule: Breiman et al., "Classification and regression trees", 1984.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (the next import needs it)
from sklearn.model_selection import HalvingGridSearchCV

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.runs import Settings
from vaeaug.bench.tuning.candidates import FOR_ESTIMATORS, FOR_NETWORKS, NONE, Candidate, Tuned
from vaeaug.bench.tuning.trials import FACTOR, FIRST, Trials
from vaeaug.data.classical import Classical
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.parallel import one_thread

LOPSIDED = 1.5  # from this ratio of the largest class to the smallest on, classes count alike
METRICS = ("accuracy", "balanced_accuracy")
NEVER = -2.0  # below every difference: the score of a candidate that was never judged


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
) -> tuple[Augmenter, Tuned]:
    """Chooses a perturbation and how to use its children, or none, by cross-validation inside the training samples.

    Arguments:
        data: Labelled training data in any form that `vaeaug.data.as_samples` takes. Nothing else is looked at.
        classifier: A name, an estimator or a function that makes a network; see `vaeaug.models.classifiers.as_classifier`.
        time_budget: Seconds for everything, the last fit included; None sets no limit. What is under way when it ends is
            dropped, except the training of a VAE or an estimator, which is not started where it is expected to last longer.
        candidates: What to compare with none; by default `FOR_NETWORKS` or `FOR_ESTIMATORS` of `.candidates`.
        classical: A classical augmentation that all candidates, and none, are trained with, after the children: your own
            pipeline's, so that what is chosen helps beside it.
        folds, repeats: Of the cross-validation: `folds * repeats` splits at most. Small classes get by with fewer folds.
        steps: Optimiser steps of a network in each split.
        vae: Arguments of `fit_vae`, for the splits and the last fit alike.
        metric: `accuracy`, or `balanced_accuracy`, the default where the largest class has 1.5 times the smallest or more.
        min_standard_errors: The standard errors by which a candidate must beat none.
        seed: The same seed gives the same choice, unless the budget cuts the search short.
        progress: Whether to show a bar.

    Returns an augmenter fitted to all of the data with the chosen perturbation, and the report. Where none is best, the
    augmenter has the default perturbation and `Tuned.settings()` leaves batches as they are.

    Raises:
        InputError: If the data or a setting cannot be used.
    """
    start = time.monotonic()
    samples, classifier = as_samples(data), as_classifier(classifier)
    _check(samples, classifier, candidates, time_budget, folds, repeats, metric, min_standard_errors)
    network = classifier.is_network
    chosen = tuple(candidates or (FOR_NETWORKS if network else FOR_ESTIMATORS))
    settings = Settings(steps=steps, vae=tuple((vae or {}).items()))
    lopsided = max(samples.counts) >= LOPSIDED * min(samples.counts)
    metric = metric or METRICS[lopsided]
    trials = Trials(
        samples, classifier, chosen, classical, settings, metric, (min(folds, max(samples.counts)), repeats)
    )
    trials.seed, trials.ends = seed, math.inf if time_budget is None else start + time_budget
    with one_thread(), trials.bar(progress):
        survivors = _search(trials)
        choice, sentence = _choice(trials, survivors, min_standard_errors)
        augmenter = Augmenter() if choice.perturb is None else Augmenter(perturb=choice.perturb)
        before = time.monotonic()
        augmenter.fit(samples, seed=seeds.derive(seed, 0), progress=False, **dict(settings.vae))
        trials.vae_seconds.append(time.monotonic() - before)
    missed = tuple(c.name for c in chosen if trials.done(c) < trials.planned.get(c, 0))
    if missed:
        sentence += (
            f" The budget of {time_budget:g} s ended the search before {_listed(missed)} had been judged as planned."
        )
    told = tuple(trials.trial(c) for c in (NONE, *chosen))
    seconds = time.monotonic() - start
    return augmenter, Tuned(
        choice, told, sentence, missed, metric, trials.folds, repeats, seed, seconds, sum(trials.vae_seconds)
    )


def _check(
    samples: Samples,
    classifier: Classifier,
    candidates: Sequence[Candidate] | None,
    budget: float | None,
    folds: int,
    repeats: int,
    metric: str | None,
    errors: float,
) -> None:
    checks.check_class_counts(samples.counts)
    if classifier.images_only and samples.x.ndim == 2:
        checks.refuse("a classifier for rows", classifier.name, "choose mlp, forest, svc, logistic or knn")
    if budget is not None:
        checks.check_number("time_budget", budget, 0, above=True)
    checks.check_number("folds", folds, 2, whole=True)
    checks.check_number("repeats", repeats, 1, whole=True)
    checks.check_number("min_standard_errors", errors, 0)
    if metric is not None:
        checks.check_choice("metric", metric, METRICS)
    for candidate in () if candidates is None else candidates:
        if not isinstance(candidate, Candidate) or candidate == NONE:
            checks.refuse("candidates other than none", repr(candidate), "pass Candidate(Extrapolate(1.0), 0.5), say")
        for name in ("hardest_of", "add"):
            if getattr(candidate, name) and not classifier.is_network:
                checks.refuse(f"candidates without {name} for an estimator", candidate.name, f"leave {name} out")
    if candidates is not None and not candidates:
        checks.refuse("at least one candidate", "none", "leave candidates out for the default ones")


class _Judged(BaseEstimator):
    """What scikit-learn's search takes for an estimator: a candidate, whose resource is the number of splits."""

    def __init__(self, trials: Trials, candidate: int = 0, splits: int = 1) -> None:
        self.trials, self.candidate, self.splits = trials, candidate, splits

    def __sklearn_clone__(self) -> _Judged:
        return _Judged(self.trials, self.candidate, self.splits)

    def fit(self, X: Any, y: Any = None) -> _Judged:  # noqa: N803 (X is what scikit-learn calls it)
        trials, candidate = self.trials, self.trials.candidates[self.candidate]
        trials.planned[candidate] = self.splits
        for number in range(self.splits):
            if not (trials.judge(NONE, number) and trials.judge(candidate, number)):
                break
        return self

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        candidate = self.trials.candidates[self.candidate]
        gain = self.trials.difference(candidate, NONE)[0] if self.trials.done(candidate) else NEVER
        # Of equals, the search keeps the last: it is to be the one named first.
        return gain - 1e-9 * self.candidate


def _search(trials: Trials) -> list[Candidate]:
    """Runs the search; returns the candidates of its last rung."""
    # One split of nothing: a candidate trains and judges by itself, on as many splits as its rung has.
    nothing = np.zeros((2, 1))
    search = HalvingGridSearchCV(
        _Judged(trials),
        {"candidate": list(range(len(trials.candidates)))},
        resource="splits",
        min_resources=min(FIRST, trials.size),
        max_resources=trials.size,
        factor=FACTOR,
        cv=[(np.arange(2), np.arange(2))],
        refit=False,
        error_score="raise",
        return_train_score=False,
    ).fit(nothing)
    found = search.cv_results_
    last = found["iter"] == found["iter"].max()
    return [trials.candidates[i] for i in found["param_candidate"][last]]


def _choice(trials: Trials, survivors: list[Candidate], errors: float) -> tuple[Candidate, str]:
    """Returns the candidate to use, and why in words.

    Of the survivors that are within a standard error of the best, the one that costs least, and of those the best; it must
    beat none by `errors` standard errors itself.
    """
    least = min(FIRST, trials.size)
    judged = [c for c in survivors if trials.done(c) >= least]
    if not judged:
        return (
            NONE,
            "No augmentation: the budget ended before any candidate had been judged often enough to be trusted.",
        )
    gains = {c: trials.difference(c, NONE) for c in judged}
    best = max(judged, key=lambda c: gains[c][0])
    near = [c for c in judged if c == best or operator.le(*trials.difference(best, c))]
    for chosen in sorted(near, key=lambda c: (c.cost, -gains[c][0])):
        gain, error = gains[chosen]
        if gain > errors * error and gain > 0:
            return chosen, f"Use {chosen.name}: {_points(trials, chosen)}."
    return NONE, f"No augmentation: the best candidate, {best.name}, was {_points(trials, best)}, which is not enough."


def _points(trials: Trials, candidate: Candidate) -> str:
    gain, error = trials.difference(candidate, NONE)
    splits = trials.done(candidate)
    return f"{100 * gain:+.1f} points over none in {splits} splits (standard error {100 * error:.1f})"


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names)
