"""Runs of the benchmark: one classifier trained with one method on one training subset, then judged.

Methods share, seed by seed, the training subset, the initial weights, the order of the data, the number of optimiser steps,
the schedule and the label smoothing; only the augmentation differs. Training never sees the test split: `judge` reads it
afterwards.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef, roc_auc_score
from torch import Tensor, nn

from vaeaug.bench.keys import digest
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.context import Context, SharedModels
from vaeaug.bench.stages.method import Method
from vaeaug.data.samples import Samples
from vaeaug.models import classifiers
from vaeaug.models.classifiers import Classifier
from vaeaug.models.estimators import is_pipeline
from vaeaug.models.training import ShuffledIndices, autocast, evaluating, train
from vaeaug.runtime.seeds import Stream

COPIES = 10  # augmented copies of each real sample for a scikit-learn estimator,
MAX_COPIES = 20_000  # or fewer, so that there are at most this many in all
TIMED_STEPS, UNTIMED_STEPS = 30, 5  # of a short timing of a method; the first steps are slower than the rest
PREDICTION_BATCH = 500

Predict = Callable[[Tensor], Tensor]


class Trained(NamedTuple):
    """A trained classifier.

    Arguments:
        predict: Samples -> labels `(B,)`.
        steps: Its optimiser steps; 0 for an estimator.
        scores: Samples -> a score of every class, `(B, K)`; None if it gives none.
        gives_probabilities: Whether the scores are probabilities.
    """

    predict: Predict
    steps: int
    scores: Predict | None = None
    gives_probabilities: bool = True


class SeedRun:
    """One seed of a benchmark: the training subset, and the models that its methods share.

    Arguments:
        samples: The training subset.
        seed: The seed.
        settings: What the methods share.
        train_data: The data that the subset was drawn from.
    """

    def __init__(self, samples: Samples, seed: int, settings: Settings, train_data: Samples | None = None) -> None:
        self.samples, self.seed, self.settings, self.train_data = samples, seed, settings, train_data
        self.subset_digest = digest(samples.x.numpy().tobytes(), samples.y.numpy().tobytes())
        self.shared = SharedModels()

    def context(self, classifier: Classifier) -> Context:
        """Returns what the methods of this seed may know when this classifier is trained."""
        return Context(self.samples, self.seed, self.settings, classifier, self.train_data, self.shared)

    def save_augmenter(self, folder: Path) -> None:
        """Saves the shared augmenter, if a method trained it and the folder does not exist."""
        if "augmenter" in self.shared and not folder.exists():
            self.context(classifiers.as_classifier("cnn")).augmenter().save(folder)


def fit_classifier(context: Context, method: Method) -> Trained:
    """Trains the context's classifier with a method."""
    return fit_network(context, method) if context.for_network else fit_estimator(context, method)


def fit_network(context: Context, method: Method) -> Trained:
    """Trains a network with a method, on batches of the training set."""
    precision = context.settings.precision
    network, steps = _train_network(context, method, method.training_steps(context, partial(step_seconds, context)))

    def logits(x: Tensor) -> Tensor:
        with evaluating(network), autocast(precision, x.device):
            return torch.cat([network(batch) for batch in x.split(PREDICTION_BATCH)]).float()

    return Trained(lambda x: logits(x).argmax(1), steps, lambda x: logits(x).softmax(1))


def step_seconds(context: Context, method: Method) -> float:
    """Returns the seconds of one optimiser step of a method: the median of some, on a network that is thrown away."""
    times: list[float] = []
    steps = UNTIMED_STEPS + TIMED_STEPS + 1
    _train_network(context, method, steps, lambda: times.append(time.perf_counter()))
    return float(np.median(np.diff(times[UNTIMED_STEPS:])))


def _train_network(
    context: Context, method: Method, n_steps: int, on_step: Callable[[], Any] = lambda: None
) -> tuple[nn.Module, int]:
    """Returns a network that was trained for some steps, and how many it took; `on_step` is called before each."""
    settings = context.settings
    network = context.new_network()
    train_set, transform = method.resample(context), method.fit(context, network)
    targets = nn.functional.one_hot(train_set.y, len(train_set.names)).float()
    batch_index = ShuffledIndices(len(train_set), settings.batch, context.seed_of(Stream.ORDER))
    steps = 0

    def loss(step: int) -> Tensor:
        nonlocal steps
        steps += 1
        on_step()
        index = batch_index(step)
        x, t = transform(train_set.x[index], targets[index], context.seed_of(Stream.AUGMENTATION, step))
        # Smoothing must also work for weighted targets, which do not sum to 1.
        t = (1 - settings.smoothing) * t + settings.smoothing * t.mean(1, keepdim=True)
        return nn.functional.cross_entropy(network(x).float(), t)

    train(
        network,
        loss,
        steps=n_steps,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        precision=settings.precision,
        progress=False,
    )
    return network, steps


def fit_estimator(context: Context, method: Method) -> Trained:
    """Trains a scikit-learn estimator with a method, on the training set and augmented copies of it."""
    train_set, transform = method.resample(context), method.fit(context)
    x, t = train_set.x, nn.functional.one_hot(train_set.y, len(train_set.names)).float()
    seed = context.seed_of(Stream.AUGMENTATION)
    if method.stages and all(stage.weights_samples for stage in method.stages):
        x, t = transform(x, t, seed)
    elif not all(stage.wraps_estimators for stage in method.stages):
        n_copies = max(1, min(COPIES, MAX_COPIES // len(x)))
        copies, targets = transform(x.repeat(n_copies, *[1] * (x.ndim - 1)), t.repeat(n_copies, 1), seed)
        if len(copies):
            # The first copies have the weights of the originals.
            weights = targets[: len(t)].sum(1, keepdim=True)
            x, t = torch.cat([x, copies]), torch.cat([t * weights, targets])
    estimator = method.wrap(context, context.classifier.estimator(context.seed))
    features, labels, sample_weights = x.flatten(1).numpy(), t.argmax(1).numpy(), t.sum(1).numpy()
    if (sample_weights == 1).all():
        estimator.fit(features, labels)
    else:
        classifiers.fit_weighted(estimator, features, labels, sample_weights)
    gives_probabilities = hasattr(estimator, "predict_proba")
    predict = lambda x: torch.as_tensor(estimator.predict(x.flatten(1).numpy()))  # noqa: E731
    return Trained(predict, 0, _scores(estimator, len(train_set.names)), gives_probabilities)


def _scores(estimator: Any, n_classes: int) -> Predict | None:
    """Returns a function to the scores of all classes, `(B, n_classes)`; None if the estimator gives none."""
    scores_of = getattr(estimator, "predict_proba", None) or getattr(estimator, "decision_function", None)
    final_step = estimator.steps[-1][1] if is_pipeline(estimator) else estimator
    one_vs_one = getattr(final_step, "decision_function_shape", "ovr") == "ovo"
    gives_probabilities = hasattr(estimator, "predict_proba")
    if scores_of is None or (one_vs_one and not gives_probabilities):
        return None  # scores of pairs of classes are not scores of classes

    def scores(x: Tensor) -> Tensor:
        values = torch.as_tensor(scores_of(x.flatten(1).numpy())).float()
        values = torch.stack([-values, values], 1) if values.ndim == 1 else values
        # An estimator knows the classes that it has seen.
        all_values = values.new_full((len(values), n_classes), 0.0 if gives_probabilities else float(values.min()))
        all_values[:, torch.as_tensor(estimator.classes_).long()] = values
        return all_values

    return scores


def judge(trained: Trained, test: Samples) -> dict[str, Any]:
    """Returns the metrics of a result. The only reader of the test split once training has begun."""
    labels, predictions = test.y.numpy(), trained.predict(test.x).numpy()
    counts = confusion_matrix(labels, predictions, labels=range(len(test.names)))
    present = counts.sum(1) > 0  # a test split may lack a class
    return {
        "accuracy": float(accuracy_score(labels, predictions)),
        "balanced_accuracy": float(np.mean(counts.diagonal()[present] / counts.sum(1)[present])),
        "macro_f1": float(f1_score(labels, predictions, average="macro", zero_division=0.0)),
        "mcc": float(matthews_corrcoef(labels, predictions)),
        "confusion": "/".join(" ".join(map(str, line)) for line in counts),
        **_judge_scores(trained, test),
    }


def _judge_scores(trained: Trained, test: Samples) -> dict[str, float]:
    if trained.scores is None:
        return {}
    scores, y = trained.scores(test.x).double(), test.y
    # A class that the test split lacks, or all of it, has no ROC curve.
    curves = [k for k in range(scores.shape[1]) if 0 < (y == k).sum() < len(y)]
    auc = (
        float(np.mean([roc_auc_score((y == k).numpy(), scores[:, k].numpy()) for k in curves])) if curves else math.nan
    )
    if not trained.gives_probabilities:
        return {"auc": auc}
    log_loss = -scores.clamp(min=1e-7).log().gather(1, y[:, None]).mean()
    return {"auc": auc, "log_loss": float(log_loss), "calibration_error": calibration_error(scores, y)}


def calibration_error(p: Tensor, y: Tensor, bins: int = 15) -> float:
    """Returns the expected calibration error: the mean distance of confidence and accuracy over bins of confidence.

    Arguments:
        p: Probabilities, `(N, K)`.
        y: Labels, `(N,)`.
        bins: The number of bins of equal width.
    """
    confidence, predicted = p.max(1)
    bin_ = (confidence * bins).long().clamp(max=bins - 1)
    difference = torch.zeros(bins, dtype=p.dtype).index_add(0, bin_, (predicted == y).to(p) - confidence)
    return float(difference.abs().sum() / len(y))
