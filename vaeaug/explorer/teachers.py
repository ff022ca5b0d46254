"""Small classifiers for the page's label-confidence bars: cross-fitted, so that none judges what it was trained on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.explorer.layers import LayerList
from vaeaug.filters.cross_fitted import CrossFitted

FOLDS = 2
HIDDEN = 12  # some 19 kB for 28x28 pixels, in float16
STEPS = 600


class Judgement(NamedTuple):
    """The teachers of a page.

    Arguments:
        layers: The layers of each teacher, from a scaled sample to logits.
        judge: The index of the teacher that was not trained on each sample, `(N,)`.
        accuracy: The share of the samples that these teachers name rightly, in 0..1.
    """

    layers: list[list[dict[str, Any]]]
    judge: Tensor
    accuracy: float


def fit(samples: Samples, u: Tensor, arrays: dict[str, np.ndarray], seed: int) -> Judgement:
    """Trains the teachers on the samples of the page.

    Arguments:
        samples: The samples.
        u: The same samples, scaled as on the page.
        arrays: Where the weights are put.
        seed: The seed of the folds and the training.
    """
    is_image = u.ndim == 4
    plain = Samples(u if is_image else u.flatten(1), samples.y, samples.names)
    classical = Classical() if is_image else None
    fitted = CrossFitted.fit(plain, _network, folds=FOLDS, seed=seed, steps=STEPS, smoothing=0.0, classical=classical)
    layers = []
    for number, (network,) in enumerate(fitted.teachers):
        collected = LayerList(f"teacher{number}", arrays, half=True)
        collected.add_module(network)
        layers.append(collected.layers)
    # A class of a single sample is in the training set of every teacher: the first one judges it.
    judge = (~fitted.trained_on).float().argmax(0)
    found = fitted.probabilities(plain.x, plain.x).argmax(1)
    return Judgement(layers, judge, float((found == plain.y).float().mean()))


def _network(event_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    features = torch.Size(event_shape).numel()
    return nn.Sequential(nn.Flatten(), nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes))
