"""One condition that a benchmark compares: stages that a batch runs through, and a resampler of the training set."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from torch import Tensor, nn

from vaeaug.bench.keys import digest
from vaeaug.bench.results import EQUAL_TIME, KINDS
from vaeaug.bench.stages.base import BatchTransform, Resampler, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.models.spaces import SPACE_NAMES
from vaeaug.runtime import checks, seeds

__all__ = ["EQUAL_TIME", "KINDS", "Method"]


@dataclass(frozen=True)
class Method:
    """One condition that is compared.

    Arguments:
        name: The display name, as in tables.
        stages: What a batch runs through, in this order.
        resampler: What enlarges the training set before training.
        kind: `ours`; `baseline`, a method without our generator; `control`, ours without one ingredient; `generator`, a
            published generative model; or `equal time`, a baseline that is trained as long, in seconds, as ours took.
        space: Where its synthetic samples are perturbed: `vae`, `pca` or `identity`; see `vaeaug.models.spaces`.
    """

    key: ClassVar[str] = "method"

    name: str = field(compare=False)
    stages: tuple[Stage, ...] = ()
    resampler: Resampler | None = None
    kind: str = field(default="ours", compare=False)
    space: str = field(default="vae", metadata={"earlier": "vae"})

    def __post_init__(self) -> None:
        checks.check_choice("kind", self.kind, KINDS)
        checks.check_choice("space", self.space, SPACE_NAMES)
        if any(stage.wraps_estimators for stage in self.stages) and (len(self.stages) > 1 or self.resampler):
            got = f"{self.name!r} with other stages"
            checks.refuse("a stage that changes the estimator alone", got, "its folds would share copies of one sample")

    def unsupported_reason(
        self, classifier: str | Classifier, images: bool = True, classes: int | None = None
    ) -> str | None:
        """Returns why this classifier cannot be trained with the method; None if it can.

        Arguments:
            classifier: The classifier.
            images: Whether the data is images, not tabular.
            classes: The number of classes, if it is known.
        """
        classifier = as_classifier(classifier)
        if any(stage.wraps_estimators for stage in self.stages):
            if classifier.is_network:
                return "it tunes the threshold of an estimator"
            if classes is not None and classes != 2:
                return f"it is for two classes, not {classes}"
        if not images and any(stage.images_only for stage in self.stages):
            return "it is for images"
        if not classifier.is_network and any(stage.networks_only for stage in self.stages):
            return "it mixes labels or needs a network in training"
        if not classifier.accepts_sample_weight and any(stage.weights_samples for stage in self.stages):
            return "the classifier takes no sample weights"
        return None

    def supports(self, classifier: str | Classifier, images: bool = True, classes: int | None = None) -> bool:
        """Returns whether this classifier can be trained with the method; see `unsupported_reason`."""
        return self.unsupported_reason(classifier, images, classes) is None

    def training_steps(self, context: Context, step_seconds: Callable[[Method], float]) -> int:
        """Returns the optimiser steps of a network that is trained with the method.

        Arguments:
            context: The run.
            step_seconds: Measures the seconds of one step of a method on this machine; methods that take the steps of the
                settings do not ask.
        """
        return context.settings.steps

    def wrap(self, context: Context, estimator: Any) -> Any:
        """Returns the estimator to train: the one that is passed, unless a stage changes it."""
        for stage in self.stages:
            estimator = stage.wrap(context, estimator)
        return estimator

    def frame(self, for_network: bool) -> str:
        """Returns a hash of the method, whatever the origin of its samples: a method and its controls have the same.

        Arguments:
            for_network: Whether a network is trained, not an estimator.
        """
        parts = [part.frame(for_network) for part in self._parts]
        # An estimator gets augmented copies if there is a stage that makes some.
        copying = [stage for stage in self.stages if not stage.weights_samples and not stage.wraps_estimators]
        copies = bool(copying) and not for_network
        return digest(json.dumps([[key for part in parts for key in part], copies], sort_keys=True).encode())

    def scheme(self, for_network: bool) -> str:
        """Returns a hash of how synthetic samples are made, whatever the space; empty if the method makes none.

        A control has the frame of a method, and its scheme in a space without a VAE, or no scheme: then it repeats real
        samples.

        Arguments:
            for_network: Whether a network is trained, not an estimator.
        """
        schemes = [scheme for part in self._parts if (scheme := part.scheme(for_network)) is not None]
        return digest(json.dumps(schemes, sort_keys=True).encode()) if schemes else ""

    @property
    def sample_space(self) -> str:
        """The spaces in which synthetic samples are made, with plus signs between; empty if the method makes none."""
        makers = [part for part in self._parts if part.scheme(True) is not None]
        # Stages name the VAE's space where they follow the method's.
        names = {self.space if name == "vae" else name for part in makers for name in part.spaces}
        return "+".join(sorted(names))

    @property
    def _parts(self) -> tuple[Stage | Resampler, ...]:
        """The resampler and the stages, each once: tuning is both."""
        parts: tuple[Stage | Resampler, ...] = self.stages
        resampler = self.resampler
        if resampler is None or any(stage is resampler for stage in parts):
            return parts
        return (resampler, *parts)

    @property
    def available(self) -> bool:
        """Whether the packages that it requires are installed."""
        return self._lacks is None

    def check_available(self) -> None:
        """Refuses a method whose package is not installed."""
        if self._lacks is not None:
            needed, remedy = self._lacks
            checks.refuse(f"{needed} for the method '{self.name}'", "none", remedy)

    @property
    def _lacks(self) -> tuple[str, str] | None:
        """What the first part that is not available lacks, and how to get it."""
        return next((part.lacks for part in self._parts if part.lacks is not None), None)

    def resample(self, context: Context) -> Samples:
        """Returns the set to train on."""
        resampler, context = self.resampler, replace(context, space=self.space)
        if resampler is None:
            return context.samples
        if resampler.trains:
            return context.shared.get(resampler, lambda: resampler.resample(context))
        return resampler.resample(context)

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        """Returns all stages, fitted to the training subset, as one transform."""
        context = replace(context, space=self.space)
        transforms = [stage.fit(context, network) for stage in self.stages]

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            for index, stage_transform in enumerate(transforms):
                x, t = stage_transform(x, t, seeds.derive(seed, index))
            return x, t

        return transform
