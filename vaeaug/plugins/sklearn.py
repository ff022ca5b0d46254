"""A scikit-learn classifier that augments inside `fit` and nowhere else."""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from vaeaug.data import frames
from vaeaug.filters.base import Filter
from vaeaug.perturb.schemes import Perturbation
from vaeaug.plugins import auto, sklearn_params, tables
from vaeaug.plugins.resampling import AUTO, Resampled, resample, whole_numbers
from vaeaug.plugins.resampling_inputs import readable_labels
from vaeaug.runtime import checks


def _estimator_has(name: str) -> Callable[[Any], bool]:
    def check(classifier: AugmentedClassifier) -> bool:
        getattr(getattr(classifier, "estimator_", classifier.estimator), name)
        return True

    return check


# ratio was the fraction of synthetic samples in the larger set, add is their number per real sample.
@checks.renamed(keep="filter", latent="latent_dim", ratio="add = ratio / (1 - ratio)")
class AugmentedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Creates a classifier that is trained on real and synthetic samples.

    `fit` trains a VAE on the samples it receives, generates synthetic samples from them, and fits a clone of `estimator` to
    both; predictions are those of the clone. So in cross-validation no fold sees samples of another one. Put a search
    outside, `GridSearchCV(AugmentedClassifier(...))`: a search, a calibration or early stopping inside `estimator` would be
    validated on synthetic copies of its own training samples.

    Arguments:
        estimator: The classifier.
        augment: "auto" compares doing nothing, class weights, classical augmentation of images and signals, and synthetic
            samples in the space of the samples, of their principal components and of a VAE, by 5-fold cross-validation inside
            the data that `fit` receives, and uses the cheapest within the noise of the best, which may be nothing; see
            docs/tuning.md. It decides `perturb`, `scale`, `add`, `filter` and `vae`. "classical" adds ten copies of each
            image or signal, shifted or warped (see `vaeaug.Classical`), and trains no VAE. By default these parameters say
            what is done.
        perturb: The perturbation that generates samples (see `vaeaug.perturb`); "auto" is `Extrapolate()` for images and
            signals and `Interpolate()` for tabular data, where samples outside their class can do harm; None adds no samples
            and gives the result of `estimator` itself.
        scale: The scale of the perturbation, in place of its own, so that a search can reach it; for tabular data with
            "auto" in 0..1.
        add: The number of synthetic samples per real one, 0 or more; a fraction is valid. Every class grows by the same
            factor, so class proportions stay the same. "balance" fills the smaller classes up to the size of the largest.
        categorical_features: The columns of X that are categories: indices, names or a mask; "auto" decides by their types.
            `estimator` gets X as it is, so it has to take categories and missing values itself, as a pipeline does that
            starts with a `ColumnTransformer`.
        kind: `signals` or `images`, where the shape of X cannot tell; "auto" reads `(N, C, T)` with fewer than 8 channels as
            signals (see `vaeaug.data.sample_kinds`). Of signals of one channel X may be `(N, T)` with `kind="signals"`.
        filter: A filter that rejects samples (see `vaeaug.filters`); it receives labels as indices into `classes_`. It must
            not have seen samples on which this classifier is evaluated.
        residual: Whether to add the decoded change to the parent; False gives the plain decoder output.
        vae: A trained VAE, which is used unchanged. It must not have seen samples on which this classifier is evaluated. By
            default `fit` trains one.
        latent_dim, steps: Arguments of `fit_vae`, with its defaults.
        training: Further arguments of `fit_vae`, a dict.
        flatten: Whether `estimator` receives samples with more than one axis (images, signals) flattened to `(N, features)`,
            as scikit-learn's own estimators require.
        verbose: Whether to show a progress bar while the VAE trains.
        random_state: An int, a RandomState, or None for numpy's global one. `estimator` has its own.

    X is tabular data, an array or a pandas data frame, with numbers, categories and missing values; or signals `(N, C, T)`;
    or images `(N, H, W)`, `(N, C, H, W)` or `(N, H, W, C)` of 8x8 or more. Synthetic samples have its dtype: they are whole
    numbers in columns of whole numbers. A class with a single sample grows as well, but within-class perturbations
    such as Interpolate can only duplicate it.

    After `fit`: `estimator_`, the fitted clone, which does not depend on the VAE; `classes_`, `n_features_in_`,
    `feature_names_in_`; `event_shape_`, the shape of one sample; `n_synthetic_`, the number of synthetic samples; and, with
    `augment="auto"`, `choice_`: its `chosen` candidate, the `best` one, the `reason`, the `scores`, and a `sentence`.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.ensemble import RandomForestClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> classifier = AugmentedClassifier(RandomForestClassifier(), steps=20, random_state=0).fit(X, y)
        >>> classifier.predict(X).shape, classifier.n_synthetic_
        ((178,), 178)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        augment: str | None = None,
        perturb: Perturbation | str | None = AUTO,
        scale: float | None = None,
        add: float | str = 1,
        categorical_features: Any = AUTO,
        kind: str = AUTO,
        filter: Filter | None = None,
        residual: bool = True,
        vae: Any = None,
        latent_dim: int | None = None,
        steps: int | None = None,
        training: Mapping[str, Any] | None = None,
        flatten: bool = True,
        verbose: int | bool = 0,
        random_state: Any = None,
    ) -> None:
        self.estimator, self.augment = estimator, augment
        self.perturb, self.scale, self.add = perturb, scale, add
        self.categorical_features, self.filter, self.residual = categorical_features, filter, residual
        self.vae, self.latent_dim, self.steps, self.training = vae, latent_dim, steps, training
        self.kind, self.flatten, self.verbose, self.random_state = kind, flatten, verbose, random_state

    @sklearn_params.FitOfEstimator
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> AugmentedClassifier:
        """Fits the classifier to the samples and to synthetic samples of them.

        Arguments:
            X: Samples, `(N, features)` or `(N, *event)`.
            y: Labels, `(N,)`.
            sample_weight: Weights `(N,)`, passed on to `estimator`; a synthetic sample has the weight of its parent, and
                samples of weight zero take no part in the augmentation. The VAE ignores weights. The signature lacks it where
                `estimator` takes no weights.
            fit_params: Arguments passed on to `estimator` (by scikit-learn's metadata routing if it is enabled). For values
                with one entry per sample, a synthetic sample has the value of its parent. Validation data (`eval_set`,
                `eval_X`, `X_val` and what belongs to them) is never augmented.

        Raises:
            InputError: If a parameter or the data is invalid.
        """
        if not is_classifier(self.estimator):
            checks.refuse(
                "a classifier as estimator", type(self.estimator).__name__, "for example LogisticRegression()"
            )
        auto.check_parameters(self)
        if self.add != auto.BALANCE:
            checks.check_number("add", self.add, 0)
        X = tables.readable(X, self.categorical_features) if self.perturb is not None else X
        X = self._estimator_input(X, reset=True)
        if sample_weight is not None:
            sample_weight = sklearn_params.check_weights(sample_weight, *_shape(X)[:1])
            fit_params = fit_params | {"sample_weight": sample_weight}
        params = self._route(fit_params)
        unchanged = self.augment is None and self.perturb is None
        labels = None if unchanged else readable_labels(y)
        params = sklearn_params.prepare(params, partial(self._read_validation, X), sum(_shape(X)[:1]), labels)
        if self.augment is not None:
            X, y, params = auto.augment(self, X, labels, sample_weight, params)
        elif unchanged:
            validate_data(self, X, skip_check_array=True)
            self.n_synthetic_ = 0
        else:
            X, y, params = self.append_synthetic(X, labels, sample_weight, params)
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> Any:
        """Returns the class of each sample, `(N,)`, as predicted by `estimator_`."""
        return self._check_fitted().predict(self._estimator_input(X))

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Returns the class probabilities `(N, K)` of `estimator_`."""
        return self._check_fitted().predict_proba(self._estimator_input(X))

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Returns the logarithms `(N, K)` of the class probabilities of `estimator_`."""
        return self._check_fitted().predict_log_proba(self._estimator_input(X))

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Returns the decision values of `estimator_`, `(N,)` or `(N, K)`."""
        return self._check_fitted().decision_function(self._estimator_input(X))

    @property
    def feature_importances_(self) -> Any:
        """The importances of the features, `(features,)`, if `estimator_` has them, as `RFE` and `SelectFromModel` need."""
        return self._check_fitted().feature_importances_

    @property
    def coef_(self) -> Any:
        """The coefficients of the features, if `estimator_` has them, as `RFE` and `SelectFromModel` need."""
        return self._check_fitted().coef_

    def get_metadata_routing(self) -> MetadataRouter:
        """Returns the metadata routing of `fit`: all metadata goes to `estimator`."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags
        tags.classifier_tags.multi_label = False  # a sample has one label
        tags.input_tags.pairwise = inner.input_tags.pairwise
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan, tags.input_tags.string = inner.input_tags.allow_nan, inner.input_tags.string
        tags.input_tags.sparse = inner.input_tags.sparse
        return tags

    def _check_fitted(self) -> Any:
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def _estimator_input(self, X: Any, *, reset: bool = False) -> Any:
        """Returns X in the shape that `estimator` expects, and checks, or with `reset` stores, the shape of a sample."""
        if not reset and self.perturb is not None and not frames.is_frame(X):
            X = tables.readable(X, self.categorical_features)
        shape = _shape(X)
        if reset:
            self.event_shape_ = shape[1:]
        elif max(len(shape) - 1, len(self.event_shape_)) > 1 and shape[1:] != self.event_shape_:
            event = ", ".join(map(str, self.event_shape_))
            checks.refuse(f"samples of shape (N, {event})", shape, "pass them in the shape seen at fit")
        return np.asarray(X).reshape(len(X), -1) if self.flatten and len(shape) > 2 else X

    def _read_validation(self, training: Any, name: str, X: Any) -> Any:
        """Returns the samples of validation data in the shape that `estimator` expects; `training` is X at fit."""
        X = tables.readable(X, self.categorical_features) if self.perturb is not None else X
        if _shape(X)[1:] != self.event_shape_:
            event = ", ".join(map(str, self.event_shape_))
            checks.refuse(f"samples of shape (N, {event}) in {name}", _shape(X), "pass them in the shape of X")
        if frames.is_frame(X) and frames.is_frame(training) and list(X.columns) != list(training.columns):
            got = checks.join_names([str(column) for column in X.columns], 5)
            checks.refuse(f"the columns of X in their order in {name}", got, "choose them by the names in X")
        return self._estimator_input(X)

    def _route(self, params: dict[str, Any]) -> dict[str, Any]:
        if not get_config()["enable_metadata_routing"]:
            sklearn_params.check_names(self.estimator, params)
            return params
        return dict(process_routing(self, "fit", **params)["estimator"]["fit"])

    def append_synthetic(
        self,
        X: Any,
        y: Any,
        weight: Any,
        params: dict[str, Any],
        make: Callable[[np.ndarray, Any], Resampled] | None = None,
    ) -> tuple[Any, np.ndarray, dict[str, Any]]:
        """Returns X, y and the parameters of `fit` with the synthetic samples after the real ones.

        Arguments:
            X, y: The training data; X in the shape that `estimator` expects.
            weight: The sample weights, or None.
            params: The parameters of the `fit` of `estimator`.
            make: What makes other samples instead, from the real ones `(N, *event)` and where these are whole numbers.
        """
        frame = tables.as_table(X, self.categorical_features)
        if frame is None:
            values, y = validate_data(self, tables.as_numbers(X), y, allow_nd=True)
        else:
            values, y = frame, tables.check(self, X, frame, y)
        check_classification_targets(y)
        weighted = np.arange(len(y)) if weight is None else np.flatnonzero(weight)
        labels, counts = np.unique(y[weighted], return_counts=True)
        new = max(counts) - counts if self.add == auto.BALANCE else np.rint(counts * self.add).astype(int)
        n_per_class = dict(zip(labels, new.tolist(), strict=True))
        if new.any():
            sklearn_params.warn_of_inner_validation(self.estimator, params, len(y) + int(new.sum()))
        if frame is None:
            events, whole = (
                values.reshape(-1, *self.event_shape_)[weighted],
                whole_numbers(tables.as_numbers(X), values),
            )
        else:
            events, whole = frame.iloc[weighted], None
        synthetic = make(events, whole) if make else resample(self, events, y[weighted], n_per_class, whole)
        self.n_synthetic_ = len(synthetic.x)
        # For every sample of the longer set, the index of the real sample whose label and metadata it has.
        index = np.concatenate([np.arange(len(y)), weighted[synthetic.parents]])
        params = sklearn_params.indexed(params, index, len(y))
        more = synthetic.x.reshape(-1, *values.shape[1:]) if frame is None else synthetic.x
        return tables.append(X, values, more, self.categorical_features), y[index], params


def _shape(X: Any) -> tuple[int, ...]:
    try:
        return tuple(X.shape if hasattr(X, "shape") else np.asarray(X).shape)
    except ValueError:
        checks.refuse("samples of one shape in X", "samples of several shapes", "pass as many values for each")
