"""At home in scikit-learn: a classifier that augments inside `fit` and nowhere else. No sampling logic of its own."""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from vaeaug.filters.base import Filter
from vaeaug.perturb.schemes import Perturbation
from vaeaug.plugins.resampling import AUTO, grow, whole_numbers
from vaeaug.runtime import checks


def _delegated(name: str) -> Callable[[Any], bool]:
    def there(classifier: AugmentedClassifier) -> bool:
        getattr(getattr(classifier, "estimator_", classifier.estimator), name)
        return True

    return there


class AugmentedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Creates a classifier that is trained on real and synthetic samples.

    `fit` trains a VAE and its bank on the rows it is given, adds their children, and fits a clone of `estimator`; predictions
    are the clone's own. So in cross-validation no fold sees another one's rows. Put the search outside,
    `GridSearchCV(AugmentedClassifier(...))`: a search, a calibration or early stopping inside `estimator` would be judged
    on children of the rows it was trained on.

    Arguments:
        estimator: The classifier.
        perturb: How to draw children (see `vaeaug.perturb`); "auto" takes `Extrapolate()` for images and `Interpolate()` for
            rows, where children beyond their class can do harm; None adds none, and gives `estimator`'s own result.
        scale: Takes the place of the perturbation's own scale, so that a search can reach it; with "auto" in 0..1 for rows.
        add: Synthetic samples per real one, 0 or more; a fraction works, too. Every class grows by the same factor.
        filter: A filter that vetoes children (see `vaeaug.filters.base`); it sees labels as places in `classes_`. It must not
            have seen samples that this classifier is judged on.
        residual: Whether to add the decoded change to the parent; False gives the plain decode.
        vae: A trained VAE of your own, used as it is. It must not have seen samples that this classifier is judged on. By
            default `fit` trains one.
        latent_dim, steps: Of the VAE's training; by default as `fit_vae` has them.
        training: More arguments of `fit_vae`, a dict.
        flatten: Whether `estimator` gets samples of more than one axis (images) as flat rows, as scikit-learn's own
            estimators want them; False passes them on as they are.
        verbose: Whether to show a bar while the VAE trains.
        random_state: An int, a RandomState, or None for numpy's global one. `estimator` keeps its own.

    X holds numbers: rows, a pandas frame, or images (see `grow`). Children keep its dtype: in whole-number columns they are
    whole. A class of one sample grows, too, though what moves along its own class, as Interpolate does, can only copy it.

    After `fit`: `estimator_`, the fitted clone, which holds nothing of the VAE; `classes_`, `n_features_in_`,
    `feature_names_in_`; `event_shape_`, the shape of one sample; and `n_synthetic_`, how many children were added.

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
        perturb: Perturbation | str | None = AUTO,
        scale: float | None = None,
        add: float = 1,
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
        self.estimator = estimator
        self.perturb, self.scale, self.add = perturb, scale, add
        self.filter, self.residual = filter, residual
        self.vae, self.latent_dim, self.steps, self.training = vae, latent_dim, steps, training
        self.flatten, self.verbose, self.random_state = flatten, verbose, random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> AugmentedClassifier:
        """Fits the classifier to the samples and their children.

        Arguments:
            X: Samples, `(N, features)` or `(N, *event)`.
            y: Labels, `(N,)`.
            sample_weight: Passed on to `estimator`; a child has its parent's weight, and samples of weight zero have no part
                in the augmentation. The VAE does not weigh.
            fit_params: Passed on to `estimator` (by scikit-learn's metadata routing where it is enabled). What has one value
                per sample is lengthened: a child has its parent's value.

        Raises:
            InputError: If a parameter or the data cannot be used.
        """
        if not is_classifier(self.estimator):
            checks.refuse("a classifier as estimator", type(self.estimator).__name__, "pass LogisticRegression(), say")
        checks.check_number("add", self.add, 0)
        params = self._routed(fit_params if sample_weight is None else fit_params | {"sample_weight": sample_weight})
        X = self._rows(X, reset=True)
        if self.perturb is None:
            validate_data(self, X, skip_check_array=True)
            self.n_synthetic_ = 0
        else:
            X, y, params = self._augmented(X, y, sample_weight, params)
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> Any:
        """Returns what the fitted estimator does."""
        return self._fitted().predict(self._rows(X))

    @available_if(_delegated("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Returns what the fitted estimator does."""
        return self._fitted().predict_proba(self._rows(X))

    @available_if(_delegated("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Returns what the fitted estimator does."""
        return self._fitted().predict_log_proba(self._rows(X))

    @available_if(_delegated("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Returns what the fitted estimator does."""
        return self._fitted().decision_function(self._rows(X))

    def get_metadata_routing(self) -> MetadataRouter:
        """Returns the routing of `fit`: everything goes to `estimator`."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags
        tags.input_tags.pairwise = inner.input_tags.pairwise
        tags.input_tags.three_d_array = True
        if self.perturb is None:
            tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        return tags

    def _fitted(self) -> Any:
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def _rows(self, X: Any, *, reset: bool = False) -> Any:
        shape = tuple(X.shape if hasattr(X, "shape") else np.asarray(X).shape)
        if reset:
            self.event_shape_ = shape[1:]
        elif max(len(shape) - 1, len(self.event_shape_)) > 1 and shape[1:] != self.event_shape_:
            event = ", ".join(map(str, self.event_shape_))
            checks.refuse(f"samples of shape (N, {event})", shape, "pass them in the shape seen at fit")
        return np.asarray(X).reshape(len(X), -1) if self.flatten and len(shape) > 2 else X

    def _routed(self, params: dict[str, Any]) -> dict[str, Any]:
        if not get_config()["enable_metadata_routing"]:
            return params
        return dict(process_routing(self, "fit", **params)["estimator"]["fit"])

    def _augmented(self, X: Any, y: Any, weight: Any, params: dict[str, Any]) -> tuple[Any, np.ndarray, dict[str, Any]]:
        """Returns X, y and the parameters of `fit` with the children after the real samples."""
        numbers, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        used = _used(weight, len(y))
        labels, counts = np.unique(y[used], return_counts=True)
        wanted = {label: round(count * self.add) for label, count in zip(labels, counts, strict=True)}
        events = numbers.reshape(-1, *self.event_shape_)[used]
        made = grow(self, events, y[used], wanted, whole_numbers(X, numbers))
        self.n_synthetic_ = len(made.x)
        order = np.concatenate([np.arange(len(y)), used[made.parents]])
        lengthened = {name: _lengthened(value, order, len(y)) for name, value in params.items()}
        return _appended(X, numbers, made.x.reshape(-1, *numbers.shape[1:])), y[order], lengthened


def _appended(X: Any, numbers: np.ndarray, made: np.ndarray) -> Any:
    """Returns X with the children after it: a pandas frame where it is one, else an array."""
    if not hasattr(X, "iloc"):
        return np.concatenate([numbers, made])
    import pandas

    return pandas.concat([X, pandas.DataFrame(made, columns=X.columns).astype(X.dtypes)], ignore_index=True)


def _lengthened(value: Any, order: np.ndarray, size: int) -> Any:
    values = np.asarray(value)
    return values[order] if values.shape[:1] == (size,) else value


def _used(weight: Any, size: int) -> np.ndarray:
    """Returns the places of the samples that have a weight."""
    if weight is None:
        return np.arange(size)
    weight = np.asarray(weight)
    if weight.shape != (size,):
        checks.refuse(f"sample_weight of shape ({size},)", weight.shape, "pass one weight for each sample")
    if not weight.any():
        checks.refuse("a non-zero sample_weight", "zero for every sample", "leave the weights out")
    return np.flatnonzero(weight)
