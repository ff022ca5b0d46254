"""The space in which samples are compared: it has a name, and says what is near."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.auditing.columns import Columns
from vaeaug.auditing.distances import Distance, Euclidean, Gower
from vaeaug.auditing.inputs import Inputs, Part
from vaeaug.models.codec import Codec
from vaeaug.runtime import checks

LARGEST = 1e15  # squares of larger values, added up, exceed float32
SPACES = ("auto", "values", "codes")


def distance_of(inputs: Inputs, space: str = "auto", features: Callable[[Tensor], Any] | None = None) -> Distance:
    """Returns the distance between the samples of an audit, as positions in the pool of all sets.

    Arguments:
        inputs: The sets.
        space: `auto` or `values`: pixels for images, the values of signals; for tables the columns, divided by their standard
            deviations, or Gower's distance if there are categories or missing values. `codes`: the codes of the augmenter.
        features: A function from samples `(N, *event)` to features `(N, D)`, such as a frozen network; if it is
            given, `space` is not used.

    Raises:
        InputError: If there is no augmenter for `codes`, or the features are no finite numbers.
    """
    checks.check_choice("space", space, SPACES)
    if features is not None:
        return _euclidean("the features given", _given_features(inputs, features))
    if space == "codes":
        return _euclidean(*_codes(inputs))
    columns = inputs.real.columns
    if columns is None:
        name = {4: "pixels", 3: "values of signals"}.get(inputs.real.samples.x.ndim, "values")
        return _euclidean(f"Euclidean distance of {name}", torch.cat([p.samples.x.flatten(1) for p in inputs.parts]))
    pooled = [part.columns for part in inputs.parts if part.columns is not None]
    known = [part.columns for part in inputs.parts if part is not inputs.synthetic and part.columns is not None]
    return _gower(pooled, known) if any(c.is_mixed for c in pooled) else _standardised(pooled, known)


def _euclidean(name: str, pool: Tensor) -> Distance:
    largest = float(pool.abs().max())
    if largest > LARGEST:
        checks.refuse(f"values up to {LARGEST:g} to measure distances of", f"{largest:g}", "divide them by a constant")
    return Euclidean(name, pool)


def _standardised(pooled: list[Columns], known: list[Columns]) -> Distance:
    # Scaled by the real samples alone: a synthetic outlier must not set the scale.
    spread = np.concatenate([c.numbers for c in known]).std(0)
    spread[spread == 0] = 1
    scaled = np.concatenate([c.numbers for c in pooled]) / spread
    return _euclidean("Euclidean distance of columns, each divided by its standard deviation", _float32(scaled))


def _gower(pooled: list[Columns], known: list[Columns]) -> Distance:
    numbers, categories = (np.concatenate([getattr(c, name) for c in pooled]) for name in ("numbers", "categories"))
    real = np.concatenate([c.numbers for c in known])
    low = np.where(np.isnan(real), np.inf, real).min(0, initial=np.inf)
    high = np.where(np.isnan(real), -np.inf, real).max(0, initial=-np.inf)
    return Gower("Gower's distance of columns", numbers, categories, np.where(high > low, high - low, 0.0))


def _float32(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _given_features(inputs: Inputs, features: Callable[[Tensor], Any]) -> Tensor:
    pool = torch.cat([part.samples.x for part in inputs.parts])
    with torch.no_grad():
        values = torch.as_tensor(features(pool))
    if values.ndim != 2 or len(values) != len(pool):
        checks.refuse(f"features of shape ({len(pool)}, D)", tuple(values.shape), "return one row for each sample")
    values = values.detach().cpu().float()
    checks.check_finite("features", values)
    return values


def _codes(inputs: Inputs) -> tuple[str, Tensor]:
    if inputs.augmenter is None:
        checks.refuse("an augmenter for the space of codes", "none", "pass augmenter=, or --augmenter MODEL")
    bank, codec = inputs.augmenter.bank_, Codec(inputs.augmenter.vae_)
    codes = [codec.codes(as_fitted(inputs, part), part.samples.y)[0] for part in inputs.parts]
    space = type(inputs.augmenter.vae_).__name__
    return f"Euclidean distance of codes ({space}, {codes[0].shape[1]} of {bank.samples.x[0].numel()})", torch.cat(
        codes
    )


def as_fitted(inputs: Inputs, part: Part) -> Tensor:
    """Returns the samples of a set as the augmenter's VAE takes them.

    Raises:
        InputError: If they do not fit it.
    """
    assert inputs.augmenter is not None
    bank = inputs.augmenter.bank_.samples
    if bank.table is None:
        checks.check_event_shape("samples", part.samples.x, bank.event_shape)
        return part.samples.x
    if part.samples.table is None:
        checks.refuse(
            "a table with categories, as the augmenter was fitted to", "numbers alone", "pass the same columns"
        )
    return bank.table.encode(part.samples.table.decode(part.samples.x), "samples")
