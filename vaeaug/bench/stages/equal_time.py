"""The control of equal time: a baseline that is trained for as many seconds as a method of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from vaeaug.bench.results import EQUAL_TIME
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.method import Method
from vaeaug.models.classifiers import Classifier, as_classifier
from vaeaug.runtime import checks

DIGITS = 2  # of the number of steps: further ones would be noise of the clock


@dataclass(frozen=True)
class EqualTime(Method):
    """A baseline that takes as many optimiser steps as fit into the seconds that another method, of ours, takes.

    The steps are derived on the machine, in the process and on the training subset of the run, by a short timing of both
    methods before training (`step_seconds`): the seconds of `reference` are those of its models (the VAE, trained once for
    all methods of the seed), of its preparation, and of a step times the steps of the settings; divided by the seconds of a
    step of the baseline, and rounded to two digits, they give its steps. It never takes fewer steps than the settings say.
    The schedule of the learning rate stretches over all steps. The result states the steps. They follow the clock, so
    another run may take some steps more or less: unlike all other results, these are not reproducible to the bit.

    Arguments:
        reference: The method whose seconds count.
    """

    key: ClassVar[str] = "equal time"

    kind: str = field(default=EQUAL_TIME, compare=False)
    reference: Method = field(default_factory=lambda: Method("none"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.reference, EqualTime):
            checks.refuse(
                "a method with the steps of the settings as reference", self.reference.name, "pass another one"
            )

    def unsupported_reason(
        self, classifier: str | Classifier, images: bool = True, classes: int | None = None
    ) -> str | None:
        """Returns why this classifier cannot be trained with the method; None if it can."""
        if not as_classifier(classifier).is_network:
            return "an estimator takes no steps, of which there could be more"
        return super().unsupported_reason(classifier, images, classes) or self.reference.unsupported_reason(
            classifier, images, classes
        )

    def training_steps(self, context: Context, step_seconds: Callable[[Method], float]) -> int:
        """Returns the steps that take the baseline as long as `reference`; see the class.

        Arguments:
            context: The run.
            step_seconds: Measures the seconds of one step of a method.
        """
        shared = context.shared
        with shared.uncounted():
            prepared = self._preparation_seconds(context)
            # Kept with the models, so that the timing is not counted as training of the baseline.
            own, other = shared.get((self, context.classifier.name), lambda: self._measure(step_seconds))
        return equal_steps(context.settings.steps, prepared, other, own)

    def _measure(self, step_seconds: Callable[[Method], float]) -> tuple[float, float]:
        baseline = Method(self.name, self.stages, self.resampler)
        return step_seconds(baseline), step_seconds(self.reference)

    def _preparation_seconds(self, context: Context) -> float:
        """Returns the seconds of `reference` before the first step: its models, whoever trains them, and their use."""
        shared = context.shared
        shared.start_run()
        start, trained_before = time.perf_counter(), shared.total_seconds
        self.reference.resample(context)
        self.reference.fit(context, context.new_network())
        own = time.perf_counter() - start - (shared.total_seconds - trained_before)
        return own + shared.used_seconds


def equal_steps(steps: int, prepared: float, step: float, own_step: float) -> int:
    """Returns the number of steps that a baseline takes in the time of another method, rounded to two digits.

    Arguments:
        steps: The steps of the other method, and the fewest of the baseline.
        prepared: The seconds of the other method before its first step.
        step: The seconds of its step.
        own_step: The seconds of a step of the baseline.
    """
    seconds = prepared + steps * step
    return max(steps, int(float(f"{seconds / own_step:.{DIGITS - 1}e}")))
