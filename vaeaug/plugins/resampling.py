"""Arrays and labels of any kind in, children as arrays out: what the plugins for scikit-learn and imbalanced-learn share.

No sampling logic of its own.
"""

# ruff: noqa: N803 (X is what scikit-learn calls it)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from sklearn.utils import check_random_state

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import SMALLEST_SIDE
from vaeaug.filters.base import Filter
from vaeaug.perturb.schemes import Perturbation, for_estimators
from vaeaug.runtime import checks, seeds

CHANNELS = (1, 3, 4)
AUTO = "auto"  # as perturb: by the shape of the samples


class Settings(Protocol):
    """The parameters that the classifier and the sampler share; `AugmentedClassifier` says what they mean."""

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


class Grown(NamedTuple):
    """Children in the layout and dtype of X, the places of their parents in X, and the augmenter that made them."""

    x: np.ndarray
    parents: np.ndarray
    augmenter: Augmenter | None


def grow(settings: Settings, X: np.ndarray, y: np.ndarray, wanted: Mapping[Any, int], whole: Any) -> Grown:
    """Fits an augmenter to X and y and makes children of every class, class after class.

    Arguments:
        settings: An estimator with the shared parameters.
        X: Finite numbers: rows `(N, features)`, images `(N, H, W)`, `(N, C, H, W)` or `(N, H, W, C)` from 8x8 up, or samples
            of any other shape, which the VAE sees as flat rows.
        y: Labels of any kind, `(N,)`.
        wanted: How many children of each class; classes left out have none, and where none are wanted nothing is trained.
        whole: Where X has whole numbers: a boolean, or one per column.
    """
    classes, codes = np.unique(y, return_inverse=True)
    labels = np.repeat(np.arange(len(classes)), [wanted.get(label, 0) for label in classes])
    seed = int(check_random_state(settings.random_state).randint(2**31 - 1))
    if not len(labels):
        return Grown(X[:0].copy(), np.arange(0), None)
    # An augmenter wants two samples of every class, so the only one of a class stands twice in its bank.
    alone = np.flatnonzero(np.bincount(codes)[codes] == 1)
    places = np.concatenate([np.arange(len(X)), alone])
    samples = as_samples((_as_event(X)[places], codes[places]), names=tuple(map(str, classes)))
    augmenter = _augmenter(settings, samples.event_shape).fit(
        samples, seed=seeds.derive(seed, 0), **_training(settings)
    )
    made = augmenter.generate(len(labels), labels=torch.as_tensor(labels), seed=seeds.derive(seed, 1))
    return Grown(_like(made.x.numpy(), X, whole), places[made.parent.numpy()], augmenter)


def whole_numbers(X: Any, numbers: np.ndarray) -> Any:
    """Says where X, whose values are `numbers`, has whole numbers by its type: a boolean, or one per column of a frame."""
    if not hasattr(X, "iloc"):
        return numbers.dtype.kind in "iub"
    for name, dtype in X.dtypes.items():
        if hasattr(dtype, "categories"):
            checks.refuse("columns of numbers", f"categories in column {name!r}", "encode or drop them first")
    return np.array([dtype.kind in "iub" for dtype in X.dtypes])


def _augmenter(settings: Settings, event_shape: tuple[int, ...]) -> Augmenter:
    perturb = for_estimators(len(event_shape) == 3) if settings.perturb == AUTO else settings.perturb
    if isinstance(perturb, str):
        checks.refuse(f'a perturbation or "{AUTO}"', repr(perturb), "pass vaeaug.Interpolate(), say")
    if settings.scale is not None and isinstance(perturb, Perturbation):
        perturb = replace(perturb, scale=settings.scale)  # type: ignore[type-var]
    return Augmenter(settings.vae, perturb=perturb, filter=settings.filter, residual=settings.residual)  # type: ignore[arg-type]


def _training(settings: Settings) -> dict[str, Any]:
    training = {} if settings.training is None else settings.training
    if not isinstance(training, Mapping):
        checks.refuse("training as a dict of arguments of fit_vae", repr(training), "pass {'beta': 2.0}, say")
    # A file or a VAE that one fit leaves behind would tell the next one, on another fold, what it must not know.
    taken = ", ".join(sorted({"checkpoint", "seed", "vae"} & training.keys()))
    if taken:
        checks.refuse(
            "training without checkpoint, seed or vae", taken, "every fit trains a VAE of its own; see random_state"
        )
    given = {"latent_dim": settings.latent_dim, "steps": settings.steps, **training}
    if settings.vae is None:
        given.setdefault("progress", bool(settings.verbose))
    return {name: value for name, value in given.items() if value is not None}


def _channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] not in CHANNELS and shape[3] in CHANNELS and min(shape[1:3]) >= SMALLEST_SIDE


def _as_event(X: np.ndarray) -> np.ndarray:
    """Returns X as images `(N, C, H, W)` where its shape can be that, else as rows; uint8 stays, the rest becomes float32."""
    x = X if X.dtype == np.uint8 else X.astype(np.float32)
    if _channels_last(x.shape):
        return x.transpose(0, 3, 1, 2)
    x = x[:, None] if x.ndim == 3 else x
    return x if x.ndim == 4 and min(x.shape[2:]) >= SMALLEST_SIDE else x.reshape(len(x), -1)


def _like(x: np.ndarray, X: np.ndarray, whole: Any) -> np.ndarray:
    """Returns children in the layout, the range and the dtype of X."""
    if _channels_last(X.shape):
        x = x.transpose(0, 2, 3, 1)
    x = x.reshape(len(x), *X.shape[1:]).astype(np.float64)
    x = x * 255 if X.dtype == np.uint8 and _as_event(X[:1]).ndim > 2 else x
    x = np.where(whole, np.rint(x), x)
    axis = 0 if X.ndim == 2 else None
    # Rounded to float32, the largest number of X may have become a larger one.
    return np.clip(x, X.min(axis=axis), X.max(axis=axis)).astype(X.dtype)
