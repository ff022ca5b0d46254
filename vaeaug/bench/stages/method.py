"""One condition that a benchmark compares: stages that a batch runs through, and a resampler of the training set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Tensor, nn

from vaeaug.bench.stages.base import BatchTransform, Resampler, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.models.spaces import SPACE_NAMES
from vaeaug.runtime import checks, seeds

KINDS = ("ours", "baseline", "control", "generator")


@dataclass(frozen=True)
class Method:
    """One condition that is compared.

    Arguments:
        name: The display name, as in tables.
        stages: What a batch runs through, in this order.
        resampler: What enlarges the training set before training.
        kind: `ours`; `baseline`, a method without our generator; `control`, ours without one ingredient; or `generator`, a
            published generative model.
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

    def unsupported_reason(self, classifier: str | Classifier, images: bool = True) -> str | None:
        """Returns why this classifier cannot be trained with the method, on images or tabular data; None if it can."""
        classifier = as_classifier(classifier)
        if not images and any(stage.images_only for stage in self.stages):
            return "it is for images"
        if not classifier.is_network and any(stage.networks_only for stage in self.stages):
            return "it mixes labels or needs a network in training"
        if not classifier.accepts_sample_weight and any(stage.weights_samples for stage in self.stages):
            return "the classifier takes no sample weights"
        return None

    def supports(self, classifier: str | Classifier, images: bool = True) -> bool:
        """Returns whether this classifier can be trained with the method, on images or tabular data."""
        return self.unsupported_reason(classifier, images) is None

    @property
    def available(self) -> bool:
        """Whether the packages that it requires are installed."""
        return self.resampler is None or self.resampler.available

    def check_available(self) -> None:
        """Refuses a method whose package is not installed."""
        if self.resampler is not None and self.resampler.requires and not self.available:
            package, extra = self.resampler.requires
            remedy = f"pip install 'vaeaug[{extra}]'"
            checks.refuse(f"the package {package} for the method '{self.name}'", "none", remedy)

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
