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
IMPOSSIBLE = -1e4  # the logit of a class without samples


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
    present, y = samples.y.unique(return_inverse=True)
    # Twice the only sample of a class: it is in the training set of every teacher then.
    alone = (torch.bincount(y)[y] == 1).nonzero()[:, 0]
    index = torch.cat([torch.arange(len(y)), alone])
    x = (u if is_image else u.flatten(1))[index]
    plain = Samples(x, y[index], tuple(samples.names[label] for label in present.tolist()))
    classical = Classical() if is_image else None
    fitted = CrossFitted.fit(plain, _network, folds=FOLDS, seed=seed, steps=STEPS, smoothing=0.0, classical=classical)
    predicted = present[fitted.probabilities(x, x)[: len(y)].argmax(1)]
    layers = []
    for number, (network,) in enumerate(fitted.teachers):
        collected = LayerList(f"teacher{number}", arrays, half=True)
        network.network[-1] = _for_all_classes(network.network[-1], present, len(samples.names))
        collected.add_module(network)
        layers.append(collected.layers)
    # All teachers were trained on the only sample of a class: the first one judges it.
    judge = (~fitted.trained_on[:, : len(y)]).float().argmax(0)
    return Judgement(layers, judge, float((predicted == samples.y).float().mean()))


def _for_all_classes(last: nn.Linear, present: Tensor, num_classes: int) -> nn.Linear:
    """Returns the last layer with the logits of absent classes as well, which have no probability."""
    result = nn.utils.skip_init(nn.Linear, last.in_features, num_classes)  # draws no random numbers
    with torch.no_grad():
        result.weight.zero_()
        result.bias.fill_(IMPOSSIBLE)
        result.weight[present], result.bias[present] = last.weight, last.bias
    return result


def _network(event_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    features = torch.Size(event_shape).numel()
    return nn.Sequential(nn.Flatten(), nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes))
