"""The threshold filter: a classifier must give the label a minimum probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug.filters.base import Filter, FilterResult
from vaeaug.models.precision import check_finite_output
from vaeaug.models.training import device_of, dtype_of, evaluating
from vaeaug.runtime import checks, modes


@dataclass(frozen=True, eq=False)
class Confident(Filter):
    """Accepts a sample when a classifier gives its label at least the probability `threshold`.

    A veto on the clear failures, not a search for easy samples: filters that keep only p > 0.9 delete the informative ones.

    Arguments:
        classifier: An nn.Module that returns logits `(B, K)`, a fitted scikit-learn estimator with `predict_proba` (it
            receives flattened samples), or any function from samples to probabilities `(B, K)`.
        threshold: The minimum probability, in 0..1.

    Raises:
        InputError: If the classifier gives no probabilities, or if the threshold is out of range.
    """

    classifier: Any
    threshold: float = 0.3

    def __post_init__(self) -> None:
        checks.check_number("threshold", self.threshold, 0, 1)
        check_gives_probabilities(self.classifier)

    @modes.in_plain_modes
    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        p = probabilities(self.classifier, x)
        if y.max() >= p.shape[1]:
            remedy = "train the classifier on every class"
            checks.refuse(f"a classifier of at least {int(y.max()) + 1} classes", p.shape[1], remedy)
        confidence = p.gather(1, y.to(p.device)[:, None])[:, 0].to(x.device)
        return FilterResult(confidence >= self.threshold, confidence)


def check_gives_probabilities(classifier: Any) -> None:
    """Checks that `probabilities` can ask this classifier."""
    if not callable(classifier) and not hasattr(classifier, "predict_proba"):
        remedy = "pass for example SVC(probability=True)" if hasattr(classifier, "predict") else "pass one of these"
        kinds = "an nn.Module, an estimator with predict_proba, or a function"
        checks.refuse(kinds, type(classifier).__name__, remedy)


def probabilities(classifier: Any, x: Tensor) -> Tensor:
    """Returns p(y|x), `(B, K)`, of any classifier that `Confident` takes.

    Raises:
        InputError: If the classifier gives anything else, or NaN.
    """
    p = _probabilities(classifier, x)
    if p.ndim != 2 or len(p) != len(x):
        name = type(classifier).__name__
        checks.refuse(f"{len(x)} rows of probabilities from {name}", tuple(p.shape), "return an array (B, K)")
    check_finite_output(f"the classifier {type(classifier).__name__}", p, classifier)
    return p


def _probabilities(classifier: Any, x: Tensor) -> Tensor:
    if isinstance(classifier, nn.Module):
        with evaluating(classifier):
            logits = classifier(x.to(device_of(classifier), dtype_of(classifier)))
        if not isinstance(logits, Tensor):
            checks.refuse("logits from the classifier", type(logits).__name__, "pass a network that returns them alone")
        return logits.float().softmax(1)
    if hasattr(classifier, "predict_proba"):
        known_classes = torch.as_tensor(classifier.predict_proba(x.flatten(1).cpu().numpy())).float()
        # An estimator returns columns for the classes it was fitted to; the other classes get zeros.
        p = known_classes.new_zeros(len(known_classes), int(max(classifier.classes_)) + 1)
        p[:, torch.as_tensor(classifier.classes_).long()] = known_classes
        return p
    return torch.as_tensor(classifier(x)).float()
