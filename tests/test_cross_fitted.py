from dataclasses import replace

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from torch import nn

from vaeaug import AugmentedLoader, Confident, CrossFitted, Extrapolate, InputError, Posterior
from vaeaug.bench.runs import Run, Settings, fit_estimator, fit_network
from vaeaug.bench.stages.baselines import Mix
from vaeaug.bench.stages.distillation import Distilled, worst
from vaeaug.bench.stages.method import Arm
from vaeaug.data.classical import Classical
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.filters.base import Teacher
from vaeaug.filters.cross_fitted import Training, _dealt
from vaeaug.runtime import seeds as rng

pytestmark = pytest.mark.usefixtures("random_state_untouched")


class Remembers:
    """Knows by heart what it was fitted to, and nothing else: p(label seen) = 1, else all classes alike."""

    _estimator_type = "classifier"

    def get_params(self, deep=True):
        return {}

    def fit(self, x, y):
        self.classes_ = sorted(set(y.tolist()))
        self.known = {row.tobytes(): label for row, label in zip(x, y, strict=True)}
        return self

    def predict_proba(self, x):
        out = torch.full((len(x), len(self.classes_)), 1 / len(self.classes_)).numpy()
        for i, row in enumerate(x):
            if row.tobytes() in self.known:
                out[i] = 0
                out[i, self.classes_.index(self.known[row.tobytes()])] = 1
        return out


def test_a_lookup_finds_samples_but_for_rounding_and_no_others():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(300, 1, 8, 8, generator=generator)
    x[7] = x[3]
    lookup, order = SampleIndex(x), torch.randperm(300, generator=generator)
    first = torch.where(order == 7, 3, order)
    assert torch.equal(lookup(x[order]), first)
    assert torch.equal(lookup((x[order] - 0.3) / 0.7 * 0.7 + 0.3), first)
    assert (lookup(x.flip(3)) == -1).all()
    assert (lookup(x + 0.01) == -1).all()
    assert lookup(x[:0]).shape == (0,)


@pytest.mark.parametrize("repeats", [1, 2])
def test_no_teacher_judges_a_parent_that_it_saw(digits, repeats):
    teachers = CrossFitted.fit(digits, Remembers(), folds=3, repeats=repeats)
    assert len(teachers.teachers) == 3 * repeats
    own = teachers.probabilities(digits.x, digits.x)
    assert torch.allclose(own, torch.full_like(own, 0.1)), "whoever saw the sample would be sure of it"
    together = teachers.probabilities(digits.x).gather(1, digits.y[:, None])
    assert torch.allclose(together, torch.tensor((2 + 0.1) / 3))
    everyone = CrossFitted.fit(digits, Remembers(), folds=1)
    assert (everyone.probabilities(digits.x, digits.x).argmax(1) == digits.y).all(), "all saw it, so all judge"


def test_what_is_near_no_known_sample_is_judged_by_all(digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    moved = digits.x[:5].flip(3)
    assert torch.equal(teachers.probabilities(digits.x[:5], moved), teachers.probabilities(digits.x[:5]))


def test_folds_are_alike_in_size_and_equal_samples_share_one():
    x, y = torch.rand(47, 4, generator=torch.Generator().manual_seed(0)), torch.arange(47) % 5
    x[40], y[40] = x[0], y[0]
    y[46] = 5
    samples = Samples(x, y)
    seen = _dealt(samples, SampleIndex(x), 4, seed=0)
    held_out = (~seen).sum(1)
    assert held_out.max() - held_out.min() <= 2
    assert torch.equal(seen[:, 0], seen[:, 40])
    assert seen[:, 46].all(), "the only sample of a class is seen by every teacher"
    assert ((~seen).sum(0)[:46] == 1).all()


def test_the_filter_vetoes_by_the_teachers_that_did_not_see_the_parent(augmenter, digits):
    teachers = CrossFitted.fit(digits, Remembers(), folds=3, threshold=0.5)
    still = augmenter.using(perturb=Posterior(0.0))
    with pytest.warns(UserWarning, match="keeps less than"):
        made = still.using(filter=teachers).generate(60, near=digits.x[:30], labels=digits.y[:30], seed=0)
    assert still.using(filter=teachers.using(threshold=0.05)).generate(60, seed=0).confidence.max() < 0.11
    assert torch.equal(made.x, digits.x[made.parent])
    assert (made.confidence == 1).all(), "nobody judged the parents that took the place of vetoed children"


def test_soft_labels_lie_between_the_label_and_the_teachers(digits):
    teachers = CrossFitted.fit(digits, ("logistic", RandomForestClassifier(10)), folds=3)
    assert isinstance(teachers, Teacher)
    x, y = digits.x[:20], digits.y[:20]
    p = teachers.probabilities(x, x)
    assert torch.allclose(p.sum(1), torch.ones(20))
    assert torch.equal(teachers.soft(x, y, x), p)
    assert torch.equal(teachers.using(weight=0).soft(x, y), nn.functional.one_hot(y, 10).float())
    half = teachers.using(weight=0.5).soft(x, y, x)
    assert torch.allclose(half, 0.5 * p + 0.5 * nn.functional.one_hot(y, 10))
    sharp = teachers.using(temperature=0.5).probabilities(x, x)
    assert torch.equal(sharp.argmax(1), p.argmax(1))
    assert (sharp.max(1).values >= p.max(1).values - 1e-6).all()


@pytest.mark.parametrize("kind", ["cnn", RandomForestClassifier(5), lambda shape, classes: Tiny(shape, classes)])
def test_the_same_seed_gives_the_same_teachers(digits, kind):
    settings = {"folds": 2, "steps": 5} if not hasattr(kind, "fit") else {"folds": 2}
    one, two, other = (CrossFitted.fit(digits, kind, seed=s, **settings).probabilities(digits.x) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


class Tiny(nn.Sequential):
    def __init__(self, shape, classes):
        super().__init__(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))


def test_children_for_estimators_come_from_their_own_folds_alone(augmenter, digits, monkeypatch):
    banks = []
    whole = type(augmenter).part
    monkeypatch.setattr(type(augmenter), "part", lambda self, index: banks.append(whole(self, index)) or banks[-1])
    teachers = CrossFitted.fit(digits, "logistic", folds=3, augmenter=augmenter, copies=2)
    assert len(banks) == 3
    for bank, seen in zip(banks, teachers.seen, strict=True):
        assert torch.equal(bank.bank_.samples.x, digits.x[seen])
        assert torch.equal(bank.bank_.mean, augmenter.bank_.mean[seen])
        assert bank.vae_ is augmenter.vae_


def test_networks_learn_from_moved_samples(digits):
    seen = []

    class Watching(Classical):
        def fit(self, job):
            apply = super().fit(job)
            return lambda x, t, seed: seen.append(len(job.samples)) or apply(x, t, seed)

    teachers = CrossFitted.fit(digits, "cnn", folds=3, steps=4, classical=Watching(shift=0.1))
    assert seen == [int(n) for n in teachers.seen.sum(1) for _ in range(4)]
    CrossFitted.fit(digits, "cnn", folds=2, steps=1, classical=None)


def test_a_network_is_asked_in_eval_mode_and_judges_better_than_chance(digits):
    teachers = CrossFitted.fit(digits, "cnn", folds=2, steps=60, classical=Classical(shift=0))
    found = teachers.probabilities(digits.x, digits.x)
    assert (found.argmax(1) == digits.y).float().mean() > 0.5
    assert torch.allclose(found[:7], teachers.probabilities(digits.x[:7], digits.x[:7]), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 0}, "expected folds to be a whole number from 1 up, got 0; for example folds=1"),
        ({"repeats": 0}, "expected repeats to be a whole number from 1 up, got 0; for example repeats=1"),
        ({"step": 3}, "expected a setting of the teachers' training to be one of steps, .*, got 'step'; choose one of"),
        ({"threshold": 2}, "expected threshold to be a number from 0 to 1, got 2; for example threshold=0"),
        ({"temperature": 0}, "expected temperature to be a number above 0, got 0; for example temperature=1"),
        ({"classifier": "tree"}, "expected classifier to be one of cnn, mlp, .*, got 'tree'; choose one of them"),
        ({"classifier": LinearSVC()}, r"expected an nn.Module, an estimator .*, got LinearSVC; pass SVC\(probability"),
        ({"classifier": nn.Linear(2, 2)}, "expected a function that makes a network, got a network; pass a function"),
    ],
)
def test_what_cannot_be_used_is_refused(digits, settings, message):
    with pytest.raises(InputError, match=message):
        CrossFitted.fit(digits, **{"classifier": "logistic", **settings})


def test_refusals_that_depend_on_the_data(digits):
    rows = Samples(digits.x.flatten(1), digits.y, digits.names)
    with pytest.raises(
        InputError, match="expected a classifier for rows, got cnn; choose mlp, forest, logistic or knn"
    ):
        CrossFitted.fit(rows)
    with pytest.raises(InputError, match=r"expected at least 2 samples of every class 0..9, got 1 of class 0"):
        CrossFitted.fit(digits[torch.arange(11, 120)])
    with pytest.raises(InputError, match="expected a setting to be one of threshold, weight, temperature, got 'folds'"):
        CrossFitted.fit(digits, LogisticRegression(C=0.1), folds=2).using(folds=3)


def test_a_loader_gives_soft_labels_as_mixup_does(augmenter, digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    batches = [(digits.x[i : i + 24], digits.y[i : i + 24]) for i in range(0, 120, 24)]
    hard = AugmentedLoader(batches, augmenter, replace=0.5, seed=3)
    soft = AugmentedLoader(batches, augmenter, replace=0.5, seed=3, teacher=teachers)
    for (x, y), (children, labels), (same, told) in zip(batches, hard, soft, strict=True):
        assert torch.equal(children, same)
        assert torch.equal(labels, y)
        assert told.shape == (24, 10)
        one_hot, changed = nn.functional.one_hot(y, 10).float(), (told != nn.functional.one_hot(y, 10)).any(1)
        assert int(changed.sum()) == 12
        assert torch.equal(told[~changed], one_hot[~changed])
        assert torch.allclose(told[changed], teachers.soft(children[changed], y[changed], x[changed]), atol=1e-6)


def test_soft_labels_whatever_the_form_and_the_range_of_the_batch(augmenter, digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    x, y = digits.x[:24], digits.y[:24]
    (plain,) = AugmentedLoader([(x, y)], augmenter, replace=0.5, teacher=teachers)
    normalised = {"image": (x - 0.3) / 0.5, "label": y}
    (batch,) = AugmentedLoader([normalised], augmenter, replace=0.5, normalize=(0.3, 0.5), teacher=teachers)
    assert torch.allclose(batch["label"], plain[1], atol=1e-4)
    (real,) = AugmentedLoader([(x, y)], augmenter, replace=0, teacher=teachers)
    assert real[0] is x
    assert torch.equal(real[1], nn.functional.one_hot(y, 10).float())


def test_a_loader_refuses_what_is_no_teacher(augmenter):
    with pytest.raises(
        InputError, match=r"expected a teacher, got Confident; pass vaeaug.CrossFitted.fit\(data\), say"
    ):
        AugmentedLoader([], augmenter, teacher=Confident(nn.Flatten()))


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


def test_the_worst_child_has_the_highest_loss():
    network = nn.Identity()
    x = torch.tensor([[[3.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 9.0]]])
    t = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).expand(2, 2, 2)
    assert worst(network, x, t).tolist() == [1, 0]


def test_it_trains_a_network_and_refuses_an_estimator(digits):
    arm = Arm("distilled", (replace(STAGE, hardest_of=2), Classical()))
    assert not arm.suits("forest")
    run = Run(digits, 0, QUICK)
    assert fit_network(run, "cnn", arm).predict(digits.x).shape == (120,)
    with pytest.raises(InputError, match="expected a network for soft labels, got an estimator; leave this arm out"):
        fit_estimator(run, "logistic", arm)


def test_training_has_no_setting_without_a_meaning():
    for name in Training._fields:
        assert name in Training.__doc__


def test_a_teacher_that_may_judge_nothing_is_not_asked(digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    one = digits.x[:1]
    assert teachers.probabilities(one, one).sum() == pytest.approx(1, abs=1e-5)
