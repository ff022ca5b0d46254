"""At home in imbalanced-learn: an over-sampler whose new samples come out of a VAE. No sampling logic of its own."""

# ruff: noqa: N802, N803 (names of scikit-learn and imbalanced-learn)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from vaeaug.filters.base import Filter
from vaeaug.perturb.schemes import DEFAULT, Perturbation
from vaeaug.plugins.resampling import grow, whole_numbers
from vaeaug.runtime import checks

try:
    from imblearn.over_sampling.base import BaseOverSampler
    from imblearn.utils import check_target_type
except ImportError as error:
    raise ImportError("VAEOverSampler needs imbalanced-learn; run: pip install 'vaeaug[imblearn]'") from error


class VAEOverSampler(BaseOverSampler):
    """Creates an over-sampler that balances classes with children of their own samples.

    `fit_resample` trains a VAE on all the samples and grows the classes that `sampling_strategy` names. The real samples come
    first, unchanged, then the children, class after class; the samples of a class become parents in turn.

    Arguments:
        sampling_strategy: As everywhere in imbalanced-learn: `auto`, `minority`, `not minority`, `not majority`, `all`; a
            float (the ratio of minority to majority after resampling, two classes only); a dict from class to its count
            after resampling; or a function from y to such a dict.
        random_state: An int, a RandomState, or None for numpy's global one.
        perturb: How to draw children; see `vaeaug.perturb`. By default rare classes borrow from the others how samples vary;
            "auto" is what `AugmentedClassifier` does.
        scale: Takes the place of the perturbation's own scale, so that a search can reach it.
        filter: A filter that vetoes children (see `vaeaug.filters.base`); it sees labels as indices into the sorted classes.
            It must not have seen samples that the resampled data is judged on.
        residual: Whether to add the decoded change to the parent; False gives the plain decode.
        vae: A trained VAE of your own, used as it is. It must not have seen samples that the resampled data is judged on. By
            default `fit_resample` trains one.
        latent_dim, steps: Of the VAE's training; by default as `fit_vae` has them.
        training: More arguments of `fit_vae`, a dict.
        verbose: Whether to show a bar while the VAE trains.

    X holds numbers: rows, a pandas frame, images `(N, H, W)`, `(N, C, H, W)` or `(N, H, W, C)` from 8x8 up, or samples of any
    other shape, which the VAE sees as flat rows. Children keep its dtype: in whole-number columns they are whole. Sparse
    data is refused, because children are dense.

    After `fit_resample`: `sampling_strategy_`, how many children each class was given; `sample_indices_`, for every row the
    place of its parent in X (a real sample is its own), so that `groups[sampler.sample_indices_]` keeps families together in
    a later cross-validation; `augmenter_`, or None where nothing had to grow; `n_features_in_`, `feature_names_in_`.

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
        self.perturb, self.scale = perturb, scale
        self.filter, self.residual = filter, residual
        self.vae, self.latent_dim, self.steps, self.training = vae, latent_dim, steps, training
        self.verbose = verbose

    def _check_X_y(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray, bool]:
        labels, one_vs_all = check_target_type(y, indicate_one_vs_all=True)
        numbers, labels = validate_data(self, X, labels, allow_nd=True)
        self._whole = whole_numbers(X, numbers)
        return numbers, labels, one_vs_all

    def _fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for label, count in self.sampling_strategy_.items():
            if count and np.count_nonzero(y == label) < 2:
                remedy = "leave it out of sampling_strategy, or add samples of it"
                checks.refuse("at least 2 samples of every class that is to grow", f"1 of class {label!s}", remedy)
        made = grow(self, X, y, self.sampling_strategy_, self._whole)
        self.sample_indices_ = np.concatenate([np.arange(len(X)), made.parents])
        self.augmenter_ = made.augmenter
        return np.concatenate([X, made.x]), y[self.sample_indices_]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse, tags.input_tags.three_d_array = False, True
        tags.sampler_tags.sample_indices = True
        return tags
