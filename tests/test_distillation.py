"""Distilled synthetic samples: cached once per run, with the soft labels of teachers."""

from dataclasses import replace

import pytest
import torch
from quick_bench import context_of, linear_network, one_hot

from vaeaug import Extrapolate, InputError
from vaeaug.bench import runs
from vaeaug.bench.stages.baselines import ClassicalAugmentation, Mix
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Method
from vaeaug.data.classical import Classical

pytestmark = pytest.mark.usefixtures("random_state_untouched")

STAGE = Distilled(teachers=("logistic",), repeats=2, n_cached=3, perturb=Extrapolate(1.0))


@pytest.fixture(scope="module")
def context(digits):
    return context_of(digits)


def fitted(stage, context):
    return stage.fit(context, linear_network(context.samples))


def test_the_cache_gives_synthetic_samples_of_the_same_parents_with_the_labels_of_the_teachers(digits, context):
    transform, hard = fitted(STAGE, context), one_hot(digits)
    rows = torch.arange(0, 120, 5)
    x, t = transform(digits.x[rows], hard[rows], 7)
    changed = (x != digits.x[rows]).flatten(1).any(1)
    assert int(changed.sum()) in (19, 20), "0.8 of 24"
    assert torch.equal(t[~changed], hard[rows][~changed])
    assert torch.allclose(t.sum(1), torch.ones(len(rows)))
    teachers = STAGE.fit_teachers(context)
    smoothed = 0.9 * t + 0.1 * t.mean(1, keepdim=True)
    assert torch.allclose(smoothed[changed], teachers.probabilities(x[changed]), atol=1e-5)
    again = transform(digits.x[rows], hard[rows], 7)
    assert torch.equal(x, again[0])
    assert torch.equal(transform(digits.x[rows], 3 * hard[rows], 7)[1], 3 * t)
    unknown = digits.x[rows].flip(3)
    assert torch.equal(transform(unknown, hard[rows], 7)[0], unknown)


def test_the_smoothing_of_the_run_gives_the_labels_of_the_teachers(digits, context):
    hard = one_hot(digits)
    settings = replace(context.settings, smoothing=0.0)
    unsmoothed, exact = (fitted(STAGE, c)(digits.x, hard, 7)[1] for c in (context, replace(context, settings=settings)))
    changed = (exact != hard).any(1)
    smoothed = 0.9 * unsmoothed + 0.1 * unsmoothed.mean(1, keepdim=True)
    assert torch.allclose(smoothed[changed], exact[changed], atol=1e-6)
    assert torch.equal(unsmoothed[~changed], hard[~changed])


def test_mixup_after_it_mixes_soft_labels(digits, context):
    hard = one_hot(digits)
    t = hard.roll(1, 1) * 0.3 + hard * 0.7
    _, mixed = Mix(alpha=50.0).fit(context)(digits.x, t, 3)
    fraction = ((mixed - t) / (t.roll(1, 0) - t)).nanmedian()
    assert 0.3 < fraction < 0.7
    assert torch.allclose(mixed, t.lerp(t.roll(1, 0), fraction), atol=1e-5)


def test_below_the_threshold_the_real_sample_is_cached(digits, context):
    hard = one_hot(digits)
    x, t = fitted(replace(STAGE, threshold=1.0), context)(digits.x, hard, 7)
    assert torch.equal(x, digits.x)
    assert torch.equal(t, hard)


def test_the_control_has_the_same_teachers_and_no_synthetic_samples(digits, context):
    control = replace(STAGE, control_transform=ClassicalAugmentation(Classical(shift=0)))
    transform = fitted(control, replace(context, settings=replace(context.settings, smoothing=0.0)))
    x, t = transform(digits.x, one_hot(digits), 7)
    assert torch.allclose(x, digits.x, atol=1e-6)
    changed = t.max(1).values < 1
    assert int(changed.sum()) == 96
    expected = control.fit_teachers(context).probabilities(digits.x)[changed]
    assert torch.allclose(t[changed], expected, atol=1e-4)


def test_it_trains_a_network_and_refuses_an_estimator(digits):
    method = Method("distilled", (replace(STAGE, hardest_of=2), ClassicalAugmentation()))
    assert not method.supports("forest")
    trained = runs.fit_network(context_of(digits), method)
    assert trained.predict(digits.x).shape == (120,)
    with pytest.raises(InputError, match="expected a network for soft labels, got an estimator; leave this method out"):
        runs.fit_estimator(context_of(digits, classifier="logistic"), method)
