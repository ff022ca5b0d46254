"""An over-sampler for imbalanced-learn that generates samples with a VAE."""

# ruff: noqa: N802, N803 (names of scikit-learn and imbalanced-learn)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from vaeaug.data.other_frames import OtherFrame, series_like, to_pandas
from vaeaug.filters.base import Filter
from vaeaug.perturb.schemes import DEFAULT, Perturbation
from vaeaug.plugins import tables
from vaeaug.plugins.resampling import AUTO, resample, whole_numbers
from vaeaug.plugins.resampling_inputs import readable_labels
from vaeaug.runtime import checks

try:
    from imblearn.over_sampling.base import BaseOverSampler
    from imblearn.utils import check_target_type
except ImportError as error:
    raise ImportError("VAEOverSampler needs imbalanced-learn; run: pip install 'vaeaug[imblearn]'") from error


@checks.renamed(keep="filter", latent="latent_dim")
class VAEOverSampler(BaseOverSampler):
    """Creates an over-sampler that balances classes with synthetic samples.

    `fit_resample` trains a VAE on all samples and generates samples of the classes that `sampling_strategy` selects. The
    output starts with the real samples, unchanged, followed by the synthetic ones, class after class; the samples of a class
    are parents cyclically.

    Arguments:
        sampling_strategy: As everywhere in imbalanced-learn: `auto`, `minority`, `not minority`, `not majority`, `all`; a
            float (the ratio of minority to majority after resampling, two classes only); a dict from class to its count
            after resampling; or a function from y to such a dict.
        random_state: An int, a RandomState, or None for numpy's global one.
        perturb: The perturbation that generates samples (see `vaeaug.perturb`); by default small classes also use the
            variation of the other classes. "auto" is the default of `AugmentedClassifier`.
        categorical_features: The columns of X that are categories, as in imbalanced-learn's SMOTENC: indices, names or a
            mask; "auto" decides by their types.
        kind: `signals` or `images`, where the shape of X cannot tell; "auto" reads `(N, C, T)` with fewer than 8 channels as
            signals (see `vaeaug.data.sample_kinds`).
        filter: A filter that rejects samples (see `vaeaug.filters`); it receives labels as indices into the sorted classes.
        scale, residual, vae, latent_dim, steps, training, verbose: See `AugmentedClassifier`. Neither a `vae` nor a `filter`
            may have seen samples on which a classifier of the resampled data is evaluated.

    X is a table, an array or a pandas data frame, with numbers, words, categories, booleans and missing values; or signals
    `(N, C, T)`, as aeon has them; or images `(N, H, W)`, `(N, C, H, W)` or `(N, H, W, C)` of 8x8 or more; or samples of any
    other shape, which the VAE sees flattened.
    Synthetic samples have its dtype: they are whole numbers in columns of whole numbers. A table with categories or missing
    values gets rows of categories and numbers that were seen, with cells missing where the parent's are (docs/imbalanced.md).
    In a sparse matrix the columns of a `OneHotEncoder` stay one-hot: see `vaeaug.plugins.sparse_tables`. A frame of polars
    gives one of polars.

    After `fit_resample`: `sampling_strategy_`, the number of synthetic samples of each class; `sample_indices_`, the index in
    X of the parent of every sample (a real sample is its own), so that `groups[sampler.sample_indices_]` keeps parents and
    their synthetic samples in the same fold of a later cross-validation; `augmenter_`, or None if no class had to grow;
    `n_features_in_`, `feature_names_in_`; `categorical_features_` and `continuous_features_`, the indices of the columns.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> X, y = load_wine(return_X_y=True)
        >>> sampler = VAEOverSampler(steps=20, random_state=0)
        >>> X_more, y_more = sampler.fit_resample(X, y)
        >>> X_more.shape, dict(sampler.sampling_strategy_) == {0: 12, 2: 23}
        ((213, 13), True)
    """

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        perturb: Perturbation | str = DEFAULT,
        categorical_features: Any = AUTO,
        kind: str = AUTO,
        scale: float | None = None,
        filter: Filter | None = None,
        residual: bool = True,
        vae: Any = None,
        latent_dim: int | None = None,
        steps: int | None = None,
        training: Mapping[str, Any] | None = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state
        self.perturb, self.scale, self.categorical_features = perturb, scale, categorical_features
        self.filter, self.residual = filter, residual
        self.vae, self.latent_dim, self.steps, self.training = vae, latent_dim, steps, training
        self.kind, self.verbose = kind, verbose

    def fit_resample(self, X: Any, y: Any, **params: Any) -> Any:
        """Returns the samples and labels, followed by synthetic ones, in the types of X and y.

        Arguments:
            X: Samples, `(N, features)` or `(N, *event)`.
            y: Labels, `(N,)`.
            params: None; as in imbalanced-learn.

        Raises:
            InputError: If a parameter or the data is invalid.
        """
        other, given = OtherFrame.of(X), y
        samples = tables.readable(to_pandas(X), self.categorical_features)
        longer, labels = super().fit_resample(samples, readable_labels(y, keep_container=True), **params)
        longer = longer if other is None else other.append(longer.iloc[len(samples) :])
        return longer, series_like(labels, given)

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, np.ndarray, bool]:
        labels, one_vs_all = check_target_type(y, indicate_one_vs_all=True)
        frame = tables.as_table(X, self.categorical_features)
        if frame is not None:
            labels = tables.check(self, X, frame, labels)
            self._input, self._whole = X, None
            return frame, labels, one_vs_all
        numbers = tables.as_numbers(X)
        values, labels = validate_data(self, numbers, labels, allow_nd=True)
        self._input, self._whole = None if numbers is X else X, whole_numbers(numbers, values)
        self.categorical_features_, self.continuous_features_ = np.arange(0), np.arange(self.n_features_in_)
        return values, labels, one_vs_all

    def _fit_resample(self, X: Any, y: np.ndarray) -> tuple[Any, np.ndarray]:
        for label, count in self.sampling_strategy_.items():
            if count and np.count_nonzero(y == label) < 2:
                remedy = "leave it out of sampling_strategy, or add samples of it"
                checks.refuse("at least 2 samples of every class that is to grow", f"1 of class {label!s}", remedy)
        original, whole = self._input, self._whole
        del self._input, self._whole
        synthetic = resample(self, X, y, self.sampling_strategy_, whole)
        self.sample_indices_ = np.concatenate([np.arange(len(X)), synthetic.parents])
        self.augmenter_ = synthetic.augmenter
        if original is None:
            longer = np.concatenate([X, synthetic.x])
        else:
            longer = tables.append(original, X, synthetic.x, self.categorical_features)
        return longer, y[self.sample_indices_]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.three_d_array = True
        tags.input_tags.string = tags.input_tags.allow_nan = True
        tags.sampler_tags.sample_indices = True
        return tags
