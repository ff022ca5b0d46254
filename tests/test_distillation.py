from dataclasses import replace

import pytest
import torch
from torch import nn

from vaeaug import Extrapolate, InputError
from vaeaug.bench.runs import Run, Settings, fit_estimator, fit_network
from vaeaug.bench.stages.baselines import Mix
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Arm
from vaeaug.data.classical import Classical
from vaeaug.runtime import seeds as rng

pytestmark = pytest.mark.usefixtures("random_state_untouched")


class Tiny(nn.Sequential):
    def __init__(self, shape, classes):
        super().__init__(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))


QUICK = Settings(steps=8, vae=(("steps", 10),))
STAGE = Distilled(teachers=("logistic",), repeats=2, pool=3, perturb=Extrapolate(1.0), smoothed=True)


def fitted(stage, digits, network=None):
    run = Run(digits, 0, QUICK)
    with rng.forked(0):
        run.network = network or Tiny((1, 8, 8), 10)
    return run, stage.fit(run)


def test_a_pool_gives_children_of_the_very_samples_with_the_teachers_labels(digits):
    run, transform = fitted(STAGE, digits)
    hard = nn.functional.one_hot(digits.y, 10).float()
    rows = torch.arange(0, 120, 5)
    x, t = transform(digits.x[rows], hard[rows], 7)
    changed = (x != digits.x[rows]).flatten(1).any(1)
    assert int(changed.sum()) in (19, 20)
    assert torch.equal(t[~changed], hard[rows][~changed])
    assert torch.allclose(t.sum(1), torch.ones(len(rows)))
    teachers = STAGE.taught(run)
    assert torch.allclose(t[changed], teachers.probabilities(x[changed]), atol=1e-5)
    again = transform(digits.x[rows], hard[rows], 7)
    assert torch.equal(x, again[0])
    assert torch.equal(transform(digits.x[rows], 3 * hard[rows], 7)[1], 3 * t)
    strange = digits.x[rows].flip(3)
    assert torch.equal(transform(strange, hard[rows], 7)[0], strange)


def test_soft_labels_are_not_smoothed_again(digits):
    hard = nn.functional.one_hot(digits.y, 10).float()
    one, two = (fitted(replace(STAGE, smoothed=s), digits)[1](digits.x, hard, 7)[1] for s in (True, False))
    changed = (one != hard).any(1)
    smooth = 0.9 * two + 0.1 * two.mean(1, keepdim=True)
    assert torch.allclose(smooth[changed], one[changed], atol=1e-6)
    assert torch.equal(two[~changed], hard[~changed])


def test_mixup_after_it_mixes_soft_labels(digits):
    hard = nn.functional.one_hot(digits.y, 10).float()
    t = hard.roll(1, 1) * 0.3 + hard * 0.7
    _, mixed = Mix(alpha=50.0).fit(fitted(STAGE, digits)[0])(digits.x, t, 3)
    share = ((mixed - t) / (t.roll(1, 0) - t)).nanmedian()
    assert 0.3 < share < 0.7
    assert torch.allclose(mixed, t.lerp(t.roll(1, 0), share), atol=1e-5)


def test_where_the_teachers_doubt_the_parent_stands(digits):
    _, transform = fitted(replace(STAGE, threshold=1.0), digits)
    hard = nn.functional.one_hot(digits.y, 10).float()
    x, t = transform(digits.x, hard, 7)
    assert torch.equal(x, digits.x)
    assert torch.equal(t, hard)


def test_the_control_has_the_same_teachers_and_no_children(digits):
    control = replace(STAGE, copies=Classical(shift=0))
    run, transform = fitted(control, digits)
    x, t = transform(digits.x, nn.functional.one_hot(digits.y, 10).float(), 7)
    assert torch.allclose(x, digits.x, atol=1e-6)
    changed = t.max(1).values < 1
    assert int(changed.sum()) == 96
    assert torch.allclose(t[changed], control.taught(run).probabilities(digits.x)[changed], atol=1e-4)


def test_it_trains_a_network_and_refuses_an_estimator(digits):
    arm = Arm("distilled", (replace(STAGE, hardest_of=2), Classical()))
    assert not arm.suits("forest")
    run = Run(digits, 0, QUICK)
    assert fit_network(run, "cnn", arm).predict(digits.x).shape == (120,)
    with pytest.raises(InputError, match="expected a network for soft labels, got an estimator; leave this arm out"):
        fit_estimator(run, "logistic", arm)
