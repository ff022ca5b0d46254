"""One condition that a benchmark compares: what a batch runs through, and what enlarges the training set beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vaeaug.bench.stages.base import Growth, Job, Stage, Transform
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.runtime import checks, seeds


@dataclass(frozen=True)
class Arm:
    """One condition compared.

    Arguments:
        name: As it stands in tables.
        stages: What a batch runs through, in this order.
        growth: What makes a larger training set beforehand.
    """

    name: str
    stages: tuple[Stage, ...] = ()
    growth: Growth | None = None

    def suits(self, classifier: str | Classifier, images: bool = True) -> bool:
        """Returns whether this classifier can be trained under the arm, on images or on rows."""
        return self.why_not(classifier, images) is None

    def why_not(self, classifier: str | Classifier, images: bool = True) -> str | None:
        """Returns in words why this classifier cannot be trained under the arm; None if it can."""
        one = as_classifier(classifier)
        if not images and any(stage.images_only for stage in self.stages):
            return "it is for images"
        if not one.is_network and any(stage.networks_only for stage in self.stages):
            return "it mixes labels or asks a network in training"
        if not one.accepts_sample_weight and any(stage.weights_samples for stage in self.stages):
            return "the classifier takes no sample weights"
        return None

    @property
    def ready(self) -> bool:
        """Whether the packages that it needs are installed."""
        return self.growth is None or self.growth.ready

    def check_ready(self) -> None:
        """Refuses an arm whose package is not installed."""
        if self.growth is not None and self.growth.needs and not self.ready:
            package, extra = self.growth.needs
            checks.refuse(f"the package {package} for the arm '{self.name}'", "none", f"pip install 'vaeaug[{extra}]'")

    def grow(self, job: Job) -> Samples:
        """Returns the set to train on."""
        return job.samples if self.growth is None else job.grown(self.growth)

    def fit(self, job: Job) -> Transform:
        """Fits every stage to the training subset."""
        transforms = [stage.fit(job) for stage in self.stages]

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            for place, apply in enumerate(transforms):
                x, t = apply(x, t, seeds.derive(seed, place))
            return x, t

        return transform
