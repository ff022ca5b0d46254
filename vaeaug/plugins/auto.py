"""`augment="auto"` of `AugmentedClassifier`: candidates compared inside the training data, with the estimator itself."""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import has_fit_parameter, validate_data
from torch import Tensor

from vaeaug.choice.candidates import NONE, Candidate, default_candidates, is_imbalanced, usual_choice
from vaeaug.choice.search import TOO_FEW, Choice, n_trainings, search
from vaeaug.choice.trials import METRICS, CrossValidation, SearchSettings
from vaeaug.data.sample_kinds import IMAGES, SIGNALS
from vaeaug.models.estimators import is_pipeline
from vaeaug.models.spaces import space_named
from vaeaug.plugins import sklearn_params, tables
from vaeaug.plugins.resampling import AUTO, TABULAR, Resampled, SharedParameters, classical_copies, kind_of, resample
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.progress import progress_bar

FOLDS = 5
COPIES = 10  # classically augmented copies of every image or signal, as in the benchmark
CLASSICAL = "classical"
BALANCE = "balance"

TrainingSet = tuple[Any, np.ndarray, dict[str, Any]]  # X, y and the parameters of `fit`


class Host(SharedParameters, Protocol):
    """An `AugmentedClassifier`, as far as the search knows it."""

    estimator: Any
    augment: str | None
    add: float | str
    event_shape_: tuple[int, ...]
    choice_: Choice
    n_synthetic_: int

    def append_synthetic(
        self,
        X: Any,
        y: Any,
        weight: Any,
        params: dict[str, Any],
        make: Callable[[np.ndarray, Any], Resampled] | None = None,
    ) -> TrainingSet:
        """Returns X, y and the parameters of `fit` with the synthetic samples after the real ones."""


def check_parameters(host: Host) -> None:
    """Checks that no parameter is set that the search decides, or that has no effect.

    Raises:
        InputError: If one is, or `augment` is neither None, "auto" nor "classical".
    """
    checks.check_choice("augment", host.augment, (None, AUTO, CLASSICAL))
    decided = {"perturb": AUTO, "scale": None, "add": 1, "filter": None, "vae": None}
    given = [name for name, default in decided.items() if getattr(host, name) is not default != getattr(host, name)]
    if host.augment is not None and given:
        remedy = "leave it out: the search decides it" if host.augment == AUTO else "leave it out: it has no effect"
        checks.refuse(f'no {", ".join(given)} with augment="{host.augment}"', "a value", remedy)


def augment(host: Host, X: Any, y: Any, weight: Any, params: dict[str, Any]) -> TrainingSet:
    """Returns X, y and the parameters of `fit` as the best way to augment makes them; sets `choice_` and `n_synthetic_`.

    Arguments:
        host: The classifier.
        X, y: The training data; X in the shape that the estimator expects.
        weight: The sample weights, or None. Samples of weight zero take no part in the search.
        params: The parameters of the estimator's `fit`.
    """
    frame = tables.as_table(X, host.categorical_features)
    if frame is None:
        values, y = validate_data(host, tables.as_numbers(X), y, allow_nd=True)
        kind = kind_of(values.reshape(-1, *host.event_shape_), host.kind)
    else:
        y, kind = tables.check(host, X, frame, y), TABULAR
    check_classification_targets(y)
    seed = int(check_random_state(host.random_state).randint(2**31 - 1))
    used = np.arange(len(y)) if weight is None else np.flatnonzero(weight)
    part = sklearn_params.indexed(params, used, len(y))
    if host.augment == CLASSICAL:
        if kind == TABULAR:
            checks.refuse(f'images or signals with augment="{CLASSICAL}"', "tabular data", "leave it out")
        return training_set(host, Candidate(baseline=CLASSICAL), X, y, weight, params, last_seed(seed))
    host.choice_ = _choose(host, _safe_indexing(X, used), y[used], part, seed, kind)
    chosen = host.choice_.chosen
    host.n_synthetic_ = 0  # the trials set it, too
    return training_set(host, chosen, X, y, weight, params, last_seed(seed))


def last_seed(seed: int) -> int:
    """Returns the seed of the samples of the last fit, from that of the search."""
    return seeds.derive(seed, 3) % 2**31


def _choose(host: Host, X: Any, y: np.ndarray, params: Any, seed: int, kind: str) -> Choice:
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    imbalanced = is_imbalanced(counts.tolist())
    metric = METRICS[imbalanced]
    if len(classes) < 2 or max(counts) < 2:
        return Choice(NONE, None, TOO_FEW, (), (), metric, 0, 0, seed)
    candidates = default_candidates(
        network=False,
        images=kind == IMAGES,
        signals=kind == SIGNALS,
        imbalanced=imbalanced,
        weights=_weight_name(host.estimator) is not None,
    )
    usual = usual_choice(images=kind != TABULAR, imbalanced=imbalanced)
    settings = SearchSettings(metric, min(FOLDS, int(max(counts))), 1, seed, first_rung=FOLDS, usual=usual)
    total = n_trainings(len(candidates), settings.splits, settings.first_rung)
    with progress_bar(total, "tuning", "training", show=bool(host.verbose)) as bar:
        return search(_EstimatorTrials(host, X, y, codes, params, settings, bar), candidates)


class _EstimatorTrials(CrossValidation):
    """Trains clones of the estimator on what each candidate makes of the training part of a split."""

    for_network = False

    def __init__(
        self, host: Host, X: Any, y: np.ndarray, codes: np.ndarray, params: Any, settings: Any, bar: Any
    ) -> None:
        super().__init__(torch.as_tensor(codes).long(), settings, bar)
        self.host, self.X, self.labels, self.params = host, X, y, params
        self._vaes: dict[int, Any] = {}

    def lacks_vae(self, candidate: Candidate, number: int) -> bool:
        return candidate.perturb is not None and candidate.space == "vae" and number not in self._vaes

    def train_vae(self, candidate: Candidate, number: int) -> None:
        X, y, _ = self._part(self.index(number).train)
        worker = _with(self.host, candidate, None, self._seed(number))
        frame = tables.as_table(X, self.host.categorical_features)
        samples = np.asarray(tables.as_numbers(X)).reshape(-1, *worker.event_shape_) if frame is None else frame
        # One sample, for the VAE that makes it.
        augmenter = resample(worker, samples, y, {y[0]: 1}, False).augmenter
        self._vaes[number] = None if augmenter is None else augmenter.vae_

    def train(self, candidate: Candidate, number: int, deadline: float) -> Tensor:
        train, held_out = self.index(number)
        X, y, params = self._part(train)
        weight = params.get("sample_weight")
        X, y, params = training_set(
            self.host, candidate, X, y, weight, params, self._seed(number), self._vaes.get(number)
        )
        estimator = clone(self.host.estimator).fit(X, y, **params)
        predicted = estimator.predict(_safe_indexing(self.X, held_out.numpy()))
        return torch.as_tensor(predicted == self.labels[held_out.numpy()])

    def _part(self, index: Tensor) -> TrainingSet:
        rows = index.numpy()
        params = sklearn_params.indexed(self.params, rows, len(self.labels))
        return _safe_indexing(self.X, rows), self.labels[rows], params

    def _seed(self, number: int) -> int:
        return seeds.derive(self.search.seed, 2, number) % 2**31


def training_set(
    host: Host,
    candidate: Candidate,
    X: Any,
    y: np.ndarray,
    weight: Any,
    params: dict[str, Any],
    seed: int,
    vae: Any = None,
) -> TrainingSet:
    """Returns X, y and the parameters of `fit` as a candidate makes them.

    Arguments:
        host: The classifier.
        candidate: The candidate.
        X, y, weight, params: See `augment`.
        seed: The seed of the synthetic samples.
        vae: The VAE of these samples, if it is trained already.
    """
    if candidate == NONE:
        return X, y, params
    if candidate.baseline == "class weights":
        name = str(_weight_name(host.estimator))
        own = np.asarray(params.get(name, 1.0))
        return X, y, {**params, name: own * compute_sample_weight("balanced", y)}
    worker = _with(host, candidate, vae, seed)
    if candidate.baseline == CLASSICAL:
        make = lambda events, whole: classical_copies(events, COPIES, whole, seed, host.kind)  # noqa: E731
        result = worker.append_synthetic(X, y, weight, params, make)
    else:
        result = worker.append_synthetic(X, y, weight, params)
    host.n_synthetic_ = worker.n_synthetic_
    return result


def _with(host: Host, candidate: Candidate, vae: Any, seed: int) -> Host:
    """Returns a copy of the classifier with the parameters of a candidate."""
    worker = copy.copy(host)
    worker.augment, worker.random_state, worker.perturb = None, seed, candidate.perturb
    worker.add = BALANCE if candidate.balance else candidate.add or 0
    worker.vae = vae if candidate.space == "vae" else space_named(candidate.space, host.latent_dim)
    if worker.vae is not None:
        worker.latent_dim = worker.steps = worker.training = None
    return worker


def _weight_name(estimator: Any) -> str | None:
    """Returns the name of the sample weights in the estimator's `fit`; None if it takes none."""
    if get_config()["enable_metadata_routing"]:
        return None  # what `fit` receives is decided by the requests
    final = estimator.steps[-1][1] if is_pipeline(estimator) else estimator
    if not has_fit_parameter(final, "sample_weight"):
        return None
    return f"{estimator.steps[-1][0]}__sample_weight" if is_pipeline(estimator) else "sample_weight"
