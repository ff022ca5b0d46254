import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from torch import nn

from vaeaug import AugmentedLoader, Confident, CrossFitted, InputError, Posterior
from vaeaug.data.classical import Classical
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.filters import Filter, FilterResult, Teacher
from vaeaug.filters.base import AcceptanceCounts
from vaeaug.filters.teacher_training import TeacherSettings

pytestmark = pytest.mark.usefixtures("random_state_untouched")


class Memorizing:
    """An estimator that memorises its training samples: p(their label) = 1; for all other samples every class is equally
    likely."""

    _estimator_type = "classifier"

    def get_params(self, deep=True):
        return {}

    def fit(self, x, y):
        self.classes_ = sorted(set(y.tolist()))
        self.labels = {sample.tobytes(): label for sample, label in zip(x, y, strict=True)}
        return self

    def predict_proba(self, x):
        p = torch.full((len(x), len(self.classes_)), 1 / len(self.classes_)).numpy()
        for i, sample in enumerate(x):
            if sample.tobytes() in self.labels:
                p[i] = 0
                p[i, self.classes_.index(self.labels[sample.tobytes()])] = 1
        return p


class Tiny(nn.Sequential):
    def __init__(self, shape, classes):
        super().__init__(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))


def test_a_sample_index_finds_samples_up_to_rounding_and_no_others():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(300, 1, 8, 8, generator=generator)
    x[7] = x[3]
    index, order = SampleIndex(x), torch.randperm(300, generator=generator)
    expected = torch.where(order == 7, 3, order)
    assert torch.equal(index(x[order]), expected)
    assert torch.equal(index((x[order] - 0.3) / 0.7 * 0.7 + 0.3), expected)
    assert (index(x.flip(3)) == -1).all()
    assert (index(x + 0.01) == -1).all()
    assert index(x[:0]).shape == (0,)


def test_a_filter_is_the_same_for_all_parents_unless_it_says_otherwise(digits):
    class AcceptAll(Filter):
        def __call__(self, x, y):
            return FilterResult(torch.ones(len(x), dtype=torch.bool), torch.ones(len(x)))

    accept_all = AcceptAll()
    assert accept_all.for_parents(digits.x) is accept_all


def test_acceptance_is_counted_per_class_and_a_warning_comes_once():
    counts = AcceptanceCounts(["cat", "dog", "bird"])
    y = torch.arange(2).repeat(10)
    counts.add(y, y == 0)
    assert counts.fractions() == {"cat": 1.0, "dog": 0.0}
    with pytest.warns(
        UserWarning, match="accepts less than 10% of the synthetic samples of class dog; most are replaced"
    ):
        counts.add(y, y == 0)
    counts.add(y, y == 0)  # no second warning: the tests make errors of warnings
    counts.add(y, y == 1)
    assert counts.fractions() == {"cat": 0.75, "dog": 0.25}


@pytest.mark.parametrize("repeats", [1, 2])
def test_no_teacher_judges_a_parent_that_it_was_trained_on(digits, repeats):
    teachers = CrossFitted.fit(digits, Memorizing(), folds=3, repeats=repeats)
    assert len(teachers.teachers) == 3 * repeats
    p = teachers.probabilities(digits.x, digits.x)
    assert torch.allclose(p, torch.full_like(p, 0.1)), "a teacher trained on the sample would be sure of it"
    by_all = teachers.probabilities(digits.x).gather(1, digits.y[:, None])
    assert torch.allclose(by_all, torch.tensor((2 + 0.1) / 3))
    without_folds = CrossFitted.fit(digits, Memorizing(), folds=1)
    p = without_folds.probabilities(digits.x, digits.x)
    assert (p.argmax(1) == digits.y).all(), "all were trained on it, so all judge"


def test_samples_of_unknown_parents_are_judged_by_all(digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    unknown = digits.x[:5].flip(3)
    assert torch.equal(teachers.probabilities(digits.x[:5], unknown), teachers.probabilities(digits.x[:5]))


def test_folds_are_equal_in_size_and_equal_samples_share_one():
    x, y = torch.rand(48, 4, generator=torch.Generator().manual_seed(0)), torch.arange(48) % 5
    x[40], y[40] = x[0], y[0]
    x[46:], y[46:] = x[46], 5
    trained_on = CrossFitted.fit(Samples(x, y), Memorizing(), folds=4).trained_on
    held_out = (~trained_on).sum(1)
    assert held_out.max() - held_out.min() <= 2
    assert torch.equal(trained_on[:, 0], trained_on[:, 40])
    assert trained_on[:, 46:].all(), "every teacher is trained on the only sample of a class"
    assert ((~trained_on).sum(0)[:46] == 1).all()


def test_the_folds_of_a_seed_stay_those_of_committed_results(digits):
    held_out = ~CrossFitted.fit(digits, Memorizing(), folds=3, seed=5).trained_on
    fold = held_out.int().argmax(0)[:24].tolist()
    assert fold == [0, 2, 0, 2, 0, 1, 1, 2, 1, 2, 0, 1, 2, 2, 1, 2, 0, 0, 1, 1, 2, 1, 0, 0]


def test_the_filter_rejects_by_the_teachers_that_were_not_trained_on_the_parent(augmenter, digits):
    teachers = CrossFitted.fit(digits, Memorizing(), folds=3, threshold=0.5)
    copying = augmenter.using(perturb=Posterior(0.0))
    with pytest.warns(UserWarning, match="accepts less than"):
        x, _, parent, confidence = copying.using(filter=teachers).generate(
            60, near=digits.x[:30], labels=digits.y[:30], seed=0
        )
    assert (
        copying.using(filter=teachers.using(threshold=0.05)).generate(60, seed=0).confidence.nan_to_num().max() < 0.11
    )
    assert torch.equal(x, digits.x[parent])
    assert confidence.isnan().all(), "no teacher judged the parents that replace rejected samples"


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


@pytest.mark.parametrize("kind", ["cnn", RandomForestClassifier(5), lambda shape, classes: Tiny(shape, classes)])
def test_the_same_seed_gives_the_same_teachers(digits, kind):
    settings = {"folds": 2, "steps": 5} if not hasattr(kind, "fit") else {"folds": 2}
    one, same, other = (
        CrossFitted.fit(digits, kind, seed=seed, **settings).probabilities(digits.x) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_synthetic_samples_for_estimators_come_from_their_own_folds_alone(augmenter, digits):
    sources, counts = [], []

    class Recording:
        """A source of synthetic samples that is no augmenter."""

        def __init__(self, augmenter):
            self.augmenter = augmenter

        def subset(self, index):
            sources.append(self.augmenter.subset(index))
            return Recording(sources[-1])

        def generate_tensors(self, n, *, seed):
            counts.append(n)
            return self.augmenter.generate_tensors(n, seed=seed)

    teachers = CrossFitted.fit(digits, "logistic", folds=3, augmenter=Recording(augmenter), copies=2)
    assert len(sources) == 3
    assert counts == [2 * int(n) for n in teachers.trained_on.sum(1)]
    for source, mask in zip(sources, teachers.trained_on, strict=True):
        assert torch.equal(source.bank_.samples.x, digits.x[mask])
        assert torch.equal(source.bank_.mean, augmenter.bank_.mean[mask])
        assert source.vae_ is augmenter.vae_


def test_networks_learn_from_classically_augmented_samples(digits):
    sizes = []

    class Recording(Classical):
        def on(self, x):
            augment = super().on(x)
            return lambda batch, seed: sizes.append(len(x)) or augment(batch, seed)

    teachers = CrossFitted.fit(digits, "cnn", folds=3, steps=4, classical=Recording(shift=0.1))
    assert sizes == [int(n) for n in teachers.trained_on.sum(1) for _ in range(4)]
    CrossFitted.fit(digits, "cnn", folds=2, steps=1, classical=None)


def test_a_network_is_asked_in_eval_mode_and_judges_better_than_chance(digits):
    teachers = CrossFitted.fit(digits, "cnn", folds=2, steps=60, classical=Classical(shift=0))
    p = teachers.probabilities(digits.x, digits.x)
    assert (p.argmax(1) == digits.y).float().mean() > 0.5
    assert torch.allclose(p[:7], teachers.probabilities(digits.x[:7], digits.x[:7]), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 0}, "expected folds to be a whole number from 1 up, got 0; for example folds=1"),
        ({"repeats": 0}, "expected repeats to be a whole number from 1 up, got 0; for example repeats=1"),
        (
            {"step": 3},
            "expected a setting of the teachers' training to be one of steps, .*, got 'step'; did you mean steps",
        ),
        ({"threshold": 2}, "expected threshold to be a number from 0 to 1, got 2; for example threshold=0"),
        ({"weight": -1}, "expected weight to be a number from 0 to 1, got -1; for example weight=0"),
        ({"temperature": 0.5}, "expected a setting of the teachers' training to be one of .*, got 'temperature'"),
        ({"classifier": "tree"}, "expected classifier to be one of cnn, mlp, .*, got 'tree'; choose one of them"),
        ({"classifier": LinearSVC()}, r"expected an nn.Module, an estimator .*, got LinearSVC; .* SVC\(probability"),
        ({"classifier": nn.Linear(2, 2)}, "expected a function that makes a network, got a network; pass a function"),
    ],
)
def test_bad_arguments(digits, settings, message):
    with pytest.raises(InputError, match=message):
        CrossFitted.fit(digits, **{"classifier": "logistic", **settings})


def test_refusals_that_depend_on_the_data(digits):
    tabular = Samples(digits.x.flatten(1), digits.y, digits.names)
    for name in ("cnn", "resnet18"):
        message = f"expected a classifier for tabular data, got {name}; choose mlp, forest, logistic or knn"
        with pytest.raises(InputError, match=message):
            CrossFitted.fit(tabular, name)
    with pytest.raises(InputError, match=r"expected at least 2 samples of every class 0..9, got 1 of class 0"):
        CrossFitted.fit(digits[torch.arange(11, 120)])
    with pytest.raises(InputError, match="expected a setting to be one of threshold, weight, got 'folds'"):
        CrossFitted.fit(digits, LogisticRegression(C=0.1), folds=2).using(folds=3)


def test_a_loader_gives_soft_labels_as_mixup_does(augmenter, digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    batches = [(digits.x[i : i + 24], digits.y[i : i + 24]) for i in range(0, 120, 24)]
    hard = AugmentedLoader(batches, augmenter, replace=0.5, seed=3)
    soft = AugmentedLoader(batches, augmenter, replace=0.5, seed=3, teacher=teachers)
    for (x, y), (augmented, labels), (same, soft_labels) in zip(batches, hard, soft, strict=True):
        assert torch.equal(augmented, same)
        assert torch.equal(labels, y)
        assert soft_labels.shape == (24, 10)
        one_hot = nn.functional.one_hot(y, 10).float()
        changed = (soft_labels != one_hot).any(1)
        assert int(changed.sum()) == 12
        assert torch.equal(soft_labels[~changed], one_hot[~changed])
        expected = teachers.soft(augmented[changed], y[changed], x[changed])
        assert torch.allclose(soft_labels[changed], expected, atol=1e-6)


def test_soft_labels_do_not_depend_on_the_form_and_the_range_of_the_batch(augmenter, digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    x, y = digits.x[:24], digits.y[:24]
    (plain,) = AugmentedLoader([(x, y)], augmenter, replace=0.5, teacher=teachers)
    normalized = {"image": (x - 0.3) / 0.5, "label": y}
    (batch,) = AugmentedLoader([normalized], augmenter, replace=0.5, normalize=(0.3, 0.5), teacher=teachers)
    assert torch.allclose(batch["label"], plain[1], atol=1e-4)
    (unchanged,) = AugmentedLoader([(x, y)], augmenter, replace=0, teacher=teachers)
    assert unchanged[0] is x
    assert torch.equal(unchanged[1], nn.functional.one_hot(y, 10).float())


def test_a_loader_refuses_a_filter_that_is_no_teacher(augmenter):
    with pytest.raises(
        InputError, match=r"expected a teacher, got Confident; for example vaeaug.CrossFitted.fit\(data\)"
    ):
        AugmentedLoader([], augmenter, teacher=Confident(nn.Flatten()))


def test_every_setting_of_the_training_is_described():
    for name in TeacherSettings._fields:
        assert f"        {name}: " in TeacherSettings.__doc__


def test_a_teacher_that_judges_no_sample_is_not_asked(digits):
    teachers = CrossFitted.fit(digits, "logistic", folds=3)
    single = digits.x[:1]
    assert teachers.probabilities(single, single).sum() == pytest.approx(1, abs=1e-5)
