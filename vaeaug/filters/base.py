"""Filters: do the children still look like their label?"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vaeaug.models.training import device_of, evaluating
from vaeaug.runtime import checks

FEW = 0.1  # a class of which less is kept gets a warning
ENOUGH = 20  # children judged before a share says anything


class FilterResult(NamedTuple):
    """Which samples to keep, `(B,)` booleans, and how sure of their labels the judge is, `(B,)` in 0..1."""

    keep: Tensor
    confidence: Tensor


class Filter(ABC):
    """Abstract: judges samples. Concrete ones are frozen dataclasses."""

    @abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        """Judges samples `(B, *event)` with labels `(B,)`."""

    def near(self, parents: Tensor) -> Filter:
        """Returns the judge of one child of each of these real samples, `(B, *event)`; by default the filter itself."""
        return self


class Teacher(Filter):
    """Abstract: a filter that also says how likely every class is, for soft labels."""

    @abstractmethod
    def soft(self, x: Tensor, y: Tensor, parents: Tensor | None = None) -> Tensor:
        """Returns targets `(B, K)` that sum to 1, on the device of `x`.

        Arguments:
            x: Children, `(B, *event)`, in the range seen at fit.
            y: Their labels, `(B,)`.
            parents: The real sample that each came from, `(B, *event)`.
        """


@dataclass(frozen=True, eq=False)
class Confident(Filter):
    """Keeps a sample where a classifier gives its label at least the probability `threshold`.

    A veto on the clear failures, not a search for easy samples: filters that keep only p > 0.9 delete the informative ones.

    Arguments:
        classifier: An nn.Module that returns logits `(B, K)`, a fitted scikit-learn estimator with `predict_proba` (it is
            given flat rows), or any function from samples to probabilities `(B, K)`.
        threshold: In 0..1.
    """

    classifier: Any
    threshold: float = 0.3

    def __post_init__(self) -> None:
        checks.check_number("threshold", self.threshold, 0, 1)
        if not callable(self.classifier) and not hasattr(self.classifier, "predict_proba"):
            remedy = "pass SVC(probability=True), say" if hasattr(self.classifier, "predict") else "pass one of these"
            kinds = "an nn.Module, an estimator with predict_proba, or a function"
            checks.refuse(kinds, type(self.classifier).__name__, remedy)

    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        p = probabilities(self.classifier, x)
        if y.max() >= p.shape[1]:
            remedy = "train the classifier on every class"
            checks.refuse(f"a classifier of at least {int(y.max()) + 1} classes", p.shape[1], remedy)
        confidence = p.gather(1, y.to(p.device)[:, None])[:, 0].to(x.device)
        return FilterResult(confidence >= self.threshold, confidence)


class Tally:
    """Counts, class by class, how many children a filter judged and let through; warns where it lets few through.

    Arguments:
        names: The class names.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._counts = torch.zeros(len(self.names), 2, dtype=torch.long)
        self._told: set[str] = set()

    def add(self, y: Tensor, keep: Tensor) -> None:
        """Counts judged children: their labels and whether they were kept, each `(B,)`."""
        for column, labels in enumerate((y, y[keep])):
            self._counts[:, column] += torch.bincount(labels, minlength=len(self.names))
        little = {
            name
            for name, (judged, kept) in zip(self.names, self._counts.tolist(), strict=True)
            if judged >= ENOUGH and kept < FEW * judged
        }
        if little - self._told:
            self._told |= little
            warnings.warn(
                f"the filter keeps less than {FEW:.0%} of the children of class {', '.join(sorted(little))}; most are "
                f"replaced by their parents: lower its threshold or the perturbation's scale",
                stacklevel=5,
            )

    def shares(self) -> dict[str, float]:
        """Returns the share let through by class name; classes never judged are left out."""
        counts = zip(self.names, self._counts.tolist(), strict=True)
        return {name: kept / judged for name, (judged, kept) in counts if judged}


def probabilities(classifier: Any, x: Tensor) -> Tensor:
    """Returns p(y|x), `(B, K)`, of a classifier of any kind that `Confident` takes."""
    if isinstance(classifier, nn.Module):
        with evaluating(classifier):
            return classifier(x.to(device_of(classifier))).float().softmax(1)
    if hasattr(classifier, "predict_proba"):
        rows = torch.as_tensor(classifier.predict_proba(x.flatten(1).cpu().numpy())).float()
        # An estimator knows the classes it has seen; the columns of the others are zero.
        p = rows.new_zeros(len(rows), int(max(classifier.classes_)) + 1)
        p[:, torch.as_tensor(classifier.classes_).long()] = rows
        return p
    return torch.as_tensor(classifier(x)).float()
