"""Cross-fitted teachers: classifiers that judge and label the children of samples that they have never seen.

A classifier has learnt its training samples by heart, and with them their surroundings: it finds their children good. So
the samples are dealt into folds, each teacher is trained on the other folds only, and a child is judged by the teachers
that did not see its parent. Reference: Chernozhukov et al., "Double/debiased machine learning", 2018,
https://arxiv.org/abs/1608.00060 (cross-fitting); Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network",
2015, https://arxiv.org/abs/1503.02531 (soft labels).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from sklearn.base import clone
from torch import Tensor, nn
from tqdm.auto import tqdm

from vaeaug.data.classical import Classical
from vaeaug.data.loading import as_samples
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.filters.base import Confident, Filter, FilterResult, Teacher, probabilities
from vaeaug.models import classifiers
from vaeaug.models.training import ShuffledIndices, train
from vaeaug.runtime import checks, seeds
from vaeaug.runtime.parallel import one_thread

AT_ONCE = 256  # samples that a teacher is asked about together


class SampleSource(Protocol):
    """What makes synthetic samples for teachers: an augmenter, or its restriction to some of its real samples."""

    def subset(self, index: Tensor) -> SampleSource: ...

    def generate(self, n: int, *, seed: int) -> Any: ...


class Training(NamedTuple):
    """How teachers are trained.

    Arguments:
        steps, batch, lr, weight_decay, smoothing: Of a network; as the benchmark trains the classifiers that it judges.
        classical: The classical augmentation of its batches.
        augmenter: Where estimators get children from, beside the real samples.
        copies: How many of each.
    """

    steps: int = 400
    batch: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.05
    smoothing: float = 0.1
    classical: Classical | None = Classical()
    augmenter: SampleSource | None = None
    copies: int = 10


@dataclass(frozen=True, eq=False)
class CrossFitted(Teacher):
    """Keeps a child where teachers that never saw its parent give its label at least the probability `threshold`, and
    gives soft labels.

    `CrossFitted.fit` makes one. What is near none of the samples it was fitted to is judged by all teachers together. A
    parent is known by its content: augment classically after the VAE, not before it.

    Arguments:
        teachers: Members of one or more kinds, `Confident` would take each.
        seen: Which teacher was trained on which sample, booleans `(teachers, N)`.
        places: Where these samples stand.
        classes: The number of classes K.
        threshold: In 0..1; 0 keeps all.
        weight: The share of the teachers in soft labels, in 0..1; the rest is the parent's label.
        temperature: Above 0: below 1 the teachers are made surer, above 1 less sure.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> teachers = CrossFitted.fit("digits", "logistic", folds=3)
        >>> x, y, parent, _ = augmenter.using(keep=teachers).generate(64, seed=0)
        >>> teachers.soft(x, y, augmenter.bank_.samples.x[parent]).shape
        torch.Size([64, 10])
    """

    teachers: tuple[tuple[Any, ...], ...]
    seen: Tensor
    places: SampleIndex
    classes: int
    threshold: float = 0.3
    weight: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        checks.check_number("threshold", self.threshold, 0, 1)
        checks.check_number("weight", self.weight, 0, 1)
        checks.check_number("temperature", self.temperature, 0, above=True)

    @classmethod
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
        temperature: float = 1.0,
        **training: Any,
    ) -> CrossFitted:
        """Trains teachers, each on all folds but one.

        Arguments:
            data: The labelled samples that children will come from, in any form that `vaeaug.data.as_samples` takes.
            classifier: A name of `vaeaug.models.classifiers` (cnn, mlp, forest, logistic, knn), an estimator of
                scikit-learn with `predict_proba` (which gets flat rows), a function from the shape of a sample and the
                number of classes to an nn.Module that returns logits, or several of these, whose probabilities are averaged.
            folds: How many; equal samples share a fold, and the only sample of a class is seen by all. 1 trains every
                teacher on everything: such teachers are no longer cross-fitted, and surer.
            repeats: How often samples are dealt anew: `folds * repeats` teachers.
            seed: The same seed gives the same teachers.
            progress: Whether to show a bar.
            threshold, weight, temperature: See the class.
            training: Of `vaeaug.filters.cross_fitted.Training`: `steps`, `classical`, `augmenter` and so on.

        Raises:
            InputError: If the data, the classifier or a setting cannot be used.
        """
        samples = as_samples(data)
        checks.check_class_counts(samples.counts)
        checks.check_number("folds", folds, 1, whole=True)
        checks.check_number("repeats", repeats, 1, whole=True)
        for name in training:
            checks.check_choice("a setting of the teachers' training", name, Training._fields)
        several = isinstance(classifier, Sequence) and not isinstance(classifier, str)
        kinds = tuple(classifier) if several else (classifier,)
        for kind in kinds:
            _check_kind(kind, samples)
        how, places = Training(**training), SampleIndex(samples.x)
        seen = torch.cat([_dealt(samples, places, folds, seeds.derive(seed, 0, time)) for time in range(repeats)])
        plan = tqdm(seen, desc="training teachers", disable=not progress, leave=False, unit="teacher")
        teachers = []
        with one_thread():
            for number, part in enumerate(plan):
                member_seeds = [seeds.derive(seed, 1, number, place) for place in range(len(kinds))]
                teachers.append(
                    tuple(_taught(k, samples, part, how, s) for k, s in zip(kinds, member_seeds, strict=True))
                )
        return cls(tuple(teachers), seen, places, len(samples.names), threshold, weight, temperature)

    def using(self, **settings: float) -> CrossFitted:
        """Returns the same teachers with another `threshold`, `weight` or `temperature`."""
        for name in settings:
            checks.check_choice("a setting", name, ("threshold", "weight", "temperature"))
        return replace(self, **settings)  # type: ignore[arg-type]

    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        return self._verdict(x, y, None)

    def near(self, parents: Tensor) -> Filter:
        return _Near(self, parents)

    def probabilities(self, x: Tensor, parents: Tensor | None = None) -> Tensor:
        """Returns p(y|x), `(B, K)`, the mean over the teachers that did not see the parents.

        Arguments:
            x: Samples, `(B, *event)`.
            parents: The real sample that each came from, `(B, *event)`; by default all teachers judge.
        """
        total = torch.zeros(len(x), self.classes)
        may = self._may_judge(len(x), parents)
        for members, allowed in zip(self.teachers, may, strict=True):
            if not allowed.any():
                continue  # an empty tensor is split into one empty part, which estimators refuse
            for rows in torch.nonzero(allowed)[:, 0].split(AT_ONCE):
                for member in members:
                    p = probabilities(member, x[rows.to(x.device)]).cpu()
                    total[rows, : p.shape[1]] += p / len(members)
        p = total / may.sum(0)[:, None]
        if self.temperature != 1:
            p = (p.clamp(min=1e-12).log() / self.temperature).softmax(1)
        return p.to(x.device)

    def soft(self, x: Tensor, y: Tensor, parents: Tensor | None = None) -> Tensor:
        hard = nn.functional.one_hot(y.to(x.device), self.classes).float()
        return hard.lerp(self.probabilities(x, parents), self.weight)

    def _verdict(self, x: Tensor, y: Tensor, parents: Tensor | None) -> FilterResult:
        confidence = self.probabilities(x, parents).gather(1, y.to(x.device)[:, None])[:, 0]
        return FilterResult(confidence >= self.threshold, confidence)

    def _may_judge(self, size: int, parents: Tensor | None) -> Tensor:
        if parents is None:
            return torch.ones(len(self.teachers), size, dtype=torch.bool)
        place = self.places(parents)
        may = ~self.seen[:, place] | (place < 0)
        # Where all have seen the parent, all judge.
        return may | ~may.any(0)


@dataclass(frozen=True, eq=False)
class _Near(Filter):
    teachers: CrossFitted
    parents: Tensor

    def __call__(self, x: Tensor, y: Tensor) -> FilterResult:
        return self.teachers._verdict(x, y, self.parents)


def _check_kind(kind: Any, samples: Samples) -> None:
    if isinstance(kind, str):
        classifiers.check_name(kind)
        if kind == "cnn" and samples.x.ndim == 2:
            checks.refuse("a classifier for rows", "cnn", "choose mlp, forest, logistic or knn")
        kind = classifiers.NETWORKS.get(kind) or classifiers.ESTIMATORS[kind](0)
    elif isinstance(kind, nn.Module):
        remedy = "pass a function that makes a new one: lambda shape, classes: Network(...)"
        checks.refuse("a function that makes a network", "a network", remedy)
    Confident(kind)


def _dealt(samples: Samples, places: SampleIndex, folds: int, seed: int) -> Tensor:
    """Deals the samples into folds, class by class; returns which of so many teachers sees which, `(folds, N)`."""
    if folds == 1:
        return torch.ones(1, len(samples), dtype=torch.bool)
    first = places(samples.x)
    fold = torch.full((len(samples),), -1)
    turn = 0
    for label in range(len(samples.names)):
        own = first[samples.y == label].unique()
        if len(own) > 1:
            shuffled = own[torch.randperm(len(own), generator=seeds.generator(seed, label))]
            fold[shuffled] = (turn + torch.arange(len(own))) % folds
            # The next class goes on where this one ended, so that folds of small classes are alike in size.
            turn += len(own)
    return fold[first] != torch.arange(folds)[:, None]


def _taught(kind: Any, samples: Samples, part: Tensor, how: Training, seed: int) -> Any:
    """Returns a teacher of this kind, trained on the samples where `part` is true."""
    if isinstance(kind, str):
        kind = classifiers.NETWORKS.get(kind) or classifiers.ESTIMATORS[kind](seed % 2**32)
    if hasattr(kind, "predict_proba"):
        return _fitted(clone(kind), samples[part], part, how, seed)
    return _trained(kind, samples[part], how, seed)


def _fitted(estimator: Any, known: Samples, part: Tensor, how: Training, seed: int) -> Any:
    x, y = known.x, known.y
    if estimator.get_params().get("random_state", 0) is None:
        estimator.set_params(random_state=seed % 2**32)
    if how.augmenter is not None:
        # Neither parents nor partners of these children are of the fold that is held out.
        made = how.augmenter.subset(part).generate(how.copies * len(known), seed=seeds.derive(seed, 0))
        x, y = torch.cat([x, made.x]), torch.cat([y, made.y])
    return estimator.fit(x.flatten(1).numpy(), y.numpy())


def _trained(make: Callable[..., nn.Module], known: Samples, how: Training, seed: int) -> nn.Module:
    with seeds.forked(seed, 0):
        body = make(known.event_shape, len(known.names))
    network = classifiers.Standardize(body, *classifiers.channel_moments(known.x)).to(memory_format=torch.channels_last)
    augment = None if how.classical is None else how.classical.on(known.x)
    order = ShuffledIndices(len(known), how.batch, seeds.derive(seed, 1))
    targets = nn.functional.one_hot(known.y, len(known.names)).float()

    def loss(step: int) -> Tensor:
        x, t = known.x[order(step)], targets[order(step)]
        if augment is not None:
            x = augment(x, seeds.derive(seed, 2, step))
        return nn.functional.cross_entropy(network(x).float(), t, label_smoothing=how.smoothing)

    train(network, loss, steps=how.steps, lr=how.lr, weight_decay=how.weight_decay, progress=False)
    return network.eval()
