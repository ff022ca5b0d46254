"""The judged classifiers: a small CNN and an MLP in torch, and scikit-learn's estimators by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn

from vaeaug import _checks


def small_cnn(event_shape: Sequence[int], classes: int, width: int = 16) -> nn.Module:
    """Creates a small convolutional classifier: three blocks, batch normalisation, about 24,000 weights.

    Arguments:
        event_shape: `(C, H, W)`, from 8x8 up.
        classes: The number of logits.
        width: The channels of the first block; each further one has twice as many.
    """
    channels = [event_shape[0], width, 2 * width, 4 * width]
    blocks: list[nn.Module] = []
    for a, b in zip(channels, channels[1:], strict=False):
        blocks += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


def mlp(event_shape: Sequence[int], classes: int, width: int = 128) -> nn.Module:
    """Creates a classifier with two hidden layers, for rows.

    Arguments:
        event_shape: The shape of one sample.
        classes: The number of logits.
        width: Of both hidden layers.
    """
    size = math.prod(event_shape)
    hidden = [nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(size), *hidden, nn.Linear(width, classes))


class Standardised(nn.Module):
    """Standardises samples by the moments of the training set before a network sees them.

    Arguments:
        network: From standardised samples to logits.
        mean, spread: One number each, or one per feature.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, x: Tensor) -> Tensor:
        return self.network((x - self.mean) / self.spread)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and standard deviation: of all pixels of images, feature by feature of rows."""
    over: Any = 0 if x.ndim == 2 else (0, 1, 2, 3)
    return x.mean(over), x.std(over, correction=0).clamp(min=1e-6)


NETWORKS: dict[str, Callable[[Sequence[int], int], nn.Module]] = {"cnn": small_cnn, "mlp": mlp}

# Each takes a seed; none sees more than the training rows.
ESTIMATORS: dict[str, Callable[[int], Any]] = {
    "forest": lambda seed: RandomForestClassifier(300, random_state=seed),
    "svc": lambda seed: make_pipeline(StandardScaler(), SVC(C=10, random_state=seed)),
    "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)),
    "knn": lambda seed: KNeighborsClassifier(1),
}

UNWEIGHTED = ("knn",)  # takes no sample weights


def fit_weighted(estimator: Any, x: Any, y: Any, weights: Any) -> None:
    """Fits an estimator, or the last step of a pipeline, with sample weights `(N,)`."""
    step = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
    estimator.fit(x, y, **{f"{step}sample_weight": weights})


def known(name: str) -> None:
    """Checks the name of a classifier."""
    _checks.one_of("classifier", name, (*NETWORKS, *ESTIMATORS))
