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
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (the next import needs it)
from sklearn.model_selection import HalvingGridSearchCV, StratifiedKFold
from torch import Tensor
from tqdm.auto import tqdm

from vaeaug import _checks, _rng, cells
from vaeaug.augmenter import Augmenter
from vaeaug.candidates import FOR_ESTIMATORS, FOR_NETWORKS, NONE, Candidate, Trial, Tuned
from vaeaug.cells import Run, Settings
from vaeaug.classifiers import Classifier, as_classifier
from vaeaug.data import Samples, as_samples
from vaeaug.stages import Job, Stage, Transform
from vaeaug.workers import one_thread

FACTOR = 3  # one in so many candidates goes on, to so many times the splits
FIRST = 3  # splits that every candidate is judged on, where there are as many
LOPSIDED = 1.5  # from this ratio of the largest class to the smallest on, classes count alike
METRICS = ("accuracy", "balanced_accuracy")
NEVER = -2.0  # below every difference: the score of a candidate that was never judged


class OutOfTime(Exception):
    """Raised inside a training that the budget ends."""


def tune(
    data: Any,
    classifier: Any = "cnn",
    *,
    budget: float | None = 300,
    candidates: Sequence[Candidate] | None = None,
    classical: Stage | None = None,
    folds: int = 5,
    repeats: int = 2,
    steps: int = 400,
    vae: Mapping[str, Any] | None = None,
    metric: str | None = None,
    errors: float = 1.0,
    seed: int = 0,
    progress: bool = True,
) -> tuple[Augmenter, Tuned]:
    """Chooses perturbation, scale, ratio and worst-of-k, or none, by cross-validation inside the training samples.

    Arguments:
        data: Labelled training data in any form that `vaeaug.data.as_samples` takes. Nothing else is looked at.
        classifier: A name, an estimator or a function that makes a network; see `vaeaug.classifiers.as_classifier`.
        budget: Seconds for everything, the last fit included; None takes what it takes. What is under way when it ends is
            dropped, except the training of a VAE or an estimator, which is not started where it is expected to last longer.
        candidates: What to compare with none; by default `FOR_NETWORKS` or `FOR_ESTIMATORS` of `vaeaug.candidates`.
        classical: A classical augmentation that all candidates, and none, are trained with, after the children: your own
            pipeline's, so that what is chosen helps beside it.
        folds, repeats: Of the cross-validation: `folds * repeats` splits at most. Small classes get by with fewer folds.
        steps: Optimiser steps of a network in each split.
        vae: Arguments of `fit_vae`, for the splits and the last fit alike.
        metric: `accuracy`, or `balanced_accuracy`, the default where the largest class has 1.5 times the smallest or more.
        errors: The standard errors by which a candidate must beat none.
        seed: The same seed gives the same choice, unless the budget cuts the search short.
        progress: Whether to show a bar.

    Returns an augmenter fitted to all of the data with the chosen perturbation, and the report. Where none is best, the
    augmenter has the default perturbation and `Tuned.ratio` is 0, which leaves batches as they are.

    Raises:
        InputError: If the data or a setting cannot be used.
    """
    start = time.monotonic()
    samples, classifier = as_samples(data), as_classifier(classifier)
    _check(samples, classifier, candidates, budget, folds, repeats, metric, errors)
    network = classifier.is_network
    chosen = tuple(candidates or (FOR_NETWORKS if network else FOR_ESTIMATORS))
    settings = Settings(steps=steps, vae=tuple((vae or {}).items()))
    lopsided = max(samples.counts) >= LOPSIDED * min(samples.counts)
    metric = metric or METRICS[lopsided]
    trials = _Trials(
        samples, classifier, chosen, classical, settings, metric, (min(folds, max(samples.counts)), repeats)
    )
    trials.seed, trials.ends = seed, math.inf if budget is None else start + budget
    with one_thread(), trials.bar(progress):
        survivors = _search(trials)
        choice, sentence = _choice(trials, survivors, errors)
        augmenter = Augmenter() if choice.perturb is None else Augmenter(perturb=choice.perturb)
        before = time.monotonic()
        augmenter.fit(samples, seed=_rng.derive(seed, 0), progress=False, **dict(settings.vae))
        trials.vae_seconds.append(time.monotonic() - before)
    missed = tuple(c.name for c in chosen if trials.done(c) < trials.planned.get(c, 0))
    if missed:
        sentence += f" The budget of {budget:g} s ended the search before {_listed(missed)} had been judged as planned."
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
    _checks.enough(samples.counts)
    if classifier.images_only and samples.x.ndim == 2:
        _checks.refuse("a classifier for rows", classifier.name, "choose mlp, forest, svc, logistic or knn")
    if budget is not None:
        _checks.within("budget", budget, 0, above=True)
    _checks.within("folds", folds, 2, whole=True)
    _checks.within("repeats", repeats, 1, whole=True)
    _checks.within("errors", errors, 0)
    if metric is not None:
        _checks.one_of("metric", metric, METRICS)
    for candidate in () if candidates is None else candidates:
        if not isinstance(candidate, Candidate) or candidate == NONE:
            _checks.refuse("candidates other than none", repr(candidate), "pass Candidate(Extrapolate(1.0), 0.5), say")
        if candidate.worst_of and not classifier.is_network:
            _checks.refuse("candidates without worst_of for an estimator", candidate.name, "leave worst_of out")
    if candidates is not None and not candidates:
        _checks.refuse("at least one candidate", "none", "leave candidates out for the default ones")


class _Split(NamedTuple):
    run: Run
    test: Samples
    places: Tensor


class _Trials:
    """What has been judged so far: for each candidate and split, which held-out samples were classified rightly."""

    def __init__(
        self,
        samples: Samples,
        classifier: Classifier,
        candidates: tuple[Candidate, ...],
        classical: Stage | None,
        settings: Settings,
        metric: str,
        splits: tuple[int, int],
    ) -> None:
        self.samples, self.classifier, self.candidates, self.classical = samples, classifier, candidates, classical
        self.settings, self.metric, (self.folds, self.repeats) = settings, metric, splits
        self.seed, self.ends = 0, math.inf
        self.right: dict[tuple[Candidate, int], Tensor] = {}
        self.seconds: dict[Candidate, list[float]] = {}
        self.vae_seconds: list[float] = []
        self.planned: dict[Candidate, int] = {}
        self._splits: dict[int, _Split] = {}
        self._with_vae: set[int] = set()

    @property
    def size(self) -> int:
        return self.folds * self.repeats

    def bar(self, progress: bool) -> Any:
        first = min(FIRST, self.size)
        total, left, there = first, len(self.candidates), 0
        while first <= self.size and left:
            total, there, first, left = total + left * (first - there), first, first * FACTOR, -(-left // FACTOR)
            if left == 1 and there:
                break
        self._bar = tqdm(total=total, desc="tuning", disable=not progress, leave=False, unit="training")
        return self._bar

    def split(self, number: int) -> _Split:
        if number not in self._splits:
            repeat, fold = divmod(number, self.folds)
            state = _rng.derive(self.seed, 1, repeat) % 2**32
            y = self.samples.y.numpy()
            with warnings.catch_warnings():
                # A class with fewer samples than folds is absent from some held-out parts, which is all right.
                warnings.filterwarnings("ignore", "The least populated class", UserWarning)
                parts = list(StratifiedKFold(self.folds, shuffle=True, random_state=state).split(y, y))
            known, places = (torch.as_tensor(part) for part in parts[fold])
            # An augmenter wants two samples of every class: the only one that is left of a class stands twice.
            alone = known[torch.bincount(self.samples.y[known])[self.samples.y[known]] == 1]
            run = Run(self.samples[torch.cat([known, alone])], _rng.derive(self.seed, 2, number) % 2**31, self.settings)
            self._splits[number] = _Split(run, self.samples[places], places)
        return self._splits[number]

    def judge(self, candidate: Candidate, number: int) -> bool:
        """Trains and judges a candidate on one split, unless that was done; says whether there was time."""
        if (candidate, number) in self.right:
            return True
        split = self.split(number)
        fresh = candidate.perturb is not None and number not in self._with_vae
        known = self.seconds.get(candidate) or [s for told in self.seconds.values() for s in told]
        # The last fit needs its time, too.
        left = self.ends - time.monotonic() - max(self.vae_seconds, default=0.0) * (1 + fresh)
        if left <= max(known, default=0.0):
            return False
        try:
            return self._train(candidate, number, split)
        except OutOfTime:
            return False

    def _train(self, candidate: Candidate, number: int, split: _Split) -> bool:
        network = self.classifier.is_network
        start = time.monotonic()
        if candidate.perturb is not None and number not in self._with_vae:
            split.run.augmenter()
            self._with_vae.add(number)
            self.vae_seconds.append(time.monotonic() - start)
        start = time.monotonic()
        arm = candidate.arm(network, self.classical)
        if network:
            arm = arm.__class__(arm.name, (_Deadline(self.ends - max(self.vae_seconds, default=0.0)), *arm.stages))
        fit = cells.fit_network if network else cells.fit_estimator
        predict = fit(split.run, self.classifier, arm).predict
        self.right[candidate, number] = predict(split.test.x) == split.test.y
        self.seconds.setdefault(candidate, []).append(time.monotonic() - start)
        self._bar.set_postfix_str(candidate.name, refresh=False)
        self._bar.update()
        return True

    def done(self, candidate: Candidate, other: Candidate = NONE) -> int:
        """Returns the number of splits that both were judged on."""
        return sum((candidate, n) in self.right and (other, n) in self.right for n in range(self.size))

    def difference(self, candidate: Candidate, other: Candidate | None) -> tuple[float, float]:
        """Returns the mean of a candidate (less another's, on the same splits) and its standard error, in 0..1.

        Every held-out sample counts once, with its mean over the repeats; the error is that from sample to sample.
        """
        total, count = torch.zeros(2, len(self.samples), dtype=torch.float64)
        for n in range(self.size):
            if (candidate, n) in self.right and (other or candidate, n) in self.right:
                places, value = self.split(n).places, self.right[candidate, n].double()
                total[places] += value - (self.right[other, n].double() if other else 0)
                count[places] += 1
        judged = count > 0
        if not judged.any():
            return math.nan, math.nan
        d, y = total[judged] / count[judged], self.samples.y[judged]
        weight = 1 / torch.bincount(y)[y] if self.metric == "balanced_accuracy" else torch.ones(len(d))
        weight = (weight / weight.sum()).double()
        mean = (weight * d).sum()
        spread = (weight.square() * (d - mean).square()).sum() * len(d) / max(1, len(d) - 1)
        return float(mean), float(spread.sqrt())

    def trial(self, candidate: Candidate) -> Trial:
        mean, _ = self.difference(candidate, None)
        gain, error = self.difference(candidate, NONE)
        seconds = sum(self.seconds.get(candidate, []))
        return Trial(candidate.name, 100 * mean, 100 * gain, 100 * error, self.done(candidate), seconds)


class _Deadline(Stage):
    """Ends a training when the time is over."""

    def __init__(self, ends: float) -> None:
        self.ends = ends

    def fit(self, job: Job) -> Transform:
        def look(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            if time.monotonic() > self.ends:
                raise OutOfTime
            return x, t

        return look


class _Judged(BaseEstimator):
    """What scikit-learn's search takes for an estimator: a candidate, whose resource is the number of splits."""

    def __init__(self, trials: _Trials, candidate: int = 0, splits: int = 1) -> None:
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


def _search(trials: _Trials) -> list[Candidate]:
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


def _choice(trials: _Trials, survivors: list[Candidate], errors: float) -> tuple[Candidate, str]:
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


def _points(trials: _Trials, candidate: Candidate) -> str:
    gain, error = trials.difference(candidate, NONE)
    splits = trials.done(candidate)
    return f"{100 * gain:+.1f} points over none in {splits} splits (standard error {100 * error:.1f})"


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names)
