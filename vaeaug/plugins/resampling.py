"""From arrays with labels of any kind to arrays with synthetic samples: what the classifier and the over-sampler share.

The sampling itself is the augmenter's.
"""

# ruff: noqa: N803 (X is what scikit-learn calls it)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data import frames, sample_kinds
from vaeaug.data.classical import Classical
from vaeaug.data.row_numbers import warn_of_row_numbers
from vaeaug.data.samples import SMALLEST_SIDE, Samples, from_arrays, from_table, unit_float
from vaeaug.filters.base import Filter
from vaeaug.perturb.schemes import DEFAULT, Perturbation, for_estimators
from vaeaug.plugins.resampling_inputs import as_float32
from vaeaug.runtime import checks, modes, seeds

CHANNELS = (1, 3, 4)
AUTO = "auto"  # as `perturb` and as `kind`: chosen by the shape of the samples
TABULAR = "tabular"


class SharedParameters(Protocol):
    """The parameters that both plugins have; `AugmentedClassifier` documents them."""

    perturb: Perturbation | str | None
    scale: float | None
    filter: Filter | None
    residual: bool
    vae: Any
    latent_dim: int | None
    steps: int | None
    training: Mapping[str, Any] | None
    verbose: int | bool
    random_state: Any
    categorical_features: Any
    kind: str


class Resampled(NamedTuple):
    """Synthetic samples of X.

    Arguments:
        x: The synthetic samples, in the layout and dtype of X; a data frame if X is one.
        parents: The index in X of each sample's parent.
        augmenter: The augmenter that generated them, or None if there are none.
    """

    x: Any
    parents: np.ndarray
    augmenter: Augmenter | None


@modes.in_plain_modes
def resample(
    parameters: SharedParameters, X: Any, y: np.ndarray, n_per_class: Mapping[Any, int], whole: Any
) -> Resampled:
    """Fits an augmenter to X and y and generates samples of each class, class after class.

    Arguments:
        parameters: An estimator with the shared parameters.
        X: Finite numbers: tabular data `(N, features)`, signals `(N, C, T)`, images `(N, H, W)`, `(N, C, H, W)` or
            `(N, H, W, C)` of 8x8 or more, or samples of any other shape, which the VAE sees flattened. A data frame is a
            table with categories or missing values.
        y: Labels of any kind, `(N,)`.
        n_per_class: The number of synthetic samples of each class; 0 for classes that are not in it. If all are 0, nothing
            is trained.
        whole: Where X has whole numbers: a boolean, or one per column.
    """
    from sklearn.utils import check_random_state

    classes, codes = np.unique(y, return_inverse=True)
    labels = np.repeat(np.arange(len(classes)), [n_per_class.get(label, 0) for label in classes])
    seed = int(check_random_state(parameters.random_state).randint(2**31 - 1))
    if not len(labels):
        return Resampled(X[:0].copy(), np.arange(0), None)
    is_table, names = frames.is_frame(X), tuple(map(str, classes))
    # An augmenter needs two samples of every class, so the bank holds the only sample of a class twice.
    singletons = np.flatnonzero(np.bincount(codes)[codes] == 1)
    index = np.concatenate([np.arange(len(X)), singletons])
    if is_table:
        if parameters.kind != AUTO:
            remedy = "leave kind out, or pass an array of numbers"
            checks.refuse(f"{parameters.kind} as an array", "a table with categories or missing values", remedy)
        features = parameters.categorical_features
        samples = from_table(X.iloc[index], codes[index], names, categorical_features=features, name="X")
        assert samples.table is not None
        samples.table.warn_of_row_numbers(len(X))
    else:
        samples = _samples(parameters, _as_events(X, parameters.kind)[index], codes[index], names, whole)
    augmenter = _augmenter(parameters, samples).fit(samples, seed=seeds.derive(seed, 0), **_training(parameters))
    generated = augmenter.generate_tensors(len(labels), labels=torch.as_tensor(labels), seed=seeds.derive(seed, 1))
    if samples.table is not None:
        parents = index[generated.parent.numpy()]
        return Resampled(samples.table.decode(generated.x, X.iloc[parents]), parents, augmenter)
    x = _as_layout_of(X, generated.x.numpy(), whole, parameters.kind)
    return Resampled(x, index[generated.parent.numpy()], augmenter)


def kind_of(X: np.ndarray, kind: str) -> str:
    """Returns what samples `(N, *event)` are for an augmenter: `images`, `signals` or `tabular`.

    Arguments:
        X: The samples; see `resample`.
        kind: What the user said of them; see `vaeaug.data.sample_kinds`.
    """
    return {4: sample_kinds.IMAGES, 3: sample_kinds.SIGNALS}.get(_as_events(X[:1], kind).ndim, TABULAR)


def classical_copies(X: np.ndarray, copies: int, whole: Any, seed: int, kind: str = AUTO) -> Resampled:
    """Returns classically augmented copies of images or signals, all of them in turn, with the parent of each.

    Arguments:
        X: The samples; see `resample`.
        copies: The number of copies of each.
        whole: Where X has whole numbers.
        seed: The seed of the shifts or warps.
        kind: See `kind_of`.
    """
    x = torch.as_tensor(_as_events(X, kind))
    x = unit_float(x) if x.ndim == 4 else x
    augmented = Classical().on(x)(x.repeat(copies, *[1] * (x.ndim - 1)), seed)
    return Resampled(_as_layout_of(X, augmented.numpy(), whole, kind), np.tile(np.arange(len(X)), copies), None)


def _samples(parameters: Any, x: np.ndarray, y: np.ndarray, names: tuple[str, ...], whole: Any) -> Samples:
    """Returns samples with the names of their columns, if they are known, and which of these are whole numbers."""
    if x.ndim > 2:
        return from_arrays(x, y, names, kind=sample_kinds.kind_like(x.shape[1:]))
    columns = tuple(map(str, getattr(parameters, "feature_names_in_", ())))
    columns = columns if len(columns) == x.shape[1] else ()
    warn_of_row_numbers(x, columns)
    integers = tuple(np.flatnonzero(np.broadcast_to(whole, x.shape[1:])).tolist())
    return replace(from_arrays(x, y, names, columns=columns), integer_columns=integers)


def whole_numbers(X: Any, values: np.ndarray) -> Any:
    """Returns where X has whole numbers by its type, or objects that are whole numbers: a boolean, or one per column.

    Arguments:
        X: An array or a data frame.
        values: Its values as an array.
    """
    if not frames.is_frame(X):
        objects = isinstance(X, np.ndarray) and X.dtype.kind == "O"
        return values.dtype.kind in "iub" or (objects and all(isinstance(value, Integral) for value in X.flat))
    whole = np.zeros(values.shape[1], dtype=bool)
    whole[list(frames.read("X", X).integers)] = True
    return whole


def _augmenter(parameters: SharedParameters, samples: Samples) -> Augmenter:
    perturb = parameters.perturb
    if isinstance(perturb, str) and perturb == AUTO:
        perturb = DEFAULT if samples.table is not None else for_estimators(len(samples.event_shape) > 1)
    if isinstance(perturb, str):
        checks.refuse(f'a perturbation or "{AUTO}"', repr(perturb), "for example vaeaug.Interpolate()")
    if parameters.scale is not None and isinstance(perturb, Perturbation):
        perturb = replace(perturb, scale=parameters.scale)  # type: ignore[type-var]
    return Augmenter(parameters.vae, perturb=perturb, filter=parameters.filter, residual=parameters.residual)  # type: ignore[arg-type]


def _training(parameters: SharedParameters) -> dict[str, Any]:
    training = {} if parameters.training is None else parameters.training
    if not isinstance(training, Mapping):
        checks.refuse("training as a dict of arguments of fit_vae", repr(training), "for example {'beta': 2.0}")
    # A checkpoint or VAE of one fit would leak its training samples into the next one, on another fold.
    refused = ", ".join(sorted({"checkpoint", "seed", "vae"} & training.keys()))
    if refused:
        checks.refuse(
            "training without checkpoint, seed or vae", refused, "every fit trains a VAE of its own; see random_state"
        )
    arguments = {"latent_dim": parameters.latent_dim, "steps": parameters.steps, **training}
    if parameters.vae is None:
        arguments.setdefault("progress", bool(parameters.verbose))
    return {name: value for name, value in arguments.items() if value is not None}


def _channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] not in CHANNELS and shape[3] in CHANNELS and min(shape[1:3]) >= SMALLEST_SIDE


def _as_events(X: np.ndarray, kind: str) -> np.ndarray:
    """Returns X as images `(N, C, H, W)` or signals `(N, C, T)` if its shape allows, else as tabular data.

    Images of uint8 stay such; all others become float32.
    """
    if sample_kinds.are_signals(X.shape, kind, uint8=X.dtype == np.uint8, name="X"):
        x = as_float32(X)
        return x[:, None] if x.ndim == 2 else x
    x = X if X.dtype == np.uint8 else as_float32(X)
    if _channels_last(x.shape):
        return x.transpose(0, 3, 1, 2)
    x = x[:, None] if x.ndim == 3 else x
    return x if x.ndim == 4 and min(x.shape[2:]) >= SMALLEST_SIDE else x.reshape(len(x), -1)


def _as_layout_of(X: np.ndarray, x: np.ndarray, whole: Any, kind: str) -> np.ndarray:
    """Returns synthetic samples in the layout, range and dtype of X."""
    if _channels_last(X.shape):
        x = x.transpose(0, 2, 3, 1)
    x = x.reshape(len(x), *X.shape[1:]).astype(np.float64)
    x = x * 255 if X.dtype == np.uint8 and _as_events(X[:1], kind).ndim == 4 else x
    x = np.where(whole, np.rint(x), x)
    axis = 0 if X.ndim == 2 else None
    # Rounding to float32 may have increased the largest number of X.
    low, high = X.min(axis=axis), X.max(axis=axis)
    if X.dtype.kind not in "iu":
        return np.clip(x, low, high).astype(X.dtype)
    # The largest whole numbers of 64 bits are no float64; the next one would wrap around.
    below, above = x <= low.astype(np.float64), x >= high.astype(np.float64)
    inside = np.where(below | above, 0, x).astype(X.dtype)
    return np.where(above, high, np.where(below, low, inside)).astype(X.dtype)
