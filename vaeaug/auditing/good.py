"""Is synthetic data good? Labels, density and coverage class by class, and what a classifier learns from it.

References: Naeem et al., "Reliable fidelity and diversity metrics for generative models", 2020,
https://arxiv.org/abs/2002.09797 (density and coverage; here a distance equal to the radius lies inside, so that a set covers
itself); Ravuri and Vinyals, "Classification accuracy score for conditional generative models", 2019,
https://arxiv.org/abs/1905.10887.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.auditing.distances import Distance
from vaeaug.auditing.inputs import Inputs
from vaeaug.auditing.statistics import Estimate, mean_interval
from vaeaug.data.samples import Samples
from vaeaug.filters.confident import probabilities
from vaeaug.filters.cross_fitted import CrossFitted
from vaeaug.filters.teacher_training import TeacherSettings, fit_teacher
from vaeaug.models import classifiers
from vaeaug.runtime import seeds
from vaeaug.runtime.parallel import one_thread

CHUNK = 256  # samples per call of a classifier


@dataclass(frozen=True)
class ClassQuality:
    """One class.

    Arguments:
        name: Its name; `all` for all of them together.
        real, synthetic: The number of samples.
        agreement: The share of the synthetic samples to which teachers, which did not see the nearest real sample, give
            their label.
        agreement_real: The same share of the real samples, each judged by teachers that did not see it.
        density: How many of the real samples' neighbourhoods a synthetic sample lies in, over what is expected: about 1 for
            real samples, 0 far away from them, above 1 in the midst of them.
        coverage: The share of the real samples that have a synthetic sample in their neighbourhood.
        density_holdout, coverage_holdout: The same of held-out samples instead of synthetic ones.

    Values are NaN where there are too few samples.
    """

    name: str
    real: int
    synthetic: int
    agreement: float
    agreement_real: float
    density: float
    coverage: float
    density_holdout: float = math.nan
    coverage_holdout: float = math.nan


@dataclass(frozen=True)
class Accuracy:
    """The classification accuracy score: the mean over the classes of the share of held-out samples that are recognised.

    Arguments:
        classifier: The name of the classifier.
        seeds: The number of seeds.
        real: After training on real samples.
        synthetic: After training on synthetic samples; NaN if they have one class alone, or hardly two of a class.
        both: After training on both.
        gain: `both` minus `real`, paired by seed.
    """

    classifier: str
    seeds: int
    real: Estimate
    synthetic: Estimate
    both: Estimate
    gain: Estimate


def encoded(inputs: Inputs) -> dict[str, Samples]:
    """Returns the sets as classifiers take them, by `real`, `synthetic` and `holdout`: tables with categories one-hot."""
    result = {}
    for name, part in inputs.by_name.items():
        x = part.samples.x if part.columns is None else torch.from_numpy(part.columns.encoded())
        result[name] = Samples(x, part.samples.y, inputs.names)
    return result


def default_classifier(x: Tensor) -> str:
    """Returns the classifier that judges samples `(N, *event)` unless the user names one."""
    return "cnn" if x.ndim == 4 else "forest"


def label_agreement(
    sets: dict[str, Samples], nearest: np.ndarray, classifier: Any, settings: TeacherSettings, seed: int, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which synthetic and which real samples cross-fitted teachers give their label: 1 or 0, NaN if none can judge.

    Arguments:
        sets: The encoded sets.
        nearest: The index of the real sample nearest to each synthetic one: teachers that were trained on it do not judge.
        classifier, settings, seed, folds: Of `CrossFitted.fit`.
    """
    real, synthetic = sets["real"], sets["synthetic"]
    enough = torch.tensor(real.counts)[real.y] > 1
    known = torch.unique(real.y[enough])
    agree, agree_real = np.full(len(synthetic), math.nan), np.full(len(real), math.nan)
    if len(known) < 2:
        return agree, agree_real
    kept = replace(
        real, x=real.x[enough], y=torch.searchsorted(known, real.y[enough]), names=tuple(map(str, known.tolist()))
    )
    teachers = CrossFitted.fit(kept, classifier, folds=folds, seed=seed, **settings._asdict())
    judged = torch.isin(synthetic.y, known)
    parents = real.x[torch.from_numpy(nearest)]
    if judged.any():
        own = known[teachers.probabilities(synthetic.x[judged], parents[judged]).argmax(1)]
        agree[judged.numpy()] = (own == synthetic.y[judged]).double().numpy()
    own = teachers.probabilities(kept.x, kept.x).argmax(1)
    agree_real[enough.numpy()] = (own == kept.y).double().numpy()
    return agree, agree_real


def density_and_coverage(distance: Distance, real: np.ndarray, others: np.ndarray, k: int) -> tuple[float, float]:
    """Returns density and coverage of others around real samples; NaN for less than two real samples, or no others.

    Arguments:
        distance: The distance.
        real, others: Positions in the pool.
        k: The neighbourhood of a real sample reaches to its k-th nearest other one; with fewer samples to the last.
    """
    if len(real) < 2 or not len(others):
        return math.nan, math.nan
    k = min(k, len(real) - 1)
    radius = distance.nearest(real, real, k, others=True).distance[:, -1]
    inside = distance.count_within(real, radius, others)
    return float(inside.sum() / (k * len(others))), float((inside > 0).mean())


def class_qualities(
    inputs: Inputs, distance: Distance, agreement: tuple[np.ndarray, np.ndarray], k: int
) -> list[ClassQuality]:
    """Returns the quality of each class, and of all together first.

    Density and coverage compare equal numbers of samples, because coverage rises with the number of others. Together they are
    the means over the classes.

    Arguments:
        inputs: The sets.
        distance: The distance.
        agreement: What `label_agreement` returns.
        k: See `density_and_coverage`.
    """
    by_class = [_class_quality(inputs, distance, agreement, k, label) for label in range(len(inputs.names))]
    total = ClassQuality(
        "all",
        len(inputs.real),
        len(inputs.synthetic),
        _mean(agreement[0]),
        _mean(agreement[1]),
        *(_mean([getattr(c, name) for c in by_class]) for name in _AROUND),
    )
    return [total, *by_class]


_AROUND = ("density", "coverage", "density_holdout", "coverage_holdout")


def _class_quality(
    inputs: Inputs, distance: Distance, agreement: tuple[np.ndarray, np.ndarray], k: int, label: int
) -> ClassQuality:
    index = [np.flatnonzero(part.samples.y.numpy() == label) for part in inputs.parts]
    size = min(len(own) for own in index if len(own)) if any(map(len, index)) else 0
    at = [inputs.positions(part)[own[:size]] for part, own in zip(inputs.parts, index, strict=True)]
    density, coverage = density_and_coverage(distance, at[0], at[1], k)
    beside = density_and_coverage(distance, at[0], at[2], k) if len(at) > 2 else (math.nan, math.nan)
    agree = _mean(agreement[0][index[1]]), _mean(agreement[1][index[0]])
    return ClassQuality(inputs.names[label], len(index[0]), len(index[1]), *agree, density, coverage, *beside)


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """Returns the mean of the values that are no NaN; NaN if there are none."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else math.nan


def accuracy_score(
    sets: dict[str, Samples],
    classifier: Any,
    settings: TeacherSettings,
    n_seeds: int,
    seed: int,
    report: Callable[[str], None] | None = None,
) -> Accuracy:
    """Returns the accuracy on held-out samples after training on real samples, on synthetic ones, and on both.

    Arguments:
        sets: The encoded sets, with held-out samples.
        classifier: As `CrossFitted.fit` takes it.
        settings: Of networks.
        n_seeds: The number of seeds; below five there are no intervals.
        seed: The first seed.
        report: Called with a line that says what is trained.
    """
    real, synthetic, holdout = sets["real"], sets["synthetic"], sets["holdout"]
    both = Samples(torch.cat([real.x, synthetic.x]), torch.cat([real.y, synthetic.y]), real.names)
    scores: dict[str, list[float]] = {"real": [], "synthetic": [], "both": []}
    for i in range(n_seeds):
        if report is not None:
            report(f"accuracy, {i + 1} of {n_seeds}")
        for name, train in (("real", real), ("synthetic", synthetic), ("both", both)):
            own_seed = seeds.derive(seed, i)
            scores[name].append(_score(train, holdout, classifier, settings, own_seed))
    gains = [b - r for b, r in zip(scores["both"], scores["real"], strict=True)]
    name = classifier if isinstance(classifier, str) else classifiers.as_classifier(classifier).name
    means = {key: mean_interval(values) for key, values in scores.items()}
    return Accuracy(name, n_seeds, means["real"], means["synthetic"], means["both"], mean_interval(gains))


def _score(train: Samples, test: Samples, classifier: Any, settings: TeacherSettings, seed: int) -> float:
    """Returns the mean over the classes of the share of test samples that are recognised."""
    if not 1 < len(torch.unique(train.y)) <= len(train) / 2:
        return math.nan
    with one_thread():
        fitted = fit_teacher(classifier, train, torch.ones(len(train), dtype=torch.bool), settings, seed)
        predicted = torch.cat([probabilities(fitted, x).argmax(1) for x in test.x.split(CHUNK)])
    hits = (predicted == test.y).double()
    return float(torch.stack([hits[test.y == label].mean() for label in torch.unique(test.y)]).mean())
