"""scikit-learn's estimators by name. scikit-learn is loaded when the first of them is created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(300, random_state=seed)


def _svc(seed: int) -> Any:
    from sklearn.svm import SVC

    return _standardized(SVC(C=10, random_state=seed))


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return _standardized(LogisticRegression(C=0.1, max_iter=500))


def _knn(seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1)


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would validate on copies of samples that it trains on.
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


def _standardized(estimator: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), estimator)


# Functions from a seed to a new estimator.
ESTIMATORS: dict[str, Callable[[int], Any]] = {
    "forest": _forest,
    "svc": _svc,
    "logistic": _logistic,
    "knn": _knn,
    "boosting": _boosting,
}
WITHOUT_SAMPLE_WEIGHT = ("knn",)


def is_pipeline(estimator: Any) -> bool:
    """Returns whether this is a scikit-learn pipeline."""
    from sklearn.pipeline import Pipeline

    return isinstance(estimator, Pipeline)
