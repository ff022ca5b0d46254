"""What benchmarks/imbalanced.py compares: ways to make a classifier see a smaller class.

Numbers are scaled, categories become one-hot columns, missing numbers the median of the training rows and missing categories
a category of their own: after the over-sampler if it takes a table as it is, before it if it does not.
"""

# ruff: noqa: N803 (X is what scikit-learn calls it)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from vaeaug.models.spaces import PCA, Identity
from vaeaug.plugins.imblearn import VAEOverSampler


def _lightgbm(seed: int) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1)


# With their defaults, but for the steps that logistic regression needs to converge.
CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "forest": lambda seed: RandomForestClassifier(random_state=seed),
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "logistic": lambda seed: LogisticRegression(max_iter=2000),
    "SVC": lambda seed: SVC(random_state=seed),
    "MLP": lambda seed: MLPClassifier(random_state=seed),
    "LightGBM": _lightgbm,
}
EXTRAS = ("LightGBM",)  # run only where they are asked for
SPACES: dict[str, Callable[[], Any]] = {"ours": lambda: None, "ours, PCA": lambda: PCA(16), "ours, Identity": Identity}
THRESHOLDS = {"tuned threshold": "none", "ours + tuned threshold": "ours"}
# They fill the smaller class up as tables, and as rows of numbers after the preprocessing.
ON_TABLES = ("random oversampling", "SMOTE(NC)", *SPACES)
ON_NUMBERS = ("Borderline-SMOTE", "ROSE")
METHODS = (
    "none",
    "class weights",
    "random oversampling",
    "SMOTE(NC)",
    "Borderline-SMOTE",
    "ROSE",
    "tuned threshold",
    "ours",
    "ours, PCA",
    "ours, Identity",
    "ours + tuned threshold",
)
# After these the classifier sees both classes equally often.
BALANCING = tuple(method for method in METHODS if method not in ("none", "tuned threshold"))


def preprocess() -> Any:
    """Returns what turns a frame into numbers for a classifier."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )


def smote(X: Any, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """Returns the rows of a table and those of SMOTE, SMOTENC or SMOTEN, whichever its columns allow.

    They see no missing values, and numbers of one scale: without it their distances are those of the column of the largest
    numbers. What they return is scaled back.
    """
    words = words_of(X)
    numbers = X.drop(columns=words)
    filled = numbers.fillna(numbers.median()).fillna(0).astype(float)
    middle, spread = filled.mean(), filled.std(ddof=0).replace(0, 1)
    if not words:
        sampler = SMOTE(random_state=seed)
    elif len(words) == X.shape[1]:
        sampler = SMOTEN(random_state=seed)
    else:
        sampler = SMOTENC(words, random_state=seed)
    more, labels = sampler.fit_resample(X.assign(**(filled - middle) / spread).fillna("missing"), y)
    return more.assign(**more[filled.columns] * spread + middle), labels


def fill(method: str, X: Any, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """Returns the rows of a table and those that a method of `ON_TABLES` adds."""
    if method in SPACES:
        return VAEOverSampler(vae=SPACES[method](), random_state=seed).fit_resample(X, y)
    if method == "random oversampling":
        return RandomOverSampler(random_state=seed).fit_resample(X, y)
    return smote(X, y, seed)


def words_of(X: Any) -> list[str]:
    """Returns the columns of categories of a frame."""
    return [column for column in X.columns if X[column].dtype.kind not in "iuf"]


class Fills:
    """Fills up the smaller class, once for each set of training rows: classifiers share what an over-sampler made.

    Arguments:
        seed: The seed of the over-samplers.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._known: dict[tuple[str, tuple[int, ...]], tuple[Any, np.ndarray]] = {}

    def __call__(self, method: str, X: Any, y: np.ndarray) -> tuple[Any, np.ndarray]:
        """Returns the training rows of a method; the index of X tells which they are."""
        key = method, tuple(X.index)
        if key not in self._known:
            self._known[key] = fill(method, X, y, self.seed)
        return self._known[key]


def fit(method: str, classifier: str, X: Any, y: np.ndarray, fills: Fills) -> Any:
    """Returns the classifier that a method gives, fitted to a table."""
    model, seed = CLASSIFIERS[classifier](fills.seed), fills.seed
    if method == "class weights":
        encode = preprocess().fit(X)
        weights = compute_sample_weight("balanced", y)
        return make_pipeline(encode, model.fit(encode.transform(X), y, sample_weight=weights))
    if method in ON_NUMBERS:
        sampler = RandomOverSampler(random_state=seed, shrinkage=1.0)
        sampler = BorderlineSMOTE(random_state=seed) if method == "Borderline-SMOTE" else sampler
        encode = preprocess().fit(X)
        return make_pipeline(encode, model.fit(*sampler.fit_resample(encode.transform(X), y)))
    filled = THRESHOLDS.get(method, method)
    steps = [preprocess(), model]
    if filled in ON_TABLES:
        steps.insert(0, FunctionSampler(func=lambda X, y: fills(filled, X, y), validate=False))
    pipeline = make_sampling_pipeline(*steps)
    if method in THRESHOLDS:
        # Each fold has an over-sampler of its own: no synthetic row has a parent among those that choose the threshold.
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        pipeline = TunedThresholdClassifierCV(pipeline, scoring="balanced_accuracy", cv=folds)
    return pipeline.fit(X, y)
