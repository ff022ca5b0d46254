"""The stage whose augmenter also has unlabelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench.keys import stable_key
from vaeaug.bench.stages.context import Context, fit_augmenter
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.data.lookup import SampleIndex
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.seeds import Stream


@dataclass(frozen=True)
class WithUnlabelled(Synthetic):
    """Replaces a fraction of a batch with synthetic samples that also start from unlabelled ones; see `Augmenter.fit`.

    Arguments:
        unlabelled_count: The number of unlabelled samples: training data outside the training subset, without labels.
        teacher: The classifier that judges them; see `Augmenter.fit`.
    """

    key: ClassVar[str] = "with unlabelled"

    unlabelled_count: int = 0
    teacher: Any = "forest"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_number("unlabelled_count", self.unlabelled_count, 1, whole=True)

    def augmenter(self, context: Context) -> Augmenter:
        name = ("unlabelled", context.space, self.unlabelled_count, self.teacher)
        return context.shared.get(name, lambda: self._fit(context))

    def frame(self, for_network: bool) -> list[Any]:
        # The pool is no part of the scheme: a control must have it as well.
        pool = {"unlabelled": self.unlabelled_count, "teacher": stable_key(self.teacher)}
        return [*super().frame(for_network), pool]

    def _fit(self, context: Context) -> Augmenter:
        unlabelled = self.draw_unlabelled(context)
        return fit_augmenter(
            context.samples, context.seed, context.settings, context.space, unlabelled=unlabelled, teacher=self.teacher
        )

    def draw_unlabelled(self, context: Context) -> Tensor:
        """Returns the unlabelled samples of a run, `(unlabelled_count, *event)`."""
        return draw_unlabelled(context, self.unlabelled_count)


def draw_unlabelled(context: Context, count: int) -> Tensor:
    """Returns the unlabelled samples of a run, `(count, *event)`: the same for every method of a seed.

    They are training data outside the training subset, without their labels. Fewer samples are the first of more.
    """
    train_data = context.train_data
    if train_data is None:
        checks.refuse("a run that knows its training data", "one without", "use vaeaug.compare(..., unlabelled=1000)")
    index_of = SampleIndex(train_data.x)
    in_subset = torch.zeros(len(train_data.x), dtype=torch.bool)
    index = index_of(context.samples.x)
    in_subset[index[index >= 0]] = True
    # A duplicate of a sample in the subset counts as in the subset, wherever it is.
    available = torch.nonzero(~in_subset[index_of(train_data.x)])[:, 0]
    order = torch.randperm(len(available), generator=seeds.generator(context.seed, Stream.UNLABELLED))
    return train_data.x[available[order[:count]]]
