"""The further arguments of `AugmentedClassifier.fit`: values per sample, validation data, and all others."""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)
from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import has_fit_parameter

from vaeaug.models.estimators import is_pipeline
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn

# How LightGBM, XGBoost, CatBoost and scikit-learn name validation data, and what belongs to it: weights, names, metrics.
VALIDATION = re.compile(r"(eval|val|valid|validation)_\w+|\w+_(eval_set|val|valid|validation)")
VALIDATION_X, VALIDATION_Y = ("eval_X", "X_val"), ("eval_y", "y_val")
PER_SAMPLE = ("sample_weight", "init_score", "base_margin")
# These have a value per feature, class or iteration, whose number may be that of the samples.
NOT_PER_SAMPLE = (
    *("feature_name", "feature_names", "feature_weights", "categorical_feature", "cat_features", "text_features"),
    *("embedding_features", "callbacks", "coef_init", "intercept_init", "classes"),
)
AUTOMATIC_EARLY_STOPPING = 10_000  # samples, in HistGradientBoostingClassifier


class FitOfEstimator:
    """Creates a method `fit` whose signature has `sample_weight` only if that of `estimator` has it.

    Hosts such as `BaggingClassifier` look at the signature to learn whether a classifier takes weights.
    """

    def __init__(self, fit: Callable[..., Any]) -> None:
        def without_weights(self: Any, X: Any, y: Any, **fit_params: Any) -> Any:
            return fit(self, X, y, **fit_params)

        without_weights.__name__, without_weights.__doc__ = "fit", fit.__doc__
        self._fit, self._without_weights = fit, without_weights

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self._fit
        estimator = instance.estimator
        takes_weights = not hasattr(estimator, "fit") or has_fit_parameter(estimator, "sample_weight")
        return MethodType(self._fit if takes_weights else self._without_weights, instance)


def check_names(estimator: Any, names: Any) -> None:
    """Refuses arguments that `estimator.fit` does not have; scikit-learn's metadata routing, if enabled, has done so.

    Raises:
        InputError: If there is one; before a VAE is trained.
    """
    if get_config()["enable_metadata_routing"]:
        return
    if is_pipeline(estimator):
        steps = [name for name, _ in estimator.steps]
        for name in names:
            step, _, rest = name.partition("__")
            if not rest or step not in steps:
                expected = f"arguments of fit named STEP__NAME, with a step of {checks.join_names(steps)}"
                checks.refuse(expected, name, f"for example {steps[-1]}__{rest or name}")
        return
    try:
        parameters = inspect.signature(estimator.fit).parameters
    except ValueError:  # written in C
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    own = [name for name in parameters if name not in ("X", "y")]
    for name in names:
        if name not in own:
            valid = checks.join_names(own) or "none but X and y"
            expected = f"arguments that {type(estimator).__name__}.fit has ({valid})"
            checks.refuse(expected, name, "leave it out, or choose another classifier")


def check_weights(weight: Any, size: int = 0) -> Any:
    """Returns `sample_weight` as an array `(N,)`; None and one number for all samples remain what they mean.

    Raises:
        InputError: If there is not one finite number for each sample.
    """
    if weight is None:
        return None
    try:
        weights = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError):
        checks.refuse("numbers as sample_weight", type(weight).__name__, "pass one weight for each sample")
    weights = np.full(size, weights) if weights.ndim == 0 else weights
    if weights.shape != (size,):
        checks.refuse(f"sample_weight of shape ({size},)", weights.shape, "pass one weight for each sample")
    if not np.isfinite(weights).all():
        checks.refuse("finite numbers as sample_weight", "NaN or infinity", "pass one weight for each sample")
    if not weights.any():
        checks.refuse("a non-zero sample_weight", "zero for every sample", "leave the weights out")
    return weights


def prepare(
    params: Mapping[str, Any], read: Callable[[str, Any], Any], size: int = 0, labels: Any = None
) -> dict[str, Any]:
    """Returns the arguments with validation data in the form that `estimator` expects, before anything is trained.

    Arguments:
        params: The arguments of `fit` for `estimator`. Those of a step of a pipeline pass unchanged: only the pipeline knows
            the form in which its steps see samples.
        read: A name and samples -> the samples, checked and in the form that `estimator` expects.
        size: The number of samples.
        labels: y; None leaves the labels of validation data unchecked.

    Raises:
        InputError: If validation data does not fit to X and y, or if there is not one weight or score for each sample.
    """
    prepared = dict(params)
    for name, value in params.items():
        if value is None:
            continue
        if name == "eval_set":
            prepared[name] = _read_sets(value, read, labels)
        elif name in VALIDATION_X:
            parts = isinstance(value, tuple | list) and all(np.asarray(part).ndim > 1 for part in value)
            prepared[name] = type(value)(read(name, part) for part in value) if parts else read(name, value)
        elif name in VALIDATION_Y:
            for part in value if isinstance(value, tuple) else (value,):
                _check_labels(name, part, labels)
        elif name.split("__")[-1] in PER_SAMPLE and name != "sample_weight" and _length(value) != size:
            got = f"shape {np.asarray(value).shape}"
            checks.refuse(f"{name} with one value or row for each of {size} samples", got, "reshape it to (N, ...)")
    return prepared


def indexed(params: Mapping[str, Any], index: np.ndarray, size: int) -> dict[str, Any]:
    """Returns the arguments for other samples: values per sample follow `index`, all others are unchanged.

    Arguments:
        params: The arguments of `fit`.
        index: For each of the other samples, the index of the sample whose values it has.
        size: The number of samples that the values were made for.
    """
    return {
        name: _taken(value, index) if _is_per_sample(name, value, size) else value for name, value in params.items()
    }


def warn_of_inner_validation(estimator: Any, names: Any, size: int) -> None:
    """Warns of settings of `estimator` by which it would judge itself on synthetic copies of its own training samples.

    Arguments:
        estimator: The classifier.
        names: The names of its arguments of `fit`; validation data among them is used in place of a part of the samples.
        size: The number of samples, real and synthetic.
    """
    if any(VALIDATION.fullmatch(name.split("__")[-1]) for name in names):
        return
    settings = estimator.get_params()
    for name, value in settings.items():
        if _validates_inside(name, settings, size):
            warn(
                f"{name}={value!r} makes the classifier judge itself on synthetic copies of its own training samples; put a "
                f"search around AugmentedClassifier, and pass validation data of its own to early stopping"
            )
            return


def _validates_inside(name: str, settings: Mapping[str, Any], size: int) -> bool:
    """Returns whether a setting holds out a part of the training samples."""
    last, value = name.split("__")[-1], settings[name]
    if last == "cv":
        return bool(value != "prefit")
    if last == "oob_score":
        return bool(value)
    siblings = name.removesuffix(last)
    if f"{siblings}validation_fraction" not in settings:
        return False
    if last == "early_stopping":
        return value is True or (value == "auto" and size > AUTOMATIC_EARLY_STOPPING)
    return last == "n_iter_no_change" and value is not None and f"{siblings}early_stopping" not in settings


def _read_sets(value: Any, read: Callable[[str, Any], Any], labels: Any) -> Any:
    """Returns `eval_set` with its samples read: a pair (X, y), a list of pairs, or an object of the host's own."""
    if not isinstance(value, tuple | list):
        return value  # a Pool of CatBoost
    is_pair = isinstance(value, tuple) and len(value) == 2 and not all(isinstance(part, tuple) for part in value)
    pairs = [value] if is_pair else list(value)
    read_pairs = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            if isinstance(pair, tuple | list) or hasattr(pair, "shape"):
                checks.refuse("eval_set as a list of pairs (X, y)", _kind(pair), "pass eval_set=[(X_val, y_val)]")
            read_pairs.append(pair)
            continue
        X, y = pair
        _check_labels("eval_set", y, labels)
        X = read("eval_set", X)
        if _length(X) != _length(y):
            got = f"{_length(X)} samples and {_length(y)} labels"
            checks.refuse("one label for each sample in eval_set", got, "pass eval_set=[(X_val, y_val)]")
        read_pairs.append((X, y))
    return read_pairs[0] if is_pair else read_pairs


def _check_labels(name: str, given: Any, labels: Any) -> None:
    if labels is None:
        return
    known = dict.fromkeys(np.asarray(labels).ravel().tolist())
    unknown = [label for label in np.asarray(given).ravel().tolist() if label not in known]
    if unknown:
        expected = f"labels of {name} among the classes of y ({checks.join_names(list(map(str, known)), 5)})"
        checks.refuse(expected, repr(unknown[0]), "label the validation data as y")


def _is_per_sample(name: str, value: Any, size: int) -> bool:
    last = name.split("__")[-1]
    if last in NOT_PER_SAMPLE or VALIDATION.fullmatch(last):
        return False
    is_array = hasattr(value, "shape") or isinstance(value, list | tuple)
    return is_array and _length(value) == size


def _taken(value: Any, index: np.ndarray) -> Any:
    """Returns the entries at `index` of values per sample."""
    if hasattr(value, "tocsr"):
        return value.tocsr()[index]
    try:
        return np.asarray(value)[index]
    except ValueError:  # entries of several lengths
        return [value[i] for i in index]


def _length(value: Any) -> int | None:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(value) if hasattr(value, "__len__") else None


def _kind(value: Any) -> str:
    return f"an array of shape {tuple(value.shape)}" if hasattr(value, "shape") else f"{len(value)} entries"
