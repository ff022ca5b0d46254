"""Runs: how a network and an estimator are trained with a method, before they are judged."""

from dataclasses import dataclass, replace

import pytest
import torch
from quick_bench import QUICK, context_of
from sklearn.linear_model import LogisticRegression

from vaeaug.bench import runs
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.base import Stage
from vaeaug.bench.stages.controls import Unchanged
from vaeaug.bench.stages.method import Method
from vaeaug.data import load, subset

pytestmark = pytest.mark.usefixtures("random_state_untouched")


@dataclass(frozen=True)
class Spy(Stage):
    """Keeps the batches of a training, and multiplies their targets."""

    key = "spy"

    weight: float = 1.0
    batches = []  # noqa: RUF012 (not a field)

    def fit(self, context, network=None):
        def transform(x, t, seed):
            Spy.batches.append((x, t, seed))
            return x, t * self.weight

        Spy.batches = []
        return transform


def scores(context, *stages):
    return runs.fit_classifier(context, Method("a", stages)).scores(context.samples.x)


def test_a_network_sees_one_batch_per_step(digits):
    trained = runs.fit_classifier(context_of(digits), Method("a", (Spy(),)))
    assert trained.steps == len(Spy.batches) == 10
    assert {len(x) for x, _, _ in Spy.batches} == {64}
    # A batch may go beyond the end of an epoch.
    *epochs, last = torch.cat([x for x, _, _ in Spy.batches]).split(120)
    assert [len(epoch.unique(dim=0)) for epoch in (*epochs, last)] == [120] * 5 + [40]
    assert len({seed for _, _, seed in Spy.batches}) == 10
    assert all(torch.equal(t.sum(1), torch.ones(64)) and (t.max(1).values == 1).all() for _, t, _ in Spy.batches)


def test_methods_of_a_seed_share_the_order_and_the_initial_weights(digits):
    def batches(**kwargs):
        scores(context_of(digits, **kwargs), Spy())
        return torch.stack([x for x, _, _ in Spy.batches])

    assert torch.equal(batches(), batches())
    assert not torch.equal(batches(), batches(seed=1))
    assert torch.equal(scores(context_of(digits)), scores(context_of(digits), Unchanged()))
    assert not torch.equal(scores(context_of(digits)), scores(context_of(digits, seed=1)))


def test_label_smoothing_keeps_the_weights_of_targets(digits):
    """Targets of twice the weight are twice the loss, which AdamW does not notice."""
    settings = Settings(steps=20, smoothing=0.6, precision="fp32")
    expected = scores(context_of(digits, settings=settings), Spy())
    assert torch.allclose(scores(context_of(digits, settings=settings), Spy(weight=2.0)), expected, atol=5e-3)
    without = scores(context_of(digits, settings=replace(settings, smoothing=0)), Spy())
    assert not torch.allclose(without, expected, atol=1e-2)
    assert without.max() > expected.max(), "smoothed labels make a network less confident"


def test_scores_of_a_network_are_probabilities(digits):
    trained = runs.fit_classifier(context_of(digits), Method("none"))
    p = trained.scores(digits.x)
    assert torch.allclose(p.sum(1), torch.ones(120))
    assert torch.equal(p.argmax(1), trained.predict(digits.x))
    assert trained.gives_probabilities


class Recorder(LogisticRegression):
    """An estimator that keeps the data of its last training."""

    def fit(self, x, y, sample_weight=None):
        Recorder.x, Recorder.y = x, y
        return super().fit(x, y, sample_weight)


@pytest.mark.parametrize(("limit", "copies"), [(20_000, 10), (370, 3), (5, 1)])
def test_an_estimator_gets_augmented_copies_of_every_sample(digits, monkeypatch, limit, copies):
    monkeypatch.setattr(runs, "MAX_COPIES", limit)
    runs.fit_classifier(context_of(digits, classifier=("recorder", Recorder())), Method("a", (Unchanged(),)))
    assert len(Recorder.x) == 120 * (1 + copies)
    assert (Recorder.y.reshape(1 + copies, 120) == digits.y.numpy()).all()
    assert (Recorder.x.reshape(1 + copies, 120, 64) == digits.x.flatten(1).numpy()).all()


def test_without_stages_an_estimator_gets_the_training_set(digits):
    trained = runs.fit_classifier(context_of(digits, classifier=("recorder", Recorder())), Method("none"))
    assert len(Recorder.x) == 120
    assert trained.steps == 0


@pytest.mark.parametrize("classifier", ["forest", "svc", "logistic", "knn", "boosting"])
def test_scores_of_an_estimator_that_did_not_see_every_class(classifier):
    digits = subset(load("digits"), 4)
    some = replace(digits[(digits.y != 1) & (digits.y != 9)], names=digits.names)
    trained = runs.fit_classifier(context_of(some, classifier=classifier), Method("none"))
    values = trained.scores(digits.x)
    assert values.shape == (40, 10)
    seen = [label for label in range(10) if label not in (1, 9)]
    assert torch.equal(values[:, seen].argmax(1), torch.searchsorted(torch.tensor(seen), trained.predict(digits.x)))
    if trained.gives_probabilities:
        assert (values[:, [1, 9]] == 0).all()
        assert torch.allclose(values.sum(1), torch.ones(40), atol=1e-5)
    else:
        assert classifier == "svc"
        assert (values[:, [1, 9]] == values.min()).all()


def test_scores_of_two_classes():
    data = load("breast-cancer")
    samples = subset(data, 20)
    trained = runs.fit_classifier(context_of(samples, classifier="svc"), Method("none"))
    values = trained.scores(data.x)
    assert values.shape == (len(data), 2)
    assert torch.equal(values.argmax(1), trained.predict(data.x))


def test_the_subset_has_a_hash(digits):
    hashes = {runs.SeedRun(samples, 0, QUICK).subset_digest for samples in (digits, digits[:119], digits)}
    assert len(hashes) == 2
    other_labels = replace(digits, y=digits.y.roll(1))
    assert runs.SeedRun(other_labels, 0, QUICK).subset_digest not in hashes
