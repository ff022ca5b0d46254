"""The judged classifiers: networks in torch and scikit-learn's estimators by name, and a user's own of either kind."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torchvision
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import has_fit_parameter
from torch import Tensor, nn

from vaeaug.runtime import checks, seeds


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


def resnet18(event_shape: Sequence[int], classes: int) -> nn.Module:
    """Creates torchvision's ResNet-18 (He et al., 2016, https://arxiv.org/abs/1512.03385), untrained and adapted to small
    images: a 3x3 stem of stride 1 for any number of channels, and no max-pool. About 11 million weights.

    Arguments:
        event_shape: `(C, H, W)`, from 8x8 up.
        classes: The number of logits.
    """
    network = torchvision.models.resnet18(weights=None, num_classes=classes)
    network.conv1 = nn.Conv2d(event_shape[0], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    network.maxpool = nn.Identity()
    return network


class Standardize(nn.Module):
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


def channel_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and standard deviation: of all pixels of images, feature by feature of rows."""
    over: Any = 0 if x.ndim == 2 else (0, 1, 2, 3)
    return x.mean(over), x.std(over, correction=0).clamp(min=1e-6)


NETWORKS: dict[str, Callable[[Sequence[int], int], nn.Module]] = {"cnn": small_cnn, "mlp": mlp, "resnet18": resnet18}
IMAGES_ONLY = ("cnn", "resnet18")

# Each takes a seed; none sees more than the training rows.
ESTIMATORS: dict[str, Callable[[int], Any]] = {
    "forest": lambda seed: RandomForestClassifier(300, random_state=seed),
    "svc": lambda seed: make_pipeline(StandardScaler(), SVC(C=10, random_state=seed)),
    "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)),
    "knn": lambda seed: KNeighborsClassifier(1),
    # Stopping early would hold out copies of rows that it trains on.
    "boosting": lambda seed: HistGradientBoostingClassifier(early_stopping=False, random_state=seed),
}

UNWEIGHTED = ("knn",)  # takes no sample weights


@dataclass(frozen=True, eq=False)
class Classifier:
    """A classifier that the benchmark trains, by name or a user's own; see `as_classifier`.

    Arguments:
        name: As it stands in rows and tables.
        given: A name, a scikit-learn estimator, or a function `(event_shape, classes) -> nn.Module`.
    """

    name: str
    given: Any

    @property
    def is_network(self) -> bool:
        return self.given in NETWORKS if isinstance(self.given, str) else not hasattr(self.given, "fit")

    @property
    def images_only(self) -> bool:
        return isinstance(self.given, str) and self.given in IMAGES_ONLY

    @property
    def accepts_sample_weight(self) -> bool:
        """Whether it takes sample weights."""
        if self.is_network:
            return True
        if isinstance(self.given, str):
            return self.given not in UNWEIGHTED
        last = self.given.steps[-1][1] if isinstance(self.given, Pipeline) else self.given
        return bool(has_fit_parameter(last, "sample_weight"))

    @property
    def source_fingerprint(self) -> str:
        """What tells a user's own from another one of its name: its parameters or its source; empty for ours."""
        if isinstance(self.given, str):
            return ""
        if not self.is_network:
            return re.sub(r" at 0x[0-9a-f]+", "", f"{type(self.given)} {self.given.get_params()}")
        try:
            return inspect.getsource(self.given)
        except (OSError, TypeError):
            return f"{getattr(self.given, '__module__', '')} {self.name}"

    def network(self, event_shape: Sequence[int], classes: int) -> nn.Module:
        """Returns a new network, initialised from torch's global generator."""
        make = NETWORKS[self.given] if isinstance(self.given, str) else self.given
        return make(event_shape, classes)

    def estimator(self, seed: int) -> Any:
        """Returns a new estimator; every `random_state` in it is set to the seed."""
        if isinstance(self.given, str):
            return ESTIMATORS[self.given](seed)
        fresh = clone(self.given)
        states = [name for name in fresh.get_params() if name.split("__")[-1] == "random_state"]
        return fresh.set_params(**dict.fromkeys(states, seed))


def as_classifier(given: Any) -> Classifier:
    """Brings a classifier into the one form.

    Arguments:
        given: A name; a scikit-learn estimator, which is cloned for every cell and takes the run's seed as its
            `random_state`; a function `(event_shape, classes) -> nn.Module`; or a pair of a name and one of the latter two.

    Raises:
        InputError: If it is none of these.
    """
    if isinstance(given, Classifier):
        return given
    if isinstance(given, str):
        check_name(given)
        return Classifier(given, given)
    name = ""
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        name, given = given
    if isinstance(given, nn.Module):
        remedy = "pass a function (event_shape, classes) -> nn.Module, so that every cell gets new weights"
        checks.refuse("a function that makes a network", f"a network ({type(given).__name__})", remedy)
    fits = hasattr(given, "fit") and hasattr(given, "predict")
    if fits and isinstance(given, type):
        checks.refuse("an estimator", f"the class {given.__name__}", f"pass {given.__name__}()")
    if not (fits and hasattr(given, "get_params")) and not callable(given):
        kinds = "a name, a scikit-learn estimator or a function (event_shape, classes) -> nn.Module"
        checks.refuse(f"a classifier: {kinds}", repr(given), "pass one of these, or a pair (name, one of the last two)")
    name = name or (type(given).__name__ if fits else getattr(given, "__name__", "<lambda>"))
    if name == "<lambda>":
        checks.refuse("a classifier with a name", "a function without one", "pass a pair ('my net', function)")
    if name in (*NETWORKS, *ESTIMATORS):
        checks.refuse("a name of its own for your classifier", repr(name), "pass a pair ('my net', classifier)")
    return Classifier(name, given)


def check_logits(classifier: Classifier, x: Tensor, classes: int) -> None:
    """Checks that a user's own network takes samples and gives one logit per class.

    Arguments:
        classifier: Whose.
        x: A few samples.
        classes: How many logits are expected.
    """
    if isinstance(classifier.given, str) or not classifier.is_network:
        return
    with seeds.forked(0):
        network = classifier.network(tuple(x.shape[1:]), classes)
        if not isinstance(network, nn.Module):
            checks.refuse(
                f"an nn.Module from {classifier.name}", type(network).__name__, "return the network from the function"
            )
        with torch.no_grad():
            found = network.eval()(x)
    if tuple(getattr(found, "shape", ())) != (len(x), classes):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        checks.refuse(
            f"logits ({len(x)}, {classes}) from {classifier.name}", shape, "end the network in nn.Linear(..., classes)"
        )


def fit_weighted(estimator: Any, x: Any, y: Any, weights: Any) -> None:
    """Fits an estimator, or the last step of a pipeline, with sample weights `(N,)`."""
    step = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
    estimator.fit(x, y, **{f"{step}sample_weight": weights})


def check_name(name: str) -> None:
    """Checks the name of a classifier."""
    checks.check_choice("classifier", name, (*NETWORKS, *ESTIMATORS))
