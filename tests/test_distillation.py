"""Synthetic samples with the soft labels of teachers."""

from dataclasses import replace

import pytest
import torch
from quick_bench import context_of, linear_network, one_hot

from vaeaug import Classical, Extrapolate, InputError
from vaeaug.bench import runs
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.baselines import ClassicalAugmentation, Mix
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Method
from vaeaug.data import load, subset

pytestmark = pytest.mark.usefixtures("random_state_untouched")

# Without label smoothing, soft labels are the teachers' probabilities.
SETTINGS = Settings(steps=8, vae=(("steps", 10),), smoothing=0)
STAGE = Distilled(teachers=("logistic",), repeats=2, n_cached=3, perturb=Extrapolate(1.0))


def context(digits, **kwargs):
    return context_of(digits, **{"settings": SETTINGS, **kwargs})


def fitted(stage, digits, settings=SETTINGS):
    return stage.fit(context(digits, settings=settings), linear_network(digits))


def test_samples_of_the_subset_get_synthetic_ones_with_the_labels_of_the_teachers(digits):
    transform = fitted(STAGE, digits)
    index = torch.arange(0, 120, 5)
    x, hard = digits.x[index], one_hot(digits)[index]
    new_x, t = transform(x, hard, 7)
    changed = (new_x != x).flatten(1).any(1)
    assert int(changed.sum()) in (19, 20)
    assert torch.equal(t[~changed], hard[~changed])
    assert torch.allclose(t.sum(1), torch.ones(len(index)))
    teachers = STAGE.fit_teachers(context(digits))
    assert torch.allclose(t[changed], teachers.probabilities(new_x[changed]), atol=1e-5)
    again, _ = transform(x, hard, 7)
    assert torch.equal(new_x, again)
    assert not torch.equal(new_x, transform(x, hard, 8)[0])
    assert torch.equal(transform(x, 3 * hard, 7)[1], 3 * t), "a synthetic sample has the weight of its parent"
    unknown = x.flip(3)
    assert torch.equal(transform(unknown, hard, 7)[0], unknown)


def test_the_label_smoothing_of_the_run_is_undone(digits):
    x, hard = digits.x, one_hot(digits)
    unsmoothed, t = (fitted(STAGE, digits, replace(SETTINGS, smoothing=s))(x, hard, 7)[1] for s in (0.1, 0))
    changed = (t != hard).any(1)
    smoothed = 0.9 * unsmoothed + 0.1 * unsmoothed.mean(1, keepdim=True)
    assert torch.allclose(smoothed[changed], t[changed], atol=1e-6), "smoothed by the run, they are the teachers' again"
    assert torch.equal(unsmoothed[~changed], hard[~changed])


def test_full_label_smoothing_is_possible(digits):
    x, t = fitted(STAGE, digits, replace(SETTINGS, smoothing=1))(digits.x, one_hot(digits), 7)
    assert x.isfinite().all()
    assert t.isfinite().all()


def test_mixup_after_it_mixes_soft_labels(digits):
    _, soft = fitted(STAGE, digits)(digits.x, one_hot(digits), 7)
    _, mixed = Mix(alpha=50.0).fit(context(digits))(digits.x, soft, 3)
    fraction = ((mixed - soft) / (soft.roll(1, 0) - soft)).nanmedian()
    assert 0.3 < fraction < 0.7
    assert torch.allclose(mixed, soft.lerp(soft.roll(1, 0), fraction), atol=1e-5)


def test_where_the_teachers_doubt_the_real_sample_is_used(digits):
    x, t = fitted(replace(STAGE, threshold=1.0), digits)(digits.x, one_hot(digits), 7)
    assert torch.equal(x, digits.x)
    assert torch.equal(t, one_hot(digits))


def test_the_control_has_the_same_teachers_and_no_synthetic_samples(digits):
    control = replace(STAGE, control_transform=ClassicalAugmentation(Classical(shift=0)))
    x, t = fitted(control, digits)(digits.x, one_hot(digits), 7)
    assert torch.allclose(x, digits.x, atol=1e-6)
    changed = t.max(1).values < 1
    assert int(changed.sum()) == 96
    teachers = STAGE.fit_teachers(context(digits))
    assert torch.allclose(t[changed], teachers.probabilities(digits.x)[changed], atol=1e-4)


def test_the_hardest_of_several_cached_samples(digits):
    network, hard = linear_network(digits), one_hot(digits)

    def mean_loss(stage):
        x, t = stage.fit(context(digits), network)(digits.x, hard, 7)
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(network(x), t))

    assert mean_loss(replace(STAGE, n_cached=8, hardest_of=6)) > mean_loss(replace(STAGE, n_cached=8))


def test_the_cache_is_limited(digits, monkeypatch):
    few = subset(load("digits"), 3)
    monkeypatch.setattr("vaeaug.bench.stages.distillation.MAX_CACHE_BYTES", 2 * few.x.nbytes)
    transform = fitted(replace(STAGE, n_cached=50, replace=1.0), few)
    versions = torch.stack([transform(few.x, one_hot(few), seed)[0] for seed in range(30)])
    assert max(len(of_sample.unique(dim=0)) for of_sample in versions.unbind(1)) == 2
    with pytest.raises(InputError, match="expected n_cached to be a whole number from 1 up, got 0"):
        Distilled(n_cached=0)


def test_a_network_is_trained_and_an_estimator_refused(digits):
    method = Method("distilled", (replace(STAGE, hardest_of=2), ClassicalAugmentation()))
    assert not method.supports("forest")
    assert runs.fit_classifier(context(digits), method).predict(digits.x).shape == (120,)
    with pytest.raises(InputError, match="expected a network for soft labels, got an estimator; leave this method out"):
        runs.fit_classifier(context(digits, classifier="logistic"), method)
