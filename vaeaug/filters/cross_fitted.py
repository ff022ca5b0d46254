"""Cross-fitted teachers: classifiers that judge and label the synthetic samples of parents they were not trained on.

A classifier memorises its training samples and their neighbourhood, and so accepts their synthetic neighbours too easily.
Samples are therefore split into folds, each teacher is trained on all folds but one, and a synthetic sample is judged by the
teachers that were not trained on its parent. Reference: Chernozhukov et al., "Double/debiased machine learning", 2018,
https://arxiv.org/abs/1608.00060 (cross-fitting); Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network",
2015, https://arxiv.org/abs/1503.02531 (soft labels).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug.data.loading import as_samples
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.filters.base import Filter, FilterResult, Teacher
from vaeaug.filters.confident import check_gives_probabilities, probabilities
from vaeaug.filters.teacher_training import TeacherSettings, check_settings, fit_teacher
from vaeaug.models import classifiers
from vaeaug.runtime import checks, modes, seeds
from vaeaug.runtime.parallel import one_thread
from vaeaug.runtime.progress import progress_bar

CHUNK = 256  # samples per call of a teacher


class Stream(IntEnum):
    """The random streams drawn from the seed of `CrossFitted.fit`. A number never changes its meaning."""

    FOLDS = 0
    TRAINING = 1


@dataclass(frozen=True, eq=False)
class CrossFitted(Teacher):
    """Accepts a sample when teachers that were not trained on its parent give its label at least the probability
    `threshold`; gives soft labels.

    `CrossFitted.fit` creates one. Where the parent is not among the samples it was fitted to, all teachers judge. Parents
    are recognised by their content, so augment classically after the VAE, not before it.

    Arguments:
        teachers: One tuple of classifiers per fold, each as accepted by `Confident`; their probabilities are averaged.
        trained_on: Which teachers were trained on which sample, booleans `(teachers, N)`.
        index: Finds the N samples by their content.
        num_classes: The number of classes K.
        threshold: The minimum probability of the label, in 0..1; 0 accepts everything.
        weight: The weight of the teachers in soft labels, in 0..1; the parent's one-hot label has the rest.

    Raises:
        InputError: If `threshold` or `weight` is out of range.

    Example:
        >>> from vaeaug import Augmenter
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> teachers = CrossFitted.fit("digits", "logistic", folds=3)
        >>> x, y, parent, _ = augmenter.using(filter=teachers).generate(64, seed=0)
        >>> teachers.soft(x, y, augmenter.bank_.samples.x[parent]).shape
        torch.Size([64, 10])
    """

    teachers: tuple[tuple[Any, ...], ...]
    trained_on: Tensor
    index: SampleIndex
    num_classes: int
    threshold: float = 0.3
    weight: float = 1.0

    def __post_init__(self) -> None:
        checks.check_number("threshold", self.threshold, 0, 1)
        checks.check_number("weight", self.weight, 0, 1)

    @classmethod
    @modes.in_plain_modes
    def fit(
        cls,
        data: Any,
        classifier: Any = "cnn",
        *,
        folds: int = 5,
        repeats: int = 1,
        seed: int = 0,
        progress: bool = False,
        threshold: float = 0.3,
        weight: float = 1.0,
        **training: Any,
    ) -> CrossFitted:
        """Trains teachers, each on all folds but one.

        Arguments:
            data: The labelled samples to generate from, in any form that `vaeaug.data.as_samples` takes.
            classifier: A name of `vaeaug.models.classifiers` (cnn, mlp, forest, logistic, knn), a scikit-learn estimator
                with `predict_proba` (it receives flattened samples), a function `(event_shape, classes) -> nn.Module` whose
                module returns logits, or a sequence of these, whose probabilities are averaged.
            folds: The number of folds. Equal samples share a fold, and the only sample of a class is in the training set of
                every teacher. With 1, every teacher is trained on everything: such teachers are not cross-fitted, and
                overconfident.
            repeats: The number of random splits into folds; there are `folds * repeats` teachers.
            seed: The seed of the folds and the training; the same seed gives the same teachers.
            progress: Whether to show a progress bar.
            threshold: See the class.
            weight: See the class.
            training: Settings of `vaeaug.filters.teacher_training.TeacherSettings`, for example `steps` or `classical`.

        Raises:
            InputError: If the data, the classifier or a setting cannot be used.
        """
        samples = as_samples(data)
        checks.check_class_counts(samples.counts)
        checks.check_number("folds", folds, 1, whole=True)
        checks.check_number("repeats", repeats, 1, whole=True)
        for name in training:
            checks.check_choice("a setting of the teachers' training", name, TeacherSettings._fields)
        several = isinstance(classifier, Sequence) and not isinstance(classifier, str)
        kinds = tuple(classifier) if several else (classifier,)
        for kind in kinds:
            _check_kind(kind, samples)
        settings, index = TeacherSettings(**training), SampleIndex(samples.x)
        check_settings(settings)
        trained_on = torch.cat(
            [_train_masks(samples, index, folds, seeds.derive(seed, Stream.FOLDS, repeat)) for repeat in range(repeats)]
        )
        teachers = []
        bar = progress_bar(len(trained_on), "training teachers", "teacher", show=progress)
        with one_thread(), closing(bar):
            for number, mask in enumerate(trained_on):
                stream = (seed, Stream.TRAINING, number)
                teachers.append(
                    tuple(
                        fit_teacher(kind, samples, mask, settings, seeds.derive(*stream, k))
                        for k, kind in enumerate(kinds)
                    )
                )
                bar.update()
        return cls(tuple(teachers), trained_on, index, len(samples.names), threshold, weight)

    def using(self, **settings: float) -> CrossFitted:
        """Returns the same teachers with another `threshold` or `weight`."""
        for name in settings:
            checks.check_choice("a setting", name, ("threshold", "weight"))
        return replace(self, **settings)  # type: ignore[arg-type]

    @modes.in_plain_modes
    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        return self._judge(x, y, None)

    def for_parents(self, parents: Tensor) -> Filter:
        return _ForParents(self, parents)

    @modes.in_plain_modes
    def probabilities(self, x: Tensor, parents: Tensor | None = None) -> Tensor:
        """Returns p(y|x), `(B, K)`, the mean over the teachers that were not trained on the parents.

        Arguments:
            x: Samples, `(B, *event)`.
            parents: The real sample that each was generated from, `(B, *event)`; by default all teachers judge.
        """
        total = torch.zeros(len(x), self.num_classes)
        eligible = self._eligible(len(x), parents)
        for members, mask in zip(self.teachers, eligible, strict=True):
            if not mask.any():
                continue  # an empty tensor splits into one empty chunk, which estimators refuse
            for index in torch.nonzero(mask)[:, 0].split(CHUNK):
                for member in members:
                    p = probabilities(member, x[index.to(x.device)]).cpu()
                    total[index, : p.shape[1]] += p / len(members)
        return (total / eligible.sum(0)[:, None]).to(x.device)

    @modes.in_plain_modes
    def soft(self, x: Tensor, y: Tensor, parents: Tensor | None = None) -> Tensor:
        one_hot = nn.functional.one_hot(y.to(x.device), self.num_classes).float()
        return one_hot.lerp(self.probabilities(x, parents), self.weight)

    def _judge(self, x: Tensor, y: Tensor, parents: Tensor | None) -> FilterResult:
        confidence = self.probabilities(x, parents).gather(1, y.to(x.device)[:, None])[:, 0]
        return FilterResult(confidence >= self.threshold, confidence)

    def _eligible(self, size: int, parents: Tensor | None) -> Tensor:
        """Returns which teachers judge which of `size` samples, booleans `(teachers, size)`."""
        if parents is None:
            return torch.ones(len(self.teachers), size, dtype=torch.bool)
        index = self.index(parents)
        eligible = ~self.trained_on[:, index] | (index < 0)
        # Where every teacher was trained on the parent, all judge.
        return eligible | ~eligible.any(0)


@dataclass(frozen=True, eq=False)
class _ForParents(Filter):
    teachers: CrossFitted
    parents: Tensor

    @modes.in_plain_modes
    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        return self.teachers._judge(x, y, self.parents)


def _check_kind(kind: Any, samples: Samples) -> None:
    if isinstance(kind, str):
        classifiers.check_name(kind)
        classifiers.check_takes(kind, samples.x, "mlp, forest, logistic or knn")
        kind = classifiers.NETWORKS.get(kind) or classifiers.ESTIMATORS[kind](0)
    elif isinstance(kind, nn.Module):
        remedy = "pass a function that makes a new one: lambda event_shape, classes: Network(...)"
        checks.refuse("a function that makes a network", "a network", remedy)
    check_gives_probabilities(kind)


def _train_masks(samples: Samples, index: SampleIndex, folds: int, seed: int) -> Tensor:
    """Splits the samples into folds, class by class; returns the training set for each fold, booleans `(folds, N)`."""
    # Not scikit-learn's StratifiedGroupKFold: it holds out the only sample of a class, and warns of small classes.
    if folds == 1:
        return torch.ones(1, len(samples), dtype=torch.bool)
    first_equal = index(samples.x)
    fold = torch.full((len(samples),), -1)
    offset = 0
    for label in range(len(samples.names)):
        distinct = first_equal[samples.y == label].unique()
        if len(distinct) > 1:
            shuffled = distinct[torch.randperm(len(distinct), generator=seeds.generator(seed, label))]
            fold[shuffled] = (offset + torch.arange(len(distinct))) % folds
            # The next class starts at the fold after the last one used, so that folds of small classes are equal in size.
            offset += len(distinct)
    return fold[first_equal] != torch.arange(folds)[:, None]
