"""The benchmark's methods with unlabelled samples."""

from dataclasses import replace

import pytest
import torch

from vaeaug import InputError
from vaeaug.bench.compare import compare
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.unlabelled import WithUnlabelled
from vaeaug.data import Samples, load, subset
from vaeaug.data.lookup import SampleIndex
from vaeaug.models.classifiers import as_classifier

pytestmark = pytest.mark.usefixtures("random_state_untouched")


class Unread:
    """A label that nobody may read."""

    def __getattribute__(self, name):
        raise AssertionError("a label of an unlabelled sample was read")


@pytest.fixture(scope="module")
def few():
    return subset(load("digits"), 6, seed=1)


@pytest.fixture(scope="module")
def context(few):
    data = load("digits")
    train_data = Samples(data.x, Unread(), data.names)
    return Context(few, 3, Settings(steps=5, vae=(("steps", 5),)), as_classifier("cnn"), train_data)


def test_unlabelled_samples_are_outside_the_training_subset_and_their_labels_are_not_read(context, few):
    x = WithUnlabelled(unlabelled_count=500).draw_unlabelled(context)
    assert (SampleIndex(few.x)(x) < 0).all(), "none of the training subset is among them"
    assert len(SampleIndex(x)(x).unique()) == 500
    assert torch.equal(WithUnlabelled(unlabelled_count=100).draw_unlabelled(context), x[:100])


def test_a_batch_is_replaced_with_synthetic_samples(context, few):
    stage = WithUnlabelled(unlabelled_count=50, teacher="logistic", replace=1.0)
    x, t = few.x, torch.nn.functional.one_hot(few.y, 10).float()
    changed, _ = stage.fit(context, torch.nn.Identity())(x, t, 0)
    assert changed.shape == x.shape
    assert (changed != x).flatten(1).any(1).float().mean() > 0.9
    stages = (replace(stage, replace=fraction) for fraction in (0.2, 0.8))
    assert len({id(stage.augmenter(context)) for stage in stages}) == 1, "methods share the VAE"


def test_a_run_without_its_training_data_is_refused(context):
    unknown = replace(context, train_data=None)
    with pytest.raises(
        InputError, match=r"expected a run that knows its training data, got one without; use vaeaug\.compare"
    ):
        WithUnlabelled(unlabelled_count=5).draw_unlabelled(unknown)


def test_the_benchmark_adds_methods():
    settings = Settings(steps=3, vae=(("steps", 3),))
    shared = {"per_class": 4, "seeds": 1, "settings": settings, "progress": False}
    standard = [method.name for method in Catalogue("digits").standard if method.supports("logistic")]
    results = list(compare("digits", unlabelled=60, classifiers="logistic", **shared))
    assert [result.method for result in results if result.method not in standard] == [
        "synthetic (extrapolate), unlabelled pool",
        "classical + synthetic (extrapolate), unlabelled pool",
        "label spreading (PCA), unlabelled pool",
        "classical + label spreading (PCA), unlabelled pool",
    ]
    assert len({result.subset for result in results}) == 1
    methods = Catalogue("digits").with_unlabelled(60)
    ours, baselines = ([m.name for m in methods if m.kind == kind] for kind in ("ours", "baseline"))
    assert ours == [
        "synthetic (extrapolate), unlabelled pool",
        "classical + synthetic (extrapolate), unlabelled pool",
        "classical + synthetic + MixUp, unlabelled pool",
        "classical + synthetic (extrapolate, hardest of 4) + MixUp, unlabelled pool",
        "classical + synthetic (any class, hardest of 4) + MixUp, unlabelled pool",
    ]
    assert baselines == [
        "classical + pseudo-labels, unlabelled pool",
        "classical + pseudo-labels + MixUp, unlabelled pool",
        "RandAugment + pseudo-labels + MixUp, unlabelled pool",
        "classical + FixMatch, unlabelled pool",
        "RandAugment + FixMatch + MixUp, unlabelled pool",
        "label spreading (PCA), unlabelled pool",
        "classical + label spreading (PCA), unlabelled pool",
        "classical + label spreading (PCA) + MixUp, unlabelled pool",
        "RandAugment + label spreading (PCA) + MixUp, unlabelled pool",
    ]
    for_networks = [method for method in methods if method.name in (ours[-1], baselines[1], baselines[4], baselines[8])]
    results = compare("digits", methods=for_networks, classifiers="cnn", **shared)
    assert [result.method for result in results] == [method.name for method in for_networks]
    plain = compare("digits", classifiers="logistic", **shared)
    assert not any(result.method.endswith("unlabelled pool") for result in plain), "by default there are none"


def test_too_many_unlabelled_samples_are_refused():
    shared = {"per_class": 4, "seeds": 1, "progress": False, "classifiers": "logistic"}
    with pytest.raises(
        InputError, match=r"expected 900 samples outside the training subset, got 85. in the data to train on"
    ):
        compare("digits", unlabelled=900, **shared)
    with pytest.raises(InputError, match="expected unlabelled to be a whole number from 0 up, got -1"):
        compare("digits", unlabelled=-1, **shared)
