"""The classifiers of the benchmark: networks in torch and scikit-learn's estimators by name, and a user's own of either kind.

Neither torchvision nor scikit-learn is loaded before a classifier of theirs is created.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug.models.estimators import ESTIMATORS, WITHOUT_SAMPLE_WEIGHT, is_pipeline
from vaeaug.models.training import check_trainable, device_of, dtype_of, evaluating
from vaeaug.runtime import checks, seeds


def small_cnn(event_shape: Sequence[int], classes: int, width: int = 16) -> nn.Module:
    """Creates a small convolutional classifier: three blocks, batch normalisation, about 24,000 weights.

    Of signals it convolves the time, with kernels of 7, 5 and 3 points.

    Arguments:
        event_shape: `(C, H, W)`, from 8x8 up, or `(C, T)`, from 8 up.
        classes: The number of logits.
        width: The channels of the first block; each further one has twice as many.
    """
    channels = [event_shape[0], width, 2 * width, 4 * width]
    blocks: list[nn.Module] = []
    if len(event_shape) == 2:
        for a, b, kernel in zip(channels, channels[1:], (7, 5, 3), strict=False):
            convolution = nn.Conv1d(a, b, kernel, padding=kernel // 2, bias=False)
            blocks += [convolution, nn.BatchNorm1d(b), nn.ReLU(), nn.MaxPool1d(2)]
        return nn.Sequential(*blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4 * width, classes))
    for a, b in zip(channels, channels[1:], strict=False):
        blocks += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


def mlp(event_shape: Sequence[int], classes: int, width: int = 128) -> nn.Module:
    """Creates a classifier with two hidden layers, for tabular data.

    Arguments:
        event_shape: The shape of one sample.
        classes: The number of logits.
        width: The width of both hidden layers.
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
    from torchvision.models import resnet18

    network = resnet18(weights=None, num_classes=classes)
    network.conv1 = nn.Conv2d(event_shape[0], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    network.maxpool = nn.Identity()
    return network


NETWORKS: dict[str, Callable[[Sequence[int], int], nn.Module]] = {"cnn": small_cnn, "mlp": mlp, "resnet18": resnet18}
IMAGES_ONLY = ("cnn", "resnet18")  # of these cnn takes signals, too
SIGNALS_TOO = ("cnn",)


def check_takes(name: str, x: Tensor, others: str = "mlp, forest, svc, logistic, knn or boosting") -> None:
    """Refuses samples of a kind that a classifier by name does not take.

    Arguments:
        name: The name.
        x: The samples, `(N, *event)`.
        others: The classifiers that the message offers.
    """
    if name not in IMAGES_ONLY or x.ndim == 4 or (x.ndim == 3 and name in SIGNALS_TOO):
        return
    if x.ndim == 3:
        checks.refuse("a classifier for signals", name, f"choose cnn, {others}")
    checks.refuse("a classifier for tabular data", name, f"choose {others}")


class Standardize(nn.Module):
    """Standardises samples by the moments of the training set before a network sees them.

    Arguments:
        network: From standardised samples to logits.
        mean: The mean, one number or one per feature.
        spread: The standard deviation, of the same shape.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(((x - self.mean) / self.spread).to(dtype_of(self.network)))


def channel_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and standard deviation: one number each for images, one per feature of rows or channel of signals."""
    axes, keep = pooled_axes(x), x.ndim == 3
    mean, spread = x.mean(axes, keepdim=keep), x.std(axes, correction=0, keepdim=keep).clamp(min=1e-6)
    return (mean[0], spread[0]) if keep else (mean, spread)


def pooled_axes(x: Tensor) -> Any:
    """Returns the axes whose values have one scale: all of images, all but the features or the channels of others."""
    return {2: 0, 3: (0, 2)}.get(x.ndim, tuple(range(x.ndim)))


@dataclass(frozen=True, eq=False)
class Classifier:
    """A classifier that the benchmark trains, by name or a user's own; `as_classifier` creates it.

    Arguments:
        name: The name in results and tables.
        spec: A name, a scikit-learn estimator, or a function `(event_shape, classes) -> nn.Module`.
    """

    name: str
    spec: Any

    @property
    def is_network(self) -> bool:
        """Whether it is an nn.Module rather than a scikit-learn estimator."""
        return self.spec in NETWORKS if isinstance(self.spec, str) else not hasattr(self.spec, "fit")

    @property
    def images_only(self) -> bool:
        """Whether it does not take tabular data."""
        return isinstance(self.spec, str) and self.spec in IMAGES_ONLY

    def check_takes(self, x: Tensor) -> None:
        """Refuses samples of a kind that it does not take."""
        if isinstance(self.spec, str):
            check_takes(self.spec, x)

    @property
    def accepts_sample_weight(self) -> bool:
        """Whether its training takes sample weights."""
        if self.is_network:
            return True
        if isinstance(self.spec, str):
            return self.spec not in WITHOUT_SAMPLE_WEIGHT
        from sklearn.utils.validation import has_fit_parameter

        final_step = self.spec.steps[-1][1] if is_pipeline(self.spec) else self.spec
        return bool(has_fit_parameter(final_step, "sample_weight"))

    @property
    def source_fingerprint(self) -> str:
        """The parameters or the source code of a user's own classifier, which distinguish it from another one of its name;
        empty for a classifier by name."""
        if isinstance(self.spec, str):
            return ""
        if not self.is_network:
            return _without_addresses(f"{type(self.spec)} {self.spec.get_params()}")
        try:
            return inspect.getsource(self.spec)
        except (OSError, TypeError):
            # For example a functools.partial, whose repr has its arguments.
            return _without_addresses(f"{getattr(self.spec, '__module__', '')} {self.name} {self.spec!r}")

    def network(self, event_shape: Sequence[int], classes: int) -> nn.Module:
        """Returns a new network, initialised from torch's global generator."""
        create = NETWORKS[self.spec] if isinstance(self.spec, str) else self.spec
        return create(event_shape, classes)

    def estimator(self, seed: int) -> Any:
        """Returns a new estimator in which every `random_state` is set to the seed."""
        if isinstance(self.spec, str):
            return ESTIMATORS[self.spec](seed)
        from sklearn.base import clone

        estimator = clone(self.spec)
        random_states = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
        return estimator.set_params(**dict.fromkeys(random_states, seed))


def as_classifier(spec: Any) -> Classifier:
    """Converts a classifier of any supported form to a `Classifier`.

    Arguments:
        spec: A name; a scikit-learn estimator, which is cloned for every run and takes the run's seed as its
            `random_state`; a function `(event_shape, classes) -> nn.Module`; or a pair of a name and one of the latter two.

    Raises:
        InputError: If it is none of these, or if a classifier of your own has no name or the name of another one.
    """
    if isinstance(spec, Classifier):
        return spec
    if isinstance(spec, str):
        check_name(spec)
        return Classifier(spec, spec)
    name = ""
    if isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], str):
        name, spec = spec
    is_estimator = hasattr(spec, "fit") and hasattr(spec, "predict")
    _check_spec(spec, is_estimator)
    name = name or (type(spec).__name__ if is_estimator else getattr(spec, "__name__", "<lambda>"))
    if name == "<lambda>":
        checks.refuse("a classifier with a name", "a function without one", "pass a pair ('my net', function)")
    if name in (*NETWORKS, *ESTIMATORS):
        checks.refuse("a name of its own for your classifier", repr(name), "pass a pair ('my net', classifier)")
    return Classifier(name, spec)


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _check_spec(spec: Any, is_estimator: bool) -> None:
    if isinstance(spec, nn.Module):
        remedy = "pass a function (event_shape, classes) -> nn.Module, so that every run gets new weights"
        checks.refuse("a function that makes a network", f"a network ({type(spec).__name__})", remedy)
    if is_estimator and isinstance(spec, type):
        checks.refuse("an estimator", f"the class {spec.__name__}", f"pass {spec.__name__}()")
    if not (is_estimator and hasattr(spec, "get_params")) and not callable(spec):
        kinds = "a name, a scikit-learn estimator or a function (event_shape, classes) -> nn.Module"
        checks.refuse(f"a classifier: {kinds}", repr(spec), "pass one of these, or a pair (name, one of the last two)")


def check_name(name: str) -> None:
    """Checks the name of a classifier."""
    checks.check_choice("classifier", name, (*NETWORKS, *ESTIMATORS))


def check_logits(classifier: Classifier, x: Tensor, classes: int) -> None:
    """Checks that a user's own network takes samples and returns one logit per class.

    Arguments:
        classifier: The classifier; estimators and classifiers by name pass unchecked.
        x: A few samples, `(B, *event)`.
        classes: The expected number of logits.
    """
    if isinstance(classifier.spec, str) or not classifier.is_network:
        return
    with seeds.drawing_from(0):
        network = classifier.network(tuple(x.shape[1:]), classes)
        if not isinstance(network, nn.Module):
            remedy = "return the network from the function"
            checks.refuse(f"an nn.Module from {classifier.name}", type(network).__name__, remedy)
        has_weights = next(network.parameters(), None) is not None
        if has_weights:  # before a forward pass that weights in half precision or on the meta device would break
            check_trainable(network)
        with torch.no_grad():
            logits = network.eval()(x.to(dtype_of(network)))
    if tuple(getattr(logits, "shape", ())) != (len(x), classes):
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        remedy = "end the network in nn.Linear(..., classes)"
        checks.refuse(f"logits ({len(x)}, {classes}) from {classifier.name}", shape, remedy)
    if not has_weights:
        check_trainable(network)


def fit_weighted(estimator: Any, x: Any, y: Any, weights: Any) -> None:
    """Fits an estimator, or the last step of a pipeline, with sample weights `(N,)`."""
    step = f"{estimator.steps[-1][0]}__" if is_pipeline(estimator) else ""
    estimator.fit(x, y, **{f"{step}sample_weight": weights})


def hardest(candidates: Tensor, y: Tensor, network: nn.Module) -> Tensor:
    """Returns, for each sample, the candidate with the highest cross-entropy under a network, `(B, *event)`.

    Arguments:
        candidates: k candidates for each of B samples, `(k, B, *event)`.
        y: See `hardest_index`.
        network: See `hardest_index`.
    """
    index = hardest_index(candidates, y, network).to(candidates.device)
    return candidates[index, torch.arange(len(index), device=candidates.device)]


def hardest_index(candidates: Tensor, y: Tensor, network: nn.Module) -> Tensor:
    """Returns, for each sample, the index of the candidate with the highest cross-entropy under a network, `(B,)` in 0..k-1.

    Arguments:
        candidates: k candidates for each of B samples, `(k, B, *event)`.
        y: Labels, `(B,)`, or soft labels of each candidate, `(k, B, K)`.
        network: An nn.Module that returns logits `(B, K)`; asked in eval mode, without gradients.

    Raises:
        InputError: If the network does not return logits of every class.
    """
    device, dtype = device_of(network), dtype_of(network)
    soft_labels = y if y.ndim == 3 else None
    losses = []
    with evaluating(network):
        for k, x in enumerate(candidates):
            targets = y if soft_labels is None else soft_labels[k]
            logits = network(x.to(device, dtype))
            _check_logits_shape(logits, targets)
            losses.append(nn.functional.cross_entropy(logits.float(), targets.to(logits.device), reduction="none"))
    return torch.stack(losses).argmax(0)


def _check_logits_shape(logits: Any, targets: Tensor) -> None:
    last_class = int(targets.max()) if targets.ndim == 1 else targets.shape[1] - 1
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] <= last_class:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        remedy = "pass a network that returns the logits alone"
        checks.refuse(f"logits of shape (B, K), K above {last_class}, from the network", shape, remedy)
